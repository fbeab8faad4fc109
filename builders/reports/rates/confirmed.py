"""What searches with and without rates have found, by the mean of all seeds but the first.

The best pair of many is lucky: the first seed also says which rate suits its function. So what the
searches of the leaderboard have found when the same seconds of training were spent is looked up at
the other seeds, which all entries near the top have at the recipe's own rate and at their tuned
rate. A search may have seen them in a median; the mean does not forgive a seed that collapses.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench import load_runs, load_table
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Query
from act_bench.search.loading import load_data
from act_bench.search.trace import Trace
from act_bench.search.trace_table import read_traces
from act_bench.tables.rates import Spread, fresh_spread, fresh_spread_of, own_rate
from act_bench.tables.registry import TABLES
from builders.rates import FIRST_SEED, RATE, fresh_summaries
from builders.reports.rates.one_machine import on_one_machine, slowness_of_rates
from builders.reports.results.goals import trainings
from builders.reports.results.uncertainty import error_of_searches, error_of_seeds, interval

PLAIN: Final = ("random", "knn", "gp-ei", "aquasurf")
BUDGET: Final = 50
"""In mean trainings at the recipe's own rate: no search of the protocol ends before."""

Values = NDArray[np.float64]
Pair = tuple[int, float]


class Fresh(NamedTuple):
    """What a pair of function and rate reaches by all seeds but the first.

    Attributes
    ----------
    score
        Their mean.
    error
        Its standard error between seeds.
    """

    score: float
    error: float


class Found(NamedTuple):
    """What the searches of one optimizer have found, in the score of the table.

    Attributes
    ----------
    pairs
        The best pair of each search.
    seen
        (searches,) what each has seen of the best.
    fresh
        (searches,) the mean of its seeds but the first; NaN where there are none.
    """

    pairs: list[Pair]
    seen: Values
    fresh: Values

    @property
    def filled(self) -> Values:
        """The same; where there is none, what was seen less what seeing flatters the others by."""
        known = np.isfinite(self.fresh)
        flattery = float((self.seen - self.fresh)[known].mean()) if known.any() else 0.0
        return np.where(known, self.fresh, self.seen - flattery)


def incumbent(
    trace: Trace, budget_s: float, own: float, data: BenchmarkData
) -> tuple[Pair, float] | None:
    """Return the best pair of function and rate within a budget of training, and its score.

    The seconds are those of the data, not of the trace. What a search was charged for features is
    not counted: it is the same with and without rates.
    """
    best, clock_s = None, 0.0
    for event in trace.events:
        if isinstance(event, Query):
            entry, score, rate = event.result.entry, event.result.score, event.rate or own
            if not event.result.repeated:
                clock_s += data.at_rate(rate).cost_s[entry] or 0.0
            if clock_s > budget_s:
                break
            if score is not None and (best is None or score > best[1]):
                best = ((entry, _key(rate)), score)
    return best


def found_by(
    data: BenchmarkData, traces: Sequence[Trace], fresh: Mapping[Pair, Fresh], own: float
) -> Found:
    """Return what searches have found when `BUDGET` was spent."""
    budget = BUDGET * trainings(data)
    best = [incumbent(trace, budget, own, data) for trace in traces]
    known = [each for each in best if each is not None]
    pairs = [pair for pair, _ in known]
    return Found(
        pairs,
        np.array([score for _, score in known], np.float64),
        np.array([fresh[pair].score if pair in fresh else np.nan for pair in pairs], np.float64),
    )


def fresh_seeds(data: BenchmarkData, of_all: Spread) -> dict[Pair, Fresh]:
    """Return what all seeds but the first say of each pair, a diverged run as if it guessed.

    Parameters
    ----------
    data
        The table.
    of_all
        How much a fresh run varies, as of `spread_of_all`, where a pair has few.
    """
    info = TABLES[data.table]
    columns = ["entry", RATE, "seed", "outcome", info.metric, info.test_metric]
    runs = load_runs(data.table, data.fidelity, columns, rate="all")
    means = fresh_summaries(runs.filter(pl.col("seed") != FIRST_SEED), info, ["entry", RATE])
    return {
        (row["entry"], _key(row[RATE])): Fresh(
            info.score(row[f"fresh_{info.metric}"]),
            fresh_spread_of(row, info, of_all).deviation / math.sqrt(row["fresh_runs"]),
        )
        for row in means.iter_rows(named=True)
    }


