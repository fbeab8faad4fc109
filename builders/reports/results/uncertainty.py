"""How uncertain a mean over searches is: by the searches, and by the seeds of what they end with.

Searches draw at random, so their mean varies. What they end with is judged by a few seeds, and
searches that end with the same function share the luck of these: however many there are, their mean
is no surer than that function's. Resampling searches shows the first and hides the second.

Where searches end with many functions, the seeds also show in how the searches differ, and are
counted twice: an interval is then a little too wide, never too narrow.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_bench import load_table
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.tables.rates import fresh_spread, fresh_spread_of
from act_bench.tables.registry import TABLES

Values = NDArray[np.float64]

SURE: Final = 1.96
"""Standard errors on either side of a mean, for 95 %."""


def error_of_seeds(weights: Values, deviations: Values) -> float:
    """Return the standard error that a weighted sum of runs has from their seeds.

    Parameters
    ----------
    weights
        (functions, runs), how much each run counts.
    deviations
        (functions,), of a run of each between seeds; of a function that counts nothing it may be
        NaN.

    Examples
    --------
    >>> round(error_of_seeds(np.array([[0.5, 0.5], [0.0, 0.0]]), np.array([0.01, np.nan])), 4)
    0.0071
    """
    squares = (weights**2).sum(axis=1)
    counts = squares > 0
    return float(np.sqrt(squares[counts] @ deviations[counts] ** 2))


def error_of_searches(values: Values) -> float:
    """Return the standard error of a mean over searches; of a single one it is not known: 0."""
    return float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else 0.0


def interval(mean: float, *errors: float) -> tuple[float, float]:
    """Return the 95 % interval of a mean with independent standard errors.

    Examples
    --------
    >>> low, high = interval(1.0, 0.3, 0.4)
    >>> round(low, 2), round(high, 2)
    (0.02, 1.98)
    """
    half = SURE * float(np.hypot.reduce(errors))
    return mean - half, mean + half


def weights_of(entries: ArrayLike, runs: ArrayLike) -> Values:
    """Return how much each run counts in a mean over searches of means over runs.

    Parameters
    ----------
    entries
        What each search ends with.
    runs
        (functions, runs), true where there is such a run.

    Examples
    --------
    >>> weights_of([0, 0, 2], np.array([[1, 1], [1, 1], [1, 0]])).tolist()
    [[0.333..., 0.333...], [0.0, 0.0], [0.333..., 0.0]]
    """
    there = np.asarray(runs, np.float64)
    counts = np.bincount(np.asarray(entries, np.intp), minlength=len(there))
    often = counts / max(1, counts.sum())
    total = there.sum(axis=1)
    share = np.divide(often, total, out=np.zeros_like(often), where=total > 0)
    return np.asarray(there * share[:, None], np.float64)


def run_deviations(data: BenchmarkData) -> Values:
    """Return how much a fresh run of each entry of a tuned view varies; NaN where it has none.

    A function with few seeds has the deviation pooled over all that train
    (`act_bench.tables.rates.fresh_spread_of`).
    """
    info = TABLES[data.table]
    tuned = load_table(data.table, fidelity=data.fidelity, rate="tuned")
    of_all = fresh_spread(tuned, info)
    return np.array(
        [
            fresh_spread_of(row, info, of_all).deviation if row["fresh_runs"] else np.nan
            for row in tuned.iter_rows(named=True)
        ],
        np.float64,
    )
