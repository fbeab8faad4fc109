"""What searches over the tuned view end with when they train the best few candidates once more.

The best of many values of one seed is lucky. A search that keeps a few candidates, trains each with
one more seed at its rate, and takes the best by the mean of both, pays a few trainings against
that. What it then ends with is given by seeds that had no part: every fresh seed is the second one
in turn, the others judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench import load_runs, load_table
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.tables.registry import TABLES
from builders.rates import FIRST_SEED, RATE
from builders.reports.results.kept import DIGITS, Searches
from builders.reports.results.uncertainty import (
    error_of_searches,
    error_of_seeds,
    interval,
    run_deviations,
)

Values = NDArray[np.float64]
Row = dict[str, object]

KEPT: Final = (1, 2, 5, 10)
"""Candidates that are trained once more; 1 is no choice, so a search without."""
SHOWN: Final = 5
"""The number of them whose gain has an interval."""

COLUMNS: Final = (
    "| optimizer | " + " | ".join(f"best {kept}" for kept in KEPT) + f" | gain of best {SHOWN} | "
    "different functions chosen | candidates without fresh seeds |"
)

HEAD: Final = """\
### The best few of {table}, trained once more

{said}
"""


class Ended(NamedTuple):
    """What searches end with when each keeps some candidates.

    Attributes
    ----------
    scores
        (searches,) the mean score by the seeds that had no part, over every choice of the second.
    entries
        The entries chosen.
    left_out
        The share of candidates that are passed over because they lack fresh seeds.
    weights
        (entries, seeds), how much each run counts in the mean of ``scores``.
    """

    scores: Values
    entries: frozenset[int]
    left_out: float
    weights: Values


def seed_scores(data: BenchmarkData) -> Values:
    """Return the score of each entry by each seed, at its tuned rate: (entries, seeds).

    A run that diverged is worth what guessing is; NaN where there is no run.
    """
    info = TABLES[data.table]
    keys = ["entry", RATE]
    rates = load_table(data.table, fidelity=data.fidelity, rate="tuned", columns=keys)
    runs = load_runs(data.table, data.fidelity, [*keys, "seed", info.metric], rate="all")
    runs = runs.join(rates, on=keys, how="semi")
    found = np.full((len(data.outcome), int(runs["seed"].to_numpy().max()) + 1), np.nan)
    values = runs[info.metric].fill_null(info.worst_value).to_numpy()
    sign = 1 if info.higher_is_better else -1
    found[runs["entry"].to_numpy(), runs["seed"].to_numpy()] = sign * values
    return found


def candidates(data: BenchmarkData, scores: Values, seen: Iterable[int]) -> list[int]:
    """Return the entries that a search has seen, one for each canonical class, the best first."""
    best: dict[int, int] = {}
    distinct = dict.fromkeys(each for each in seen if each >= 0)
    for entry in sorted(distinct, key=lambda each: -scores[each]):  # of equal ones the first seen
        best.setdefault(data.space.canonical_class[entry], entry)
    return list(best.values())


def ended(by_seed: Values, ranked: Sequence[Sequence[int]], kept: int) -> Ended:
    """Return what searches end with that keep some of their candidates.

    Parameters
    ----------
    by_seed
        (entries, seeds), as of `seed_scores`; the first seed is the one that searches have seen.
    ranked
        The candidates of each search, the best first.
    kept
        How many to train once more.
    """
    fresh = [seed for seed in range(by_seed.shape[1]) if seed != FIRST_SEED]
    complete = np.asarray(np.isfinite(by_seed[:, fresh]).all(axis=1))
    weights = np.zeros_like(by_seed)
    scores, kept_in_all, without = [], 0, 0
    for each in ranked:
        best = np.array(each[:kept])
        known = best[complete[best]]
        kept_in_all, without = kept_in_all + len(best), without + len(best) - len(known)
        if not len(known):
            continue
        ends = []
        for second in fresh:
            chosen = known[by_seed[known][:, [FIRST_SEED, second]].mean(axis=1).argmax()]
            others = [seed for seed in fresh if seed != second]
            ends.append(by_seed[chosen, others].mean())
            weights[chosen, others] += 1 / len(fresh) / len(others)
        scores.append(np.mean(ends))
    return Ended(
        np.array(scores, np.float64),
        frozenset(np.flatnonzero(weights.any(axis=1)).tolist()),
        without / max(1, kept_in_all),
        weights / max(1, len(scores)),
    )


def rows(data: BenchmarkData, made: dict[str, Searches]) -> list[Row]:
    """Return one row for each optimizer, best first; none where there are not two fresh seeds."""
    by_seed = seed_scores(data)
    if by_seed.shape[1] < 3:
        return []
    scores = np.array([data.score(entry) for entry in range(len(data.outcome))], np.float64)
    sign = 1 if TABLES[data.table].higher_is_better else -1
    deviations = run_deviations(data)
    found: list[Row] = []
    for name, searches in made.items():
        ranked = [candidates(data, scores, seen) for seen in searches.trained.tolist()]
        found_by = {kept: ended(by_seed, ranked, kept) for kept in KEPT}
        shown, plain = found_by[SHOWN], found_by[1]
        row: Row = {"table": data.table, "optimizer": name, "searches": len(shown.scores)}
        for kept, end in found_by.items():
            row[f"best_of_{kept}"] = round(float(sign * end.scores.mean()), DIGITS)
        if len(shown.scores) == len(plain.scores):
            gains = shown.scores - plain.scores
            gain = float(gains.mean())
            seeds = error_of_seeds(shown.weights - plain.weights, deviations)
            low, high = interval(gain, error_of_searches(gains), seeds)
            row |= {"gain": round(gain, DIGITS), "low": round(low, DIGITS)}
            row["high"] = round(high, DIGITS)
        else:  # a search whose first candidate has no fresh seeds cannot be compared
            row |= dict.fromkeys(("gain", "low", "high"))
        row |= {"functions": len(shown.entries), "left_out": round(shown.left_out, 4)}
        found.append(row)
    return sorted(found, key=lambda row: -sign * float(str(row[f"best_of_{SHOWN}"])))


def section(table: str, found: Sequence[Row]) -> str:
    """Return the section of a table's page, from its rows."""
    compared = [row for row in found if row["gain"] is not None]
    gaining = sum(float(str(row["low"])) > 0 for row in compared)
    losing = sum(float(str(row["high"])) < 0 for row in compared)
    said = (
        f"Of {len(compared)} optimizers {gaining} gain by training {SHOWN} once more, and {losing} "
        "lose, by the intervals."
    )
    lines = [HEAD.format(table=f"`{table}`", said=said), COLUMNS]
    lines.append("|---" * COLUMNS.count(" | ") + "|---|")
    for row in found:
        ends = " | ".join(f"{row[f'best_of_{kept}']:.4f}" for kept in KEPT)
        gain = "" if row["gain"] is None else f"{row['gain']:+.4f} {_interval(row)}"
        lines.append(
            f"| `{row['optimizer']}` | {ends} | {gain} | {row['functions']} | "
            f"{row['left_out']:.0%} |"
        )
    return "\n".join(lines)


def said(data: BenchmarkData, found: Sequence[Row], baseline: float) -> str:
    """Say which optimizers end with something better than the best baseline, by its score."""
    sign = 1 if TABLES[data.table].higher_is_better else -1
    better = [
        f"`{row['optimizer']}`, {row[f'best_of_{SHOWN}']:.4f}"
        for row in found
        if sign * float(str(row[f"best_of_{SHOWN}"])) > baseline
    ]
    which = f": {'; '.join(better)}" if better else ""
    return (
        f" When searches train their best {SHOWN} with a second seed, {len(better)} end with "
        f"something better than it{which}."
    )


def _interval(row: Row) -> str:
    return f"[{row['low']:+.4f}, {row['high']:+.4f}]"
