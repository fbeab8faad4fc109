"""What an entry would reach with many seeds, estimated from the few that it has.

The best of many noisy measurements is lucky, and an entry with one seed more so than one with
three. The estimate takes that back. It is empirical Bayes: the prior is the distribution of what
the entries reach, and the posterior mean, with the posterior standard deviation, is the estimate.
It stands beside the measurement and never in its place.

* **Prior**: the first seed, which every entry has and nothing was chosen by, deconvolved by
  maximum likelihood over a grid (Kiefer and Wolfowitz 1956; Laird 1978), stopped early so that it
  stays smooth.
* **Noise**: the variance between the other seeds, which had no part in choosing who gets more
  seeds, pooled over the entries of nearest mean: noise depends on the level.
* **Offset**: a seed fixes the initial draws and the order of the images, for all functions alike,
  and so the first seed may flatter all of them. It is compared with the further ones over the
  entries that have both, after shrinking, so that being chosen does not count; what it is above
  them is subtracted.
* Only entries that train have an estimate, and only runs that did not diverge count.

In the tuned view the first seed also chose the rate, and what it is above the others by that is
part of the offset. There further seeds are fresh, and of enough of them the mean is the estimate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from act_bench.tables.schema import Column

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from act_bench.tables.registry import TableInfo

ESTIMATE_COLUMNS: Final = (
    Column(
        "estimate",
        "float64",
        "",
        "Estimate of the table's metric with many seeds, shrunken by empirical Bayes; in the unit "
        "of the metric. Null where the entry does not train, or the table has no further seeds.",
    ),
    Column(
        "estimate_std",
        "float64",
        "",
        "Its standard deviation: where many seeds would end, given the runs that there are.",
    ),
)

GRID: Final = 400
STEPS: Final = 30
"""Of expectation-maximization from a flat prior. On held-out seeds, 1,000 steps do no better."""
ROUNDS: Final = 3
"""Of prior and offset; the third moves the offset by less than a ten-thousandth."""
NEIGHBORS: Final = 40
"""Entries whose variances between seeds are pooled at each level."""
LEAST_VARIANCE: Final = 1e-6
"""Between two images of a validation set there is nothing: never below a thousandth, squared."""
TUNED_OWN_FROM: Final = 5
"""Fresh seeds from which on their mean is the estimate in the tuned view. Next to the rates that
diverge some functions collapse with some seeds and others never, and noise pooled over both would
shrink the best of those that never do too far."""


class Estimates(NamedTuple):
    """The estimates of some entries, higher being better.

    Attributes
    ----------
    mean
        (entries,): posterior means; NaN for what has none.
    std
        (entries,): posterior standard deviations.
    offset
        By how much the first seed is above the further ones, for all entries alike.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    offset: float


def shrink(
    scores: NDArray[np.float64], trained_score: float, own_from: int | None = None
) -> Estimates:
    """Return what entries would reach with many seeds.

    Parameters
    ----------
    scores
        (entries, seeds), higher is better; NaN where there is no run or it diverged. The first
        column is the seed that all entries have.
    trained_score
        An entry trains where the mean of its runs is above this.
    own_from
        From how many further seeds on their mean and its standard error are the estimate, without
        a prior; None never.

    Returns
    -------
    Estimates
        NaN for entries that do not train, and for all if none has two further seeds.

    Examples
    --------
    The best of 500 measurements is lucky, and the estimate knows it.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(0.5, 0.02, 500)
    >>> scores = truth[:, None] + rng.normal(0, 0.02, (500, 3))
    >>> scores[100:, 1:] = np.nan
    >>> best = np.argsort(-scores[:, 0])[:20]
    >>> measured = scores[best, 0] - truth[best]
    >>> estimated = shrink(scores, 0.2).mean[best] - truth[best]
    >>> bool(measured.mean() > 0.01), bool(abs(estimated.mean()) < 0.005)
    (True, True)
    """
    import numpy as np

    trains = np.nan_to_num(_means(scores)[0], nan=-np.inf) > trained_score
    several = trains & (np.isfinite(scores[:, 1:]).sum(axis=1) > 1)
    mean, std = np.full((2, len(scores)), np.nan)
    if not several.any():
        return Estimates(mean, std, 0.0)
    further = scores[several, 1:]
    rest = _means(further)[0]
    offset = 0.0
    for _ in range(ROUNDS):
        shifted = scores - np.where(np.arange(scores.shape[1]) == 0, offset, 0.0)
        first = shifted[trains & np.isfinite(shifted[:, 0]), 0]
        margin = 0.05 * (first.max() - first.min())
        grid = np.linspace(first.min() - margin, first.max() + margin, GRID)
        variance = noise_variance(further, grid)
        prior = _deconvolved(_likelihood(first, np.ones(len(first)), grid, variance))
        both = several & np.isfinite(shifted[:, 0])
        alone = shifted[both, 0]
        one, spread = _posterior(alone, np.ones(len(alone)), grid, variance, prior)
        weight = 1 / (np.square(spread) + np.interp(one, grid, variance))
        offset += float(np.average(one - rest[both[several]], weights=weight))
    center, count = _means(shifted)
    mean[trains], std[trains] = _posterior(center[trains], count[trains], grid, variance, prior)
    if own_from is not None:
        others, number = _means(scores[:, 1:])
        many = trains & (number >= own_from)
        mean[many] = others[many]
        std[many] = np.nanstd(scores[many, 1:], axis=1, ddof=1) / np.sqrt(number[many])
    return Estimates(mean, std, offset)


