"""What the page of results begins with: all optimizers and all claims over all tables.

What it says of a table is kept in two CSV files beside the pages, so that a new version of one
table changes its own rows and nothing is run again for the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.figures.tables import invalid_spectra
from act_bench.files.atomic import replacing
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.tables.registry import TABLES
from builders.reports.results.goals import (
    Goal,
    count,
    goals_of,
    median_with_interval,
    trainings,
)
from builders.reports.results.kept import Searches, sha256, spectra_of
from builders.reports.results.ranking import against
from surrogates import evaluation
from surrogates.significance import mean_ranks, pairwise

OPTIMIZERS_FILE = "optimizers.csv"
OPTIMIZERS_COLUMNS = {
    "table": pl.String,
    "fidelity": pl.String,
    "sha256": pl.String,
    "optimizer": pl.String,
    "mean_rank": pl.Float64,
    "evaluations": pl.Float64,
    "near": pl.Float64,
}
"""Of an optimizer on a table: where its trials end among all, a share, and the evaluations, median,
until better than every baseline and until near the best, infinite for never; with the hash of all
that they depend on."""

CLAIMS_FILE = "claims.csv"
CLAIMS_COLUMNS = {
    "table": pl.String,
    "fidelity": pl.String,
    "sha256": pl.String,
    "margin": pl.Float64,
    "classes": pl.Int64,
    "random": pl.Float64,
    "random_within": pl.Float64,
    "near_classes": pl.Int64,
    "near_baselines": pl.Int64,
    "near_random": pl.Float64,
    "spectra": pl.Float64,
    "union_ahead": pl.Int64,
    "union_behind": pl.Int64,
    "union_of": pl.Int64,
    "than_outputs": pl.Float64,
    "than_outputs_sure": pl.Boolean,
    "than_spectra": pl.Float64,
    "than_spectra_sure": pl.Boolean,
    "aquasurf": pl.Float64,
    "aquasurf_low": pl.Float64,
    "aquasurf_high": pl.Float64,
    "aquasurf_within": pl.Float64,
    "aquasurf_clock": pl.Float64,
    "near_aquasurf": pl.Float64,
    "near_clock": pl.Float64,
    "found_of_diverged": pl.Float64,
    "diverged_of_found": pl.Float64,
}
"""The figures that the claims depend on, of a table; null from ``spectra`` on without spectra.
Clocks, and ``spectra``, the cost of all of them, are in mean trainings; ``near`` is the goal near
the best."""

RANKS = """\
Where the trials of an optimizer end among those of all, a share, 0 the best; and the evaluations,
median, until within noise of the best. Optimizers that ran on every table, the best in the mean
first:
"""
CLAIMS = """
The paper's claims. (1) The union of outputs and spectra is better than either, by UMAP: as a model
(in how many comparisons it is ahead of both, and behind one), and in a search (how probably it ends
better than with the one alone; * significant). (2) A search by it reaches a goal in tens of
evaluations; which share of searches does within 100. (3) An invalid Fisher spectrum tells what
diverges. Goals count canonical classes and exceed the margin, seed noise; medians with intervals.
*Clock* is in mean trainings of the table, with the spectra of all functions computed first; what
they cost is in the last column.
"""
CLAIM_HEADS = (
    "table",
    "(1) ahead, behind",
    "search: than outputs",
    "than spectra",
    "margin",
    "(2) functions better than every baseline",
    "`aquasurf`: evaluations",
    "clock",
    "random, exactly",
    "functions near the best",
    "`aquasurf`: evaluations",
    "clock",
    "random, exactly",
    "(3) found, of what diverges",
    "diverges, of what is found",
    "all spectra, in trainings",
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
        Optimizer -> its searches.
    rows
        What `surrogates.evaluation.evaluate` gave.
    """

    data: BenchmarkData
    made: dict[str, Searches]
    rows: pl.DataFrame

    @cached_property
    def finals(self) -> dict[str, NDArray[np.float64]]:
        """Optimizer -> the regret of each trial at the end."""
        return {name: found.regret[:, -1] for name, found in self.made.items()}

    @cached_property
    def pairs(self) -> pl.DataFrame:
        """Which optimizers differ."""
        return pairwise(self.finals)

    @cached_property
    def goals(self) -> tuple[Goal, Goal]:
        """Near the best of the table, and all that is better than every baseline."""
        return goals_of(self.data)


