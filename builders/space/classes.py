"""Canonical classes: which expressions are one function, decided by partition refinement.

**The rule.** Two expressions are equal when they have the same value at almost every real number,
values being those of exact arithmetic with the infinities and NaN of IEEE 754 (and 0 being +0:
u/0 is an infinity with the sign of u, 0/0 is NaN, u^0 is 1, a negative base has a power only at
isolated points and is NaN). "Almost every" leaves out isolated points, at which no network ever
finds itself: ``mul(x, 1/x)`` is ``one``, although it is 0 * inf at 0.

**The decision** is taken on a grid with points in every cell (:mod:`builders.space.cells`). One
grid point after the other, the expressions still together are cut apart wherever their values
differ by more than rounding explains: where the intervals value ± tolerance do not overlap
(:mod:`act_bench.functions.equality`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.equality import TOLERANCE, UNIT_ROUNDOFF, Scaled, kinds, separation
from act_bench.functions.numeric import Array

Labels = NDArray[np.int64]


def canonical_classes(values: Scaled, tolerance: float = TOLERANCE) -> Labels:
    """Partition functions by their values.

    Parameters
    ----------
    values : Scaled
        Arrays of shape (functions, points).
    tolerance : float
        Half-width of the intervals, in units of rounding.

    Returns
    -------
    ndarray, shape (functions,)
        int64 classes, numbered from 0 in order of first appearance.

    Examples
    --------
    >>> from act_bench.functions.equality import space_values
    >>> from builders.space.outputs import figure_points
    >>> classes = canonical_classes(space_values(figure_points()))
    >>> len(np.unique(classes)), bool(classes[1] == classes[27])  # zero + one, one + zero
    (2791, True)
    """
    kind = kinds(values.value)
    finite = np.where(kind == 0, values.value, 0.0)
    radius = np.where(kind == 0, tolerance * UNIT_ROUNDOFF * values.scale, 0.0)
    labels = np.zeros(len(kind), np.int64)
    together = np.arange(len(kind))
    for point in range(kind.shape[1]):
        at = (together, point)
        low, high = finite[at] - radius[at], finite[at] + radius[at]
        finer = cut(labels[together], kind[at], low, high)
        # Offset, so that no label is one of a function that is left out.
        labels[together] = (point + 1) * len(kind) + finer
        # A function alone in its class stays alone: only the others go on.
        together = together[np.bincount(finer)[finer] > 1]
    return in_order(labels)


def entries(outputs: NDArray[np.float32]) -> Labels:
    """Partition functions as the paper does: outputs equal bit by bit, -0 = 0 and NaN = NaN.

    Parameters
    ----------
    outputs : ndarray, shape (functions, points)
        float32. With the kernels of the paper's framework this gives its 2,913 entries; others
        round differently and give some more or fewer, which is why the entries are stored.

    Returns
    -------
    ndarray, shape (functions,)
        int64, numbered in order of first appearance.

    Examples
    --------
    >>> entries(np.float32([[1, 0], [np.nan, 1], [1, -0.0], [np.nan, 1]])).tolist()
    [0, 1, 0, 1]
    """
    bits = np.where(np.isnan(outputs), np.float32(np.nan), outputs + np.float32(0)).view(np.uint32)
    return in_order(np.unique(bits, axis=0, return_inverse=True)[1])


def widest_within(values: Scaled, labels: Labels) -> float:
    """Return the largest separation of a function from the first of its class, in units."""
    first = np.unique(labels, return_index=True)[1][labels]
    return float(separation(values, Scaled(values.value[first], values.scale[first])).max())


def cut(labels: Labels, kind: NDArray[np.int8], low: Array, high: Array) -> Labels:
    """Return finer labels, from 0: functions stay together whose intervals are connected.

    To compare sorted neighbours would not do: between two equal functions, of which one cancels
    and has a wide interval, a third may lie whose own is narrow.
    """
    group = labels * 4 + kind  # there are four kinds
    # A sweep over all ends of intervals: where as many have ended as begun, there is a gap. The
    # sort is stable, so that an interval that begins where another ends begins first.
    order = np.lexsort((np.concatenate([low, high]), np.concatenate([group, group])))
    begins = order < len(low)
    open_intervals = np.cumsum(np.where(begins, 1, -1))
    gaps = np.cumsum(open_intervals == 0)
    finer = np.empty_like(labels)
    finer[order[begins]] = gaps[begins]
    return finer


def in_order(labels: Labels) -> Labels:
    """Renumber labels from 0 in order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
