"""Canonical classes: which expressions are one function, decided by partition refinement.

**The rule.** Two expressions are equal when they have the same value at almost every real number,
values being those of exact arithmetic with the infinities and NaN of IEEE 754 (and 0 being +0:
u/0 is an infinity with the sign of u, 0/0 is NaN, u^0 is 1, a negative base has a power only at
isolated points and is NaN). "Almost every" leaves out isolated points, at which no network ever
finds itself: ``mul(x, 1/x)`` is ``one``, although it is 0 * inf at 0.

**The decision** is taken on a grid with points in every cell (:mod:`builders.cells`). One grid
point after the other, the expressions still together are sorted by value and cut apart wherever
neighbours differ by more than rounding explains (:mod:`act_bench.equality`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_bench.equality import TOLERANCE, UNIT_ROUNDOFF, Scaled, kinds, separation

Labels = NDArray[np.int64]


def canonical_classes(values: Scaled, tolerance: float = TOLERANCE) -> Labels:
    """Partition functions by their values.

    Parameters
    ----------
    values : Scaled
        Arrays of shape (functions, points).
    tolerance : float
        Units of rounding up to which neighbours stay together.

    Returns
    -------
    ndarray, shape (functions,)
        int64 classes, numbered from 0 in order of first appearance.

    Examples
    --------
    >>> from act_bench.equality import space_values
    >>> from builders.outputs import figure_points
    >>> classes = canonical_classes(space_values(figure_points()))
    >>> len(np.unique(classes)), bool(classes[1] == classes[27])  # zero + one, one + zero
    (2791, True)
    """
    kind = kinds(values.value)
    labels = np.zeros(len(kind), np.int64)
    together = np.arange(len(kind))
    for point in range(kind.shape[1]):
        at = (together, point)
        labels[together] = _cut(
            labels[together], kind[at], values.value[at], values.scale[at], tolerance
        )
        # A function alone in its class stays alone: only the others go on.
        labels = _in_order(labels)
        together = np.flatnonzero(np.bincount(labels)[labels] > 1)
        if not len(together):
            break
    return labels


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
    return _in_order(np.unique(bits, axis=0, return_inverse=True)[1])


def widest_within(values: Scaled, labels: Labels) -> float:
    """Return the largest separation of a function from the first of its class, in units."""
    first = np.unique(labels, return_index=True)[1][labels]
    return float(separation(values, Scaled(values.value[first], values.scale[first])).max())


def narrowest_between(values: Scaled, labels: Labels) -> float:
    """Return the smallest separation of the first functions of two classes, in units.

    Every pair is compared, which takes seconds: this is for the report.
    """
    first = np.unique(labels, return_index=True)[1]
    value, scale = values.value[first], values.scale[first]
    narrowest = np.inf
    for row in range(len(first) - 1):
        one = Scaled(value[row : row + 1], scale[row : row + 1])
        rest = Scaled(value[row + 1 :], scale[row + 1 :])
        narrowest = min(narrowest, float(separation(one, rest).min()))
    return narrowest


def _cut(
    labels: Labels,
    kind: NDArray[np.int8],
    value: NDArray[np.float64],
    scale: NDArray[np.float64],
    tolerance: float,
) -> Labels:
    """Return finer labels, disjoint from those of functions that are not given."""
    size = np.where(kind == 0, value, 0.0)
    order = np.lexsort((size, kind, labels))
    label, kind, size = labels[order], kind[order], size[order]
    rounding = tolerance * UNIT_ROUNDOFF * (scale[order][1:] + scale[order][:-1])
    with np.errstate(invalid="ignore"):  # the scale of an infinity
        apart = (kind[1:] == 0) & (np.diff(size) > rounding)
    new = (label[1:] != label[:-1]) | (kind[1:] != kind[:-1]) | apart
    finer = np.empty_like(labels)
    # Offset beyond every label in use.
    finer[order] = labels.max() + 1 + np.concatenate([[0], np.cumsum(new)])
    return finer


def _in_order(labels: Labels) -> Labels:
    """Renumber labels from 0 in order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
