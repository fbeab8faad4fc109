"""One table along its learning rates, by canonical class: what the report on rates counts.

Functions are counted by canonical class (the entry of each class that comes first), so that
spellings of one function count once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.spaces.paper import load_space
from act_bench.tables.registry import TABLES, TableInfo
from act_bench.tables.runs import load_runs
from builders.rates import FIRST_SEED, RATE, at_every_rate, fresh_summaries, tuned_table
from builders.reports.seeds import drawn, matrix
from builders.tables import read_runs
from regenerate.recipes import find

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Axis:
    """One table along its learning rates, by canonical class.

    Parameters
    ----------
    rates
        Ascending.
    own
        Place of the recipe's own rate among them.
    info
        The table.
    entry
        (classes,) the first entry of each class.
    first
        (classes, rates) score with seed 0: the metric, a loss negated; NaN where it diverged.
    measured
        (classes, rates) whether there is a run with seed 0.
    tuned
        One row per class, see ``act_bench.tables.rates``.
    own_fresh
        (classes,) mean score of the seeds that chose nothing, at the recipe's own rate; a run that
        diverged counts as guessing. NaN where there are none.
    drawn
        (classes,) whether it belongs to a fair sample of all whose runs at the recipe's own rate
        have every seed of the table.
    """

    rates: tuple[float, ...]
    own: int
    info: TableInfo
    entry: NDArray[np.int64]
    first: Scores
    measured: Mask
    tuned: pl.DataFrame
    own_fresh: Scores
    drawn: Mask

    @property
    def worth(self) -> Scores:
        """(classes, rates) scores, that of guessing where it diverged."""
        return np.where(np.isnan(self.first), self.info.worst_score, self.first)

    @property
    def complete(self) -> Mask:
        """Classes with a run at every rate."""
        return np.asarray(self.measured.all(axis=1))

    @property
    def trains(self) -> Mask:
        """(classes, rates) whether it trains."""
        return self.worth > self.info.trained_score

    def scores(self, rows: pl.DataFrame, column: str) -> Scores:
        """Return a column of the metric as scores, higher being better; null is NaN."""
        found = rows[column].cast(float).to_numpy() * self.info.score(1.0)
        return np.asarray(found, np.float64)


def axis(table: str, runs: dict[float, pl.DataFrame]) -> Axis:
    """Return a table along its rates.

    Parameters
    ----------
    table
        Its name.
    runs
        As from ``builders.rates.at_every_rate``.
    """
    space, info = load_space(), TABLES[table]
    recipe = find(table, info.default_fidelity)
    entry = np.sort(np.unique(np.asarray(space.canonical_class), return_index=True)[1])
    place = np.full(len(space.representatives), -1)
    place[entry] = np.arange(len(entry))
    first = np.full((len(entry), len(runs)), np.nan)
    measured = np.zeros(first.shape, bool)
    for column, of_rate in enumerate(runs.values()):
        chosen = of_rate.filter((pl.col("seed") == FIRST_SEED) & pl.col("entry").is_in(entry))
        rows = place[chosen["entry"].to_numpy()]
        measured[rows, column] = True
        ok = (chosen["outcome"] == "ok").to_numpy()
        first[rows[ok], column] = chosen[info.metric].to_numpy()[ok] * info.score(1.0)
    tuned = tuned_table(runs, space, recipe.learning_rate, info)[entry]
    own = runs[recipe.learning_rate]
    others = fresh_summaries(own.filter(pl.col("seed") != FIRST_SEED), info, ["entry"])
    own_fresh = np.full(len(space.representatives), np.nan)
    own_fresh[others["entry"].to_numpy()] = others[f"fresh_{info.metric}"].to_numpy()
    own_fresh *= info.score(1.0)
    return Axis(
        tuple(runs),
        list(runs).index(recipe.learning_rate),
        info,
        entry.astype(np.int64),
        first,
        measured,
        tuned,
        own_fresh[entry],
        drawn(matrix(own, info))[entry],
    )


def runs_of(table: str, sources: list[Path]) -> dict[float, pl.DataFrame]:
    """Return the runs of a table at each rate: embedded ones, and those of sweeps."""
    recipe = find(table, TABLES[table].default_fidelity)
    embedded = load_runs(table, recipe.fidelity, rate="all")
    own = embedded.filter(pl.col(RATE) == recipe.learning_rate)
    parts = [embedded.filter(pl.col(RATE) != recipe.learning_rate)]
    parts += [read_runs(source).select(embedded.columns) for source in sources]
    others = pl.concat(parts).unique(["entry", RATE, "seed"], maintain_order=True)
    return at_every_rate(own, others, recipe)
