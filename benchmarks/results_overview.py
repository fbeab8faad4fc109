"""What the page of results begins with: all optimisers and all claims over all tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from results_goals import Goal, count, goals_of, interval, median_with_interval
from results_kept import Searches, spectra_of
from results_ranking import against

from act_bench.benchmark_data import BenchmarkData
from act_bench.figures.tables import invalid_spectra
from surrogates import evaluation
from surrogates.significance import mean_ranks, pairwise

RANKS = """\
Where the trials of an optimiser end among those of all, a share, 0 the best; and the evaluations,
median, until better than every baseline. Optimisers that ran on every table, the best in the mean
first:
"""
CLAIMS = """
The paper's claims. (1) The union of outputs and spectra is better than either, by UMAP: as a model
(in how many comparisons it is ahead of both, and behind one), and in a search (how probably it ends
better than with the one alone; * significant). (2) A search by it is past every baseline in tens of
evaluations; how many entries are, and which share of searches is within 100 evaluations. (3) An
invalid Fisher spectrum tells what diverges.
"""
CLAIM_HEADS = (
    "table",
    "(1) ahead, behind",
    "search: than outputs",
    "than spectra",
    "(2) entries",
    "`aquasurf`",
    "random, exactly",
    "(3) found, of what diverges",
    "diverges, of what is found",
)


def row(cells: Sequence[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


@dataclass(frozen=True)
class TableResults:
    """What was run on one table.

    Attributes
    ----------
    data
        The table.
    made
        Optimiser -> its searches.
    rows
        What `surrogates.evaluation.evaluate` gave.
    """

    data: BenchmarkData
    made: dict[str, Searches]
    rows: pl.DataFrame

    @cached_property
    def finals(self) -> dict[str, NDArray[np.float64]]:
        """Optimiser -> the regret of each trial at the end."""
        return {name: found.regret[:, -1] for name, found in self.made.items()}

    @cached_property
    def pairs(self) -> pl.DataFrame:
        """Which optimisers differ."""
        return pairwise(self.finals)

    @cached_property
    def goals(self) -> tuple[Goal, Goal]:
        """The top of the table, and all that is better than every baseline."""
        return goals_of(self.data)


def overview(tables: Sequence[TableResults]) -> str:
    """Return the part of the page on all tables; empty for one table, which speaks for itself."""
    if len(tables) < 2:
        return ""
    return "\n".join(["\n## All tables\n", optimisers(tables), claims(tables)])


def optimisers(tables: Sequence[TableResults]) -> str:
    """Return the table of optimisers, those with the best mean rank over the tables first."""
    names = [each.data.table for each in tables]
    ranks = [mean_ranks(each.finals) for each in tables]
    everywhere = {
        name: float(np.mean([rank[name] for rank in ranks]))
        for name in dict.fromkeys(name for rank in ranks for name in rank)
        if all(name in rank for rank in ranks)
    }
    heads = ["optimiser", "mean", *names, *(f"{name}: evaluations" for name in names)]
    lines = [RANKS, row(heads), "|---" * len(heads) + "|"]
    for name in sorted(everywhere, key=everywhere.__getitem__):
        shares = [f"{rank[name]:.2f}" for rank in ranks]
        needed = [
            count(median_with_interval(each.goals[1].first(each.made[name].best))[0])
            for each in tables
        ]
        lines.append(row([f"`{name}`", f"{everywhere[name]:.2f}", *shares, *needed]))
    exactly = [f"{each.goals[1].random:,}" for each in tables]
    lines.append(row(["random, exactly", *[""] * (1 + len(names)), *exactly]))
    return "\n".join(lines)


def claims(tables: Sequence[TableResults]) -> str:
    """Return the table of the paper's claims, with the figures that each hangs on."""
    rows = [row([f"`{each.data.table}`", *claimed(each)]) for each in tables]
    return "\n".join([CLAIMS, row(CLAIM_HEADS), "|---" * len(CLAIM_HEADS) + "|", *rows, ""])


def claimed(found: TableResults) -> list[str]:
    """Return the cells of one table."""
    if not spectra_of(found.data) or "aquasurf" not in found.made:
        return ["no spectra", *[""] * (len(CLAIM_HEADS) - 2)]
    gains = evaluation.union_gains(found.rows).filter(pl.col("view") == "umap")
    won, lost, of = evaluation.wins(gains)
    searches = []
    for other in ("umap-outputs", "umap-fim"):
        share, sure = against(found.pairs, "aquasurf", f"aquasurf:features={other}")
        searches.append(f"{share:.2f}{' *' * sure}")
    goal = found.goals[1]
    reached = goal.first(found.made["aquasurf"].best)
    needed = [
        f"{goal.entries}",
        f"{interval(reached)}; {np.isfinite(reached).mean():.0%}",
        f"{goal.random:,}; {goal.within:.0%}",
    ]
    invalid = invalid_spectra(found.data.table)
    assert invalid is not None  # noqa: S101  (there are spectra)
    invalid = invalid[np.array(found.data.covered)]
    diverged = np.array([found.data.outcome[entry] == "diverged" for entry in found.data.covered])
    removed = (diverged & invalid).sum()
    shares = [f"{removed / diverged.sum():.0%}", f"{removed / max(1, invalid.sum()):.1%}"]
    return [f"{won}, {lost} of {of}", *searches, *needed, *shares]
