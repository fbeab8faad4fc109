"""How sure a number is: bootstrap intervals, rank correlations, and which optimizers differ.

Each trial ends with a regret. Two optimizers are compared by the Mann-Whitney test of these, which
asks nothing of their distribution and allows ties, of which there are many when a search finds the
best; the p-values of all pairs are corrected by Holm's step-down method (*A Simple Sequentially
Rejective Multiple Test Procedure*, 1979), so that with probability 0.95 none of the differences
called significant at 0.05 is chance.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]

LEVEL: Final = 0.05
LEVEL_95: Final = 0.95
SAMPLES: Final = 2000
"""Bootstrap samples of an interval."""
_BATCH: Final = 100
"""Resamples at a time, which bounds the memory."""


def holm(p_values: ArrayLike) -> Float:
    """Return p-values corrected by Holm's step-down method, in the order given.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def pairwise(regrets: Mapping[str, ArrayLike]) -> pl.DataFrame:
    """Compare all pairs of optimizers.

    Parameters
    ----------
    regrets : mapping of str to array of shape (trials,)
        Of each optimizer's trials.

    Returns
    -------
    polars.DataFrame
        One row per pair: ``first``, ``second``; ``superiority``, the probability that a trial of
        the first ends with less regret than one of the second, a tie counting half; ``p``, of the
        two-sided test; ``p_holm``, corrected; ``significant`` at 0.05.

    Examples
    --------
    >>> found = pairwise({"good": [0.0, 0.1, 0.0, 0.1, 0.0], "bad": [0.3, 0.2, 0.3, 0.2, 0.4]})
    >>> found.select("first", "second", "superiority", "significant").row(0)
    ('good', 'bad', 1.0, True)
    """
    from scipy.stats import mannwhitneyu

    rows: list[tuple[str, str, float, float]] = []
    for first, second in combinations(regrets, 2):
        a, b = (np.asarray(regrets[name], dtype=np.float64) for name in (first, second))
        if np.ptp(np.concatenate([a, b])) == 0:  # all equal: nothing to test
            rows.append((first, second, 0.5, 1.0))
            continue
        # The statistic counts the pairs of trials in which the second has less.
        found = mannwhitneyu(a, b, alternative="two-sided", method="asymptotic")
        superiority = 1 - float(found.statistic) / (a.size * b.size)
        rows.append((first, second, superiority, float(found.pvalue)))
    schema = {"first": pl.String, "second": pl.String, "superiority": pl.Float64, "p": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    corrected = pl.Series("p_holm", holm(frame["p"]), dtype=pl.Float64)
    return frame.with_columns(corrected, significant=corrected < LEVEL)


def mean_ranks(regrets: Mapping[str, ArrayLike]) -> dict[str, float]:
    """Return the mean rank of each optimizer's trials among all trials, the best first.

    A rank is a share: 0 before all trials, 1 after all; ties share theirs.

    Examples
    --------
    >>> mean_ranks({"bad": [0.4, 0.5], "good": [0.1, 0.2]})
    {'good': 0.25, 'bad': 0.75}
    """
    from scipy.stats import rankdata

    sizes = [np.size(values) for values in regrets.values()]
    ranks = rankdata(np.concatenate([np.asarray(values) for values in regrets.values()]))
    parts = np.split((ranks - 0.5) / len(ranks), np.cumsum(sizes)[:-1])
    means = {name: float(part.mean()) for name, part in zip(regrets, parts, strict=True)}
    return dict(sorted(means.items(), key=lambda item: item[1]))


def bootstrap_interval(
    values: ArrayLike, rng: np.random.Generator, statistic: str = "mean", level: float = LEVEL_95
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean or median.

    Parameters
    ----------
    values : array of shape (n,)
    rng : Generator
    statistic : {"mean", "median"}
    level : float
        Probability that the interval holds the true value, about.

    Examples
    --------
    >>> low, high = bootstrap_interval(np.arange(100.0), np.random.default_rng(0))
    >>> low < 49.5 < high, round(high - low) in range(9, 14)
    (True, True)
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 1:
        return float(array[0]), float(array[0])
    measure = np.median if statistic == "median" else np.mean
    return _percentiles(resampled((array,), measure, rng), level)


class Correlation(NamedTuple):
    """A rank correlation with its interval.

    Attributes
    ----------
    spearman : float
    low, high : float
        Of the percentile bootstrap over the pairs.
    """

    spearman: float
    low: float
    high: float


def spearman(a: ArrayLike, b: ArrayLike) -> float:
    """Return Spearman's rank correlation; NaN for fewer than two pairs or constant values.

    Examples
    --------
    >>> round(spearman([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]), 12), spearman([1.0, 1.0], [0.0, 1.0])
    (0.5, nan)
    """
    from scipy.stats import spearmanr

    return _rank_statistic(spearmanr, a, b)


def kendall(a: ArrayLike, b: ArrayLike) -> float:
    """Return Kendall's tau-b; NaN for fewer than two pairs or constant values.

    Examples
    --------
    >>> round(kendall([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]), 4)
    0.3333
    """
    from scipy.stats import kendalltau

    return _rank_statistic(kendalltau, a, b)


def _rank_statistic(measure: Callable[..., Any], a: ArrayLike, b: ArrayLike) -> float:
    first, second = (np.asarray(values, dtype=np.float64) for values in (a, b))
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")  # of which SciPy warns
    return float(measure(first, second).statistic)


def spearman_interval(
    a: ArrayLike,
    b: ArrayLike,
    rng: np.random.Generator,
    level: float = LEVEL_95,
    samples: int = SAMPLES,
) -> Correlation:
    """Return Spearman's rank correlation with its bootstrap interval over the pairs.

    Examples
    --------
    >>> a = np.arange(30.0)
    >>> found = spearman_interval(a, np.sin(a) + a / 10, np.random.default_rng(0))
    >>> found.low < found.spearman < found.high
    True
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (a, b))
    found = resampled((x, y), _rank_correlation, rng, samples)
    return Correlation(spearman(x, y), *_percentiles(found, level))


def _rank_correlation(a: Float, b: Float, axis: int = -1) -> Float:
    """Return Spearman's correlation along an axis; NaN where a resample is constant."""
    from scipy.stats import rankdata

    first, second = (rankdata(values, axis=axis) for values in (a, b))
    first, second = (rank - rank.mean(axis=axis, keepdims=True) for rank in (first, second))
    scale = np.sqrt((first**2).sum(axis=axis) * (second**2).sum(axis=axis))
    products: Float = (first * second).sum(axis=axis)
    found: Float = np.divide(products, scale, out=np.full_like(products, np.nan), where=scale > 0)
    return found


def resampled(
    data: tuple[Float, ...],
    statistic: Callable[..., Any],
    rng: np.random.Generator,
    samples: int = SAMPLES,
) -> Float:
    """Return a statistic of bootstrap samples of data, which are drawn pair by pair: (samples,).

    Parameters
    ----------
    data : tuple of array of shape (n,)
        n is at least 2.
    statistic : callable
        Given as many arrays, and ``axis``, returns its values along that axis; NaN where a sample
        has none.
    rng : Generator

    Examples
    --------
    >>> found = resampled((np.arange(9.0),), np.mean, np.random.default_rng(0))
    >>> found.shape, round(float(found.mean()))
    ((2000,), 4)
    """
    from scipy.stats import DegenerateDataWarning, bootstrap

    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        # Of samples without a value or with an infinite one SciPy makes no interval, and says so.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        found = bootstrap(
            data,
            statistic,
            n_resamples=samples,
            batch=_BATCH,
            paired=len(data) > 1,
            vectorized=True,
            method="percentile",
            random_state=rng,
        )
    distribution: Float = found.bootstrap_distribution
    return distribution


def _percentiles(distribution: Float, level: float) -> tuple[float, float]:
    """Return the middle share of a distribution; samples without a value are left out."""
    low, high = np.nanquantile(distribution, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