def keep(found: TableResults, folder: Path) -> None:
    """Put what the overview says of a table into the folder's files, in place of what they said."""
    about = {
        "table": found.data.table,
        "fidelity": found.data.fidelity,
        "sha256": sha256(found.data),
    }
    ranks = [about | each for each in _optimizers(found)]
    _replace(folder / OPTIMIZERS_FILE, pl.DataFrame(ranks, OPTIMIZERS_COLUMNS, orient="row"))
    claims = [about | _claims(found)]
    _replace(folder / CLAIMS_FILE, pl.DataFrame(claims, CLAIMS_COLUMNS, orient="row"))


def _replace(path: Path, rows: pl.DataFrame) -> None:
    # Figures by other definitions, which have other columns, are not put beside these.
    if path.exists() and pl.read_csv(path, n_rows=0).columns == rows.columns:
        known = pl.read_csv(path, schema=rows.schema)
        rows = pl.concat([known.filter(~pl.col("table").is_in(rows["table"].unique())), rows])
    order = list(TABLES)
    place = pl.col("table").replace_strict(order, range(len(order)), default=len(order))
    with replacing(path) as draft:
        rows.sort(place, maintain_order=True).write_csv(draft)


def _optimizers(found: TableResults) -> list[dict[str, object]]:
    return [
        {
            "optimizer": name,
            "mean_rank": round(rank, 6),
            "evaluations": _median(found.goals[1].first(found.made[name].trained)),
            "near": _median(found.goals[0].first(found.made[name].trained)),
        }
        for name, rank in mean_ranks(found.finals).items()
    ]


def _claims(found: TableResults) -> dict[str, object]:
    near, goal = found.goals
    cells: dict[str, object] = {
        "margin": round(goal.margin, 6),
        "classes": goal.classes,
        "random": goal.random,
        "random_within": round(goal.within, 6),
        "near_classes": near.classes,
        "near_baselines": near.baselines,
        "near_random": near.random,
    }
    if not spectra_of(found.data) or "aquasurf" not in found.made:
        return cells
    gains = evaluation.union_gains(found.rows).filter(pl.col("view") == "umap")
    cells["union_ahead"], cells["union_behind"], cells["union_of"] = evaluation.wins(gains)
    for name, other in (("than_outputs", "umap-outputs"), ("than_spectra", "umap-fim")):
        share, sure = against(found.pairs, "aquasurf", f"aquasurf:features={other}")
        cells |= {name: round(share, 6), f"{name}_sure": sure}
    made, training = found.made["aquasurf"], trainings(found.data)
    spectra = (TABLES[found.data.table].spectrum_s or 0.0) * len(found.data.covered)
    cells["spectra"] = round(spectra / training, 3)
    reached = goal.first(made.trained)
    middle, low, high = median_with_interval(reached)
    cells |= {"aquasurf": middle, "aquasurf_low": low, "aquasurf_high": high}
    cells["aquasurf_within"] = float(np.isfinite(reached).mean())
    cells["aquasurf_clock"] = _clock(goal, made, training)
    cells["near_aquasurf"] = _median(near.first(made.trained))
    cells["near_clock"] = _clock(near, made, training)
    invalid = invalid_spectra(found.data.table)
    assert invalid is not None  # noqa: S101  (there are spectra)
    invalid = invalid[np.array(found.data.covered)]
    diverged = np.array([found.data.outcome[entry] == "diverged" for entry in found.data.covered])
    removed = float((diverged & invalid).sum())
    cells["found_of_diverged"] = round(removed / diverged.sum(), 6)
    cells["diverged_of_found"] = round(removed / max(1, invalid.sum()), 6)
    return cells


def _median(values: NDArray[np.float64]) -> float:
    return median_with_interval(values)[0]


