"""Histograms of what enters an activation function, all over the same bins.

One set of bins serves every network, place and function, so counts can be added up and compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

LIMIT: Final = 12.0
WIDTH: Final = 0.25
EDGES: Final[NDArray[np.float64]] = np.linspace(-LIMIT, LIMIT, round(2 * LIMIT / WIDTH) + 1)
"""Edges of the bins: 96 of width 0.25 from -12 to 12. One more at each end takes what is beyond."""
BINS: Final = len(EDGES) + 1
"""Numbers of a histogram, the two outer bins among them: 98."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """How some inputs are distributed.

    Attributes
    ----------
    counts
        (98,) int64: below -12, in each of the 96 bins, from 12 on.
    total, squares
        Sum of the inputs, and of their squares.

    Examples
    --------
    >>> found = Histogram.of([0.1, -0.1, 20.0, float("nan")])
    >>> found.count, int(found.counts[-1]), found.counts[48:50].tolist()
    (3, 1, [1, 1])
    >>> round(found.mean, 3)
    6.667
    """

    counts: NDArray[np.int64]
    total: float
    squares: float

    @classmethod
    def of(cls, inputs: ArrayLike) -> Histogram:
        """Return the histogram of inputs of any shape; those that are not finite are left out."""
        flat = np.asarray(inputs, dtype=np.float64).ravel()
        finite = flat[np.isfinite(flat)]
        bins = np.searchsorted(EDGES, finite, side="right")
        counts = np.bincount(bins, minlength=BINS).astype(np.int64)
        with np.errstate(over="ignore"):
            return cls(counts, float(finite.sum()), float(np.square(finite).sum()))

    @property
    def count(self) -> int:
        """How many inputs there are."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Their mean; NaN for none."""
        return self.total / self.count if self.count else math.nan

    @property
    def deviation(self) -> float:
        """Their standard deviation (n); NaN for none."""
        if not self.count:
            return math.nan
        return math.sqrt(max(0.0, self.squares / self.count - self.mean**2))


def joined(histograms: Iterable[Histogram]) -> Histogram:
    """Return the histogram of all inputs together.

    Examples
    --------
    >>> joined([Histogram.of([0.0]), Histogram.of([1.0, 2.0])]).mean
    1.0
    """
    found = list(histograms)
    counts = np.zeros(BINS, np.int64)
    for each in found:
        counts += each.counts
    total, squares = sum(each.total for each in found), sum(each.squares for each in found)
    return Histogram(counts, float(total), float(squares))


def share_between(counts: NDArray[np.int64], low: float, high: float) -> float:
    """Return the share of inputs in [low, high), which are edges or infinite; NaN for none.

    Examples
    --------
    >>> share_between(Histogram.of([-30.0, -1.0, 0.5, 0.6]).counts, -np.inf, 0.0)
    0.5
    """
    if not counts.sum():
        return math.nan
    first = int(np.searchsorted(EDGES, low, side="right"))
    last = int(np.searchsorted(EDGES, high, side="left"))
    return float(counts[first : last + 1].sum() / counts.sum())
