"""The sentences that a page of results begins with, from the files beside the pages."""

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
    """Return what the page on a table shows, a list of a few sentences.

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
    sentences += _beyond(claim), _near(claim)
    if claim["aquasurf"] is None:
        sentences.append("Claims that need Fisher spectra are not tested: none are embedded.")
    else:
        sentences.append(_detection(claim))
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _beyond(claim: dict[str, Any]) -> str:
    """Say how soon something is better than every baseline, by evaluations and by the clock."""
    if not claim["classes"]:
        return "No function is better than every baseline by more than seed noise."
    median = _median(claim["aquasurf"], claim["aquasurf_clock"])
    return (
        f"Better than every baseline by more than seed noise: {median}"
        f"random search after {_count(claim['random'])} (exact median)."
    )


def _near(claim: dict[str, Any]) -> str:
    """Say how soon something is within noise of the best."""
    if claim["near_baselines"]:
        return (
            "A baseline is within noise of the best: searches that begin with the baselines get "
            f"there at once, random search after {_count(claim['near_random'])} evaluations."
        )
    median = _median(claim["near_aquasurf"], claim["near_clock"])
    return f"Within noise of the best: {median}random search after {_count(claim['near_random'])}."


def _median(evaluations: float | None, clock: float | None) -> str:
    """Say after how many evaluations, and trainings, the median search arrives."""
    if evaluations is None or clock is None:
        return ""
    if math.isinf(evaluations):
        return "the median search by `aquasurf` not within 100 evaluations, "
    return (
        f"the median search by `aquasurf` after {_count(evaluations)} evaluations (by the clock, "
        f"with all spectra computed first, {_count(clock)} trainings), "
    )


def opening_of_all(folder: Path) -> str:
    """Return what the page on all tables shows: a list of a few sentences, and a table."""
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
    shares = ", ".join(
        f"{row['found_of_diverged']:.0%} on `{row['table']}`"
        for row in tested.iter_rows(named=True)
    )
    precision = float(str(tested["diverged_of_found"].min()))
    ends = (
        f"- Over {len(tables)} tables `{best['optimizer']}` ends best: its mean normalized rank of "
        f"the final regret is {best['mean_rank']:.2f} (0 is best)."
    )
    detects = (
        f"- An invalid Fisher spectrum detects {shares} of the functions that diverge (recall). Of "
        f"what it detects, at least {precision:.1%} diverge (precision)."
    )
    finds = (
        "- How soon `aquasurf`, the paper's search, finds a function that is better than every "
        "baseline by more than seed noise (medians; by the clock all spectra are computed first):"
    )
    heads = "| table | evaluations | by the clock, in mean trainings | random search needs |"
    rows = [_against_random(row) for row in tested.iter_rows(named=True)]
    return "\n".join([ends, detects, finds, "", heads, "|---|---|---|---|", *rows])


def _against_random(claim: dict[str, Any]) -> str:
    if not claim["classes"]:
        return f"| `{claim['table']}` | there is none |  |  |"
    clock = _count(claim["aquasurf_clock"]) if math.isfinite(claim["aquasurf"]) else ""
    random = _count(claim["random"])
    return f"| `{claim['table']}` | {_count(claim['aquasurf'])} | {clock} | {random} |"


def _detection(claim: dict[str, Any]) -> str:
    return (
        f"An invalid Fisher spectrum detects {claim['found_of_diverged']:.0%} of the functions "
        f"that diverge (recall) at {claim['diverged_of_found']:.1%} precision."
    )


def _count(evaluations: float) -> str:
    return "more than 100" if math.isinf(evaluations) else f"{evaluations:,.0f}"