def _clock(goal: Goal, made: Searches, training: float) -> float:
    return round(_median(goal.clock(made.trained, made.clock_s) / training), 3)


def overview(folder: Path, stale: Collection[str] = ()) -> str:
    """Return the part of the page on all tables, from the folder's files.

    Parameters
    ----------
    folder
        Where :func:`keep` wrote.
    stale
        Tables of which there is a newer version than the one that these figures are of.
    """
    ranks = pl.read_csv(folder / OPTIMIZERS_FILE, schema=OPTIMIZERS_COLUMNS)
    claims = pl.read_csv(folder / CLAIMS_FILE, schema=CLAIMS_COLUMNS)
    tables = claims["table"].to_list()
    pages = ", ".join(f"[{name}]({folder.name}/{name}.md)" for name in tables)
    lines = [f"\nIn full: {pages}.\n"]
    if old := [f"`{name}`" for name in tables if name in stale]:
        said = "Of an earlier version of the table, to be run again"
        lines.append(f"**{said}: {', '.join(old)}.**\n")
    return "\n".join([*lines, optimizers(ranks, claims), claimed(claims)])


def optimizers(ranks: pl.DataFrame, claims: pl.DataFrame) -> str:
    """Return the table of optimizers, those with the best mean rank over the tables first."""
    names = claims["table"].to_list()
    found = {
        (each["table"], each["optimizer"]): (each["mean_rank"], each["near"])
        for each in ranks.iter_rows(named=True)
    }
    everywhere = {
        name: float(np.mean([found[table, name][0] for table in names]))
        for name in ranks["optimizer"].unique(maintain_order=True)
        if all((table, name) in found for table in names)
    }
    heads = ["optimizer", "mean", *names, *(f"{name}: evaluations" for name in names)]
    lines = [RANKS, row(heads), "|---" * len(heads) + "|"]
    for name in sorted(everywhere, key=everywhere.__getitem__):
        shares = [f"{found[table, name][0]:.2f}" for table in names]
        needed = [count(found[table, name][1]) for table in names]
        lines.append(row([f"`{name}`", f"{everywhere[name]:.2f}", *shares, *needed]))
    exactly = [count(needed) for needed in claims["near_random"]]
    lines.append(row(["random, exactly", *[""] * (1 + len(names)), *exactly]))
    return "\n".join(lines)


def claimed(claims: pl.DataFrame) -> str:
    """Return the table of the paper's claims, with the figures that each depends on."""
    rows = [row([f"`{each['table']}`", *_cells(each)]) for each in claims.iter_rows(named=True)]
    return "\n".join([CLAIMS, row(CLAIM_HEADS), "|---" * len(CLAIM_HEADS) + "|", *rows, ""])


def _cells(claim: dict[str, float]) -> list[str]:
    if claim["union_ahead"] is None:
        return ["no spectra", *[""] * (len(CLAIM_HEADS) - 2)]
    middle, *ends = (count(claim[f"aquasurf{end}"]) for end in ("", "_low", "_high"))
    return [
        f"{claim['union_ahead']}, {claim['union_behind']} of {claim['union_of']}",
        *(
            f"{claim[name]:.2f}{' *' * int(claim[f'{name}_sure'])}"
            for name in ("than_outputs", "than_spectra")
        ),
        f"{claim['margin']:.4f}",
        *(
            (
                f"{claim['classes']}",
                f"{middle} [{', '.join(ends)}]; {claim['aquasurf_within']:.0%}",
                count(claim["aquasurf_clock"]),
                f"{count(claim['random'])}; {claim['random_within']:.0%}",
            )
            if claim["classes"]
            else ("none", "", "", "")
        ),
        f"{claim['near_classes']}"
        + f" ({claim['near_baselines']} of them baselines)" * (claim["near_baselines"] > 0),
        count(claim["near_aquasurf"]),
        count(claim["near_clock"]),
        count(claim["near_random"]),
        f"{claim['found_of_diverged']:.0%}",
        f"{claim['diverged_of_found']:.1%}",
        f"{claim['spectra']:,.0f}",
    ]