def spread_of_all(data: BenchmarkData) -> Spread:
    """Return how much a fresh run varies, pooled over all functions that train when tuned."""
    tuned = load_table(data.table, fidelity=data.fidelity, rate="tuned")
    return fresh_spread(tuned, TABLES[data.table])


def seed_error(
    found: Found, fresh: Mapping[Pair, Fresh], one: float, less: Found | None = None
) -> float:
    """Return the standard error between seeds of what searches find, or of that less another.

    A pair that both find cancels. One seed of a pair without others has the deviation ``one``.
    """
    shares = Counter(_shares(found))
    shares.subtract(_shares(less) if less else {})
    errors = [fresh[pair].error if pair in fresh else one for pair in shares]
    return error_of_seeds(np.array([*shares.values()])[:, None], np.array(errors))


def _shares(found: Found) -> dict[Pair, float]:
    return {pair: times / len(found.pairs) for pair, times in Counter(found.pairs).items()}


def _key(rate: float) -> float:
    return round(rate, 9)


def compare(table: str, folder: Path) -> pl.DataFrame:
    """Return one row for each optimizer whose traces are stored, with and without rates.

    What they find is in the metric of the table. ``gain`` is how much more, or of a loss less, the
    searches over rates find, by the other seeds; intervals are over searches and seeds.
    """
    data = on_one_machine(load_data(table), slowness_of_rates(table))
    own = own_rate(table, data.fidelity)
    if own is None:  # there is nothing to compare without it
        return pl.DataFrame()
    info, of_all, rows = TABLES[table], spread_of_all(data), []
    fresh, one = fresh_seeds(data, of_all), of_all.deviation
    for plain in PLAIN:
        paths = [folder / data.name / f"{name}.parquet" for name in (plain, f"{plain}-rates")]
        if not all(path.exists() for path in paths):
            continue
        pair = [found_by(data, read_traces(path), fresh, own) for path in paths]
        errors = [error_of_searches(each.filled) for each in pair]
        for path, found, error in zip(paths, pair, errors, strict=True):
            mean = float(found.filled.mean())
            ends = interval(mean, error, seed_error(found, fresh, one))
            low, high = sorted(info.score(end) for end in ends)
            row = {
                "table": table,
                "optimizer": path.stem,
                "searches": len(found.seen),
                "trainings": BUDGET,
                "seen": info.score(float(found.seen.mean())),
                "fresh": info.score(mean),
                "low": low,
                "high": high,
                "without_fresh": int(np.isnan(found.fresh).sum()),
                "gain": None,
                "gain_low": None,
                "gain_high": None,
            }
            if path is paths[1]:
                row["gain"] = gain = mean - float(pair[0].filled.mean())
                seeds = seed_error(found, fresh, one, less=pair[0])
                row["gain_low"], row["gain_high"] = interval(gain, *errors, seeds)
            rows.append(row)
    return pl.DataFrame(rows)


def section(rows: pl.DataFrame) -> str:
    """Return the Markdown of one table."""
    about = (
        f"What these have found after {BUDGET} trainings' worth, spectra not counted, in the mean "
        "over searches: as the search saw it, a median where a pair has several seeds, and by the "
        "mean of all seeds but the first, which says what rate suits a function. A run that "
        "diverged counts as a guess, and the mean, unlike the median, does not forgive it. *Gain* "
        "is how much more is found with rates, by that mean, in bold where its interval excludes "
        "0. Intervals are of 95 %, over searches and seeds: all searches that find the same pair "
        "share the luck of its seeds. Where a pair has one seed, what was seen stands for it, less "
        "what the others lose."
    )
    lines = [
        about,
        "",
        "| optimizer | seen | other seeds | with one seed | gain |",
        "|---" * 5 + "|",
    ]
    for row in rows.iter_rows(named=True):
        gain = ""
        if row["gain"] is not None:
            sure = "**" * (row["gain_low"] > 0 or row["gain_high"] < 0)
            ends = f"[{row['gain_low']:+.4f}, {row['gain_high']:+.4f}]"
            gain = f"{sure}{row['gain']:+.4f}{sure} {ends}"
        value = f"{row['fresh']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
        cells = [f"`{row['optimizer']}`", f"{row['seen']:.4f}", value, row["without_fresh"], gain]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"