def noise_variance(scores: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variance of one run at some levels: pooled over entries of nearest mean.

    Parameters
    ----------
    scores
        (entries, seeds) of entries with at least two runs; NaN where there is none.
    levels
        (n,): scores at which it is wanted.
    """
    import numpy as np

    center = np.nanmean(scores, axis=1)
    freedom = np.isfinite(scores).sum(axis=1) - 1
    squares = np.nansum(np.square(scores - center[:, None]), axis=1)
    near = np.argsort(np.abs(center[None, :] - levels[:, None]), axis=1, kind="stable")[
        :, :NEIGHBORS
    ]
    pooled = squares[near].sum(axis=1) / freedom[near].sum(axis=1)
    return np.asarray(np.maximum(pooled, LEAST_VARIANCE), np.float64)


def _means(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each row's runs, NaN without any, and their number."""
    import numpy as np

    known = np.isfinite(scores)
    count = known.sum(axis=1)
    total = np.where(known, scores, 0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan), count.astype(np.float64)


def _likelihood(
    mean: NDArray[np.float64],
    count: NDArray[np.float64],
    grid: NDArray[np.float64],
    variance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the normal density of means of ``count`` runs, (entries, grid), each row up to 1."""
    import numpy as np

    of_mean = variance[None, :] / count[:, None]
    log = -0.5 * np.square(mean[:, None] - grid[None, :]) / of_mean - 0.5 * np.log(of_mean)
    return np.asarray(np.exp(log - log.max(axis=1, keepdims=True)), np.float64)


def _deconvolved(likelihood: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the prior over the grid that makes the first seeds likely, from a flat one on."""
    import numpy as np

    prior = np.full(GRID, 1 / GRID)
    for _ in range(STEPS):
        prior = prior * (likelihood / (likelihood @ prior)[:, None]).mean(axis=0)
    return prior


def _posterior(
    mean: NDArray[np.float64],
    count: NDArray[np.float64],
    grid: NDArray[np.float64],
    variance: NDArray[np.float64],
    prior: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return posterior means and standard deviations."""
    import numpy as np

    posterior = _likelihood(mean, count, grid, variance) * prior
    posterior /= posterior.sum(axis=1, keepdims=True)
    center = posterior @ grid
    return center, np.sqrt(np.maximum(posterior @ np.square(grid) - np.square(center), 0))


def score_matrix(runs: pl.DataFrame, info: TableInfo, entries: int) -> NDArray[np.float64]:
    """Return scores by entry and seed, (entries, seeds), seeds ascending; NaN where there is none.

    Parameters
    ----------
    runs
        With ``entry``, ``seed`` and the metric of the table, each pair once.
    info
        The table.
    entries
        How many.
    """
    import numpy as np

    seeds = np.unique(runs["seed"].to_numpy())
    scores = np.full((entries, len(seeds)), np.nan)
    value = runs[info.metric].cast(float).to_numpy()
    column = np.searchsorted(seeds, runs["seed"].to_numpy())
    scores[runs["entry"].to_numpy(), column] = value if info.higher_is_better else -value
    return scores


def estimates(
    runs: pl.DataFrame, info: TableInfo, entries: int, own_from: int | None = None
) -> pl.DataFrame:
    """Return ``estimate`` and ``estimate_std`` of every entry, from the runs of one recipe.

    Or, in the tuned view, from the runs of each entry at its own rate; what the first seed is above
    the others there by having chosen it is part of the offset. See `score_matrix` and `shrink` for
    the parameters.
    """
    import polars as pl

    found = shrink(score_matrix(runs, info, entries), info.trained_score, own_from)
    mean = found.mean if info.higher_is_better else -found.mean
    columns = zip((column.name for column in ESTIMATE_COLUMNS), (mean, found.std), strict=True)
    return pl.DataFrame(dict(columns)).fill_nan(None)
