"""The three sentences that a page of results begins with, from the files beside the pages."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import polars as pl

from builders.reports.results.overview import (
    CLAIMS_COLUMNS,
    CLAIMS_FILE,
    OPTIMIZERS_COLUMNS,
    OPTIMIZERS_FILE,
)


def opening(folder: Path, table: str) -> str:
    """Return what the page on a table shows, in three sentences.

    Parameters
    ----------
    folder
        Where :func:`~builders.reports.results.overview.keep` wrote.
    table
        A table that was written there.
    """
    ranks = pl.read_csv(folder / OPTIMIZERS_FILE, schema=OPTIMIZERS_COLUMNS)
    ranks = ranks.filter(pl.col("table") == table).sort("mean_rank", "optimizer")
    claims = pl.read_csv(folder / CLAIMS_FILE, schema=CLAIMS_COLUMNS)
    (claim,) = claims.filter(pl.col("table") == table).to_dicts()
    best, chance = ranks.row(0, named=True), ranks.filter(pl.col("optimizer") == "random")
    sentences = [
        f"Of {len(ranks)} optimizers `{best['optimizer']}` ends best on `{table}`: its mean "
        f"normalized rank of the final regret is {best['mean_rank']:.2f} (0 is best)"
        + "".join(f"; random search has {rank:.2f}" for rank in chance["mean_rank"])
        + "."
    ]
    if claim["aquasurf"] is None:
        sentences.append(
            "Random search beats every baseline after "
            f"{_count(claim['random'])} evaluations (exact median)."
        )
        sentences.append("Claims that need Fisher spectra are not tested: none are embedded.")
        return " ".join(sentences)
    arrives = (
        "does not beat every baseline within 100 evaluations"
        if math.isinf(claim["aquasurf"])
        else f"beats every baseline after {_count(claim['aquasurf'])} evaluations"
    )
    sentences.append(
        f"The median search by `aquasurf` {arrives} ({claim['aquasurf_within']:.0%} of its "
        f"searches do within 100); random search needs {_count(claim['random'])} (exact median)."
    )
    sentences.append(_detection(claim))
    return " ".join(sentences)


def opening_of_all(folder: Path) -> str:
    """Return what the page on all tables shows, in three sentences."""
    ranks = pl.read_csv(folder / OPTIMIZERS_FILE, schema=OPTIMIZERS_COLUMNS)
    claims = pl.read_csv(folder / CLAIMS_FILE, schema=CLAIMS_COLUMNS)
    tables = claims["table"].to_list()
    everywhere = (
        ranks.group_by("optimizer")
        .agg(pl.col("mean_rank").mean(), pl.len())
        .filter(pl.col("len") == len(tables))
        .sort("mean_rank", "optimizer")
    )
    best = everywhere.row(0, named=True)
    tested = claims.drop_nulls("aquasurf")
    beats = ", ".join(
        f"{_count(row['aquasurf'])} on `{row['table']}`" for row in tested.iter_rows(named=True)
    )
    shares = ", ".join(
        f"{row['found_of_diverged']:.0%} on `{row['table']}`"
        for row in tested.iter_rows(named=True)
    )
    precision = float(str(tested["diverged_of_found"].min()))
    return (
        f"Over {len(tables)} tables `{best['optimizer']}` has the best mean normalized rank of the "
        f"final regret ({best['mean_rank']:.2f}; 0 is best). Evaluations until the median search "
        f"by `aquasurf`, the paper's search, beats every baseline: {beats}. An invalid Fisher "
        f"spectrum detects {shares} of the functions that diverge (recall), at a precision of at "
        f"least {precision:.1%}."
    )


def _detection(claim: dict[str, Any]) -> str:
    return (
        f"An invalid Fisher spectrum detects {claim['found_of_diverged']:.0%} of the functions "
        f"that diverge (recall) at {claim['diverged_of_found']:.1%} precision."
    )


def _count(evaluations: float) -> str:
    return "never" if math.isinf(evaluations) else f"{evaluations:,.0f}"
