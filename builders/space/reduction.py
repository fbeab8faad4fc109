"""The large space reduced to classes: layer by layer, and which rows of a layer are the same.

Two partitions are made: by values in float64 with error bounds, in the manner of
:mod:`builders.space.classes` but for a million rows, and by the bits of float32 outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.equality import TOLERANCE, UNIT_ROUNDOFF, Scaled, kinds
from act_bench.functions.numeric import Array
from act_bench.functions.operators import BINARY, NARY
from act_bench.spaces.paper import load_space
from builders.space.classes import Labels, cut, in_order
from builders.space.compositions import Floats, Layers, Nodes, Rows, joined, product

Partition: TypeAlias = Callable[[Layers, Rows], Labels]
"""Classes of rows, numbered from 0 in order of first appearance."""

CORE: Final = np.array([0.437, 0.513, 0.559, 0.618, 0.671, 0.723])
"""Points at which next to nothing overflows, four times ``exp`` included: they decide first."""

DRAWN: Final = 128
"""Random points of each kind beside the grid of the space: near, close to 0 and far out."""

SEED: Final = 0
NEAREST: Final = 1e-3
REACH: Final = 4.5
FARTHEST: Final = 60.0
_BATCH: Final = 16

Progress: TypeAlias = Callable[[float], None]
"""Told the share that is done, from 0 to 1."""


class Reduced(NamedTuple):
    """The space in one partition.

    Attributes
    ----------
    labels : ndarray
        Class of each expression, numbered in order of first appearance.
    first : ndarray
        The rows that had to be evaluated, by their number in the enumeration.
    layers : Layers
        The nodes beneath them.
    rows : Rows
        One row for each of ``first``.
    nodes : list of int
        How many classes each layer has: u(x), u(u(x)), u(u(u(x))), b(u(x),u(x)).
    """

    labels: Labels
    first: NDArray[np.intp]
    layers: Layers
    rows: Rows
    nodes: list[int]


def reduce_space(
    unary: tuple[str, ...],
    inner: Partition,
    outer: Partition,
    *,
    commute: bool,
    baselines: tuple[str, ...] = (),
) -> Reduced:
    """Reduce the five schemas over some unary operators to classes.

    Parameters
    ----------
    unary : tuple of str
        The unary operators.
    inner, outer : Partition
        Which rows are the same: as arguments of another operator, and as functions.
    commute : bool
        Whether ``add(f,g)`` and ``add(g,f)`` are the same by rule.
    baselines : tuple of str
        Expressions of one operator that follow the schemas.
    """
    layers = Layers()

    def chosen(rows: Rows) -> Nodes:
        first, inverse = _distinct(rows, commute=commute)
        labels = inner(layers, rows.take(first))
        stand = first[np.unique(labels, return_index=True)[1]]
        return layers.add(rows.take(stand))[labels[inverse]]

    variable = np.zeros(1, np.int32)
    one = chosen(product(unary, variable))
    two = chosen(product(unary, one))
    three = chosen(product(unary, two))
    pair = chosen(product(BINARY, one, one))
    rows = joined(
        [
            product(unary, three),
            product(unary, pair),
            product(BINARY, two, one),
            product(BINARY, one, two),
            product(NARY, one, one, one),
            product([name.partition("(")[0] for name in baselines], variable),
        ]
    )
    first, inverse = _distinct(rows, commute=commute)
    kept = rows.take(first)
    labels = in_order(outer(layers, kept)[inverse])
    return Reduced(labels, first, layers, kept, [len(layer.operator) for layer in layers.layers])


def exact_partition(layers: Layers, rows: Rows, progress: Progress | None = None) -> Labels:
    """Partition rows by their values in float64, with error bounds, at all points."""
    return refine(layers, rows, decision_points(), progress=progress)[0]


def decision_points(seed: int = SEED) -> Array:
    """Return the points that decide: the core, the grid of the space, and random points.

    The grid has two points in each cell on which the 5,103 expressions are analytic. Random are
    points uniform in [-4.5, 4.5], and points whose logarithms are uniform: of 0.001 to 4.5, and of
    4.5 to 60 where functions differ that are constant up to there, ``min(exp(exp(one(x))),x)``.
    """
    generator = np.random.default_rng(seed)
    signs = generator.choice([-1.0, 1.0], size=(2, DRAWN))
    sizes = np.exp(
        generator.uniform(np.log([[NEAREST], [REACH]]), np.log([[REACH], [FARTHEST]]), (2, DRAWN))
    )
    drawn = [generator.uniform(-REACH, REACH, DRAWN), *(signs * sizes)]
    rest = generator.permutation(np.concatenate([load_space().grid, *drawn]))
    return np.concatenate([CORE, rest])


def refine(
    layers: Layers,
    rows: Rows,
    points: Array,
    tolerance: float = TOLERANCE,
    progress: Progress | None = None,
) -> tuple[Labels, int]:
    """Partition rows by refinement, as :func:`builders.space.classes.canonical_classes` does.

    A row whose value is unknown at a point is not cut from the first known row of its group there.
    Only at the points of the core, where hardly any is unknown, such rows form groups of their own,
    by which of their values are known.

    Returns
    -------
    labels : ndarray
        Classes, numbered in order of first appearance.
    wild : int
        How many rows are unknown at a point of the core.
    """
    values = layers.bounded(rows, CORE)
    pattern = np.isinf(values.scale) @ (1 << np.arange(len(CORE)))
    labels = pattern.astype(np.int64)
    together = _cut_at_all(labels, np.arange(len(labels)), values, tolerance)
    rest = points[~np.isin(points, CORE)]
    for start in range(0, len(rest), _BATCH):
        values = layers.bounded(rows.take(together), rest[start : start + _BATCH])
        together = _cut_at_all(labels, together, values, tolerance)
        if progress is not None:
            progress(min(1.0, (start + _BATCH) / len(rest)))
    return in_order(labels), int(np.count_nonzero(pattern))


def _cut_at_all(
    labels: Labels, together: NDArray[np.intp], values: Scaled, tolerance: float
) -> NDArray[np.intp]:
    """Cut rows apart at some points, in place, and return those that are not alone after it.

    ``values`` are those of the rows ``together``.
    """
    kind, known = kinds(values.value), np.isfinite(values.scale)
    center = np.where((kind == 0) & known, values.value, 0.0)
    radius = np.where((kind == 0) & known, tolerance * UNIT_ROUNDOFF * values.scale, 0.0)
    low, high = center - radius, center + radius
    # Where all of a group overlap with its first there is no gap: only the other groups are sorted.
    _, first, inverse = np.unique(labels[together], return_index=True, return_inverse=True)
    first = first[inverse]
    apart = (kind != kind[first]) | (low > high[first]) | (high < low[first])
    torn = np.zeros(len(first), np.bool_)
    torn[inverse[(apart & known).any(axis=1) | ~known[first].all(axis=1)]] = True
    alive = np.flatnonzero(torn[inverse])
    fresh = int(labels.max(initial=0)) + 1
    for point in range(kind.shape[1]):
        at = (alive, point)
        finer = _cut_known(labels[together[alive]], kind[at], low[at], high[at], known[at])
        # Fresh labels, so that none is that of a row that left, alone, before.
        labels[together[alive]] = fresh + finer
        fresh += len(alive)
        alive = alive[np.bincount(finer)[finer] > 1]
    _, inverse, count = np.unique(labels[together], return_inverse=True, return_counts=True)
    return together[count[inverse] > 1]


def _cut_known(
    group: Labels, kind: NDArray[np.int8], low: Array, high: Array, known: NDArray[np.bool_]
) -> Labels:
    """Cut at one point; an unknown value goes with the first known one of its group."""
    if known.all():
        return cut(group, kind, low, high)
    if not known.any():
        return np.unique(group, return_inverse=True)[1]
    finer = np.empty_like(group)
    finer[known] = cut(group[known], kind[known], low[known], high[known])
    groups, first = np.unique(group[known], return_index=True)
    lost = group[~known]
    place = np.minimum(np.searchsorted(groups, lost), len(groups) - 1)
    leading = finer[known][first[place]]
    finer[~known] = np.where(groups[place] == lost, leading, len(group) + lost)
    return np.unique(finer, return_inverse=True)[1]


def float32_partition(layers: Layers, rows: Rows, *, signed: bool = True) -> Labels:
    """Partition rows by the bits of their float32 outputs at the 80 points of the space.

    Parameters
    ----------
    signed : bool
        Whether 0 and -0 are two values: they are as arguments (1/-0 is -inf), and are one in the
        paper's rule. NaN is one value.
    """
    points = load_space().points.astype(np.float32)
    marks = []
    step = 1 << 16
    for start in range(0, len(rows.operator), step):
        block = rows.take(np.arange(start, min(start + step, len(rows.operator))))
        marks.append(fingerprints(layers.plain(block, points), signed=signed))
    return in_order(np.unique(np.concatenate(marks), return_inverse=True)[1])


def fingerprints(outputs: Floats, *, signed: bool = False) -> NDArray[np.uint64]:
    """Return 64 bits for each row, that are equal for rows of equal bits.

    Two multilinear hashes of 32 bits each (Lemire and Kaser 2014, *Strongly universal string
    hashing is fast*): two different rows collide with a chance of 2^-64, so any of a million do
    with one of 3e-8.

    Parameters
    ----------
    outputs : ndarray, shape (n, p)
        float32.
    signed : bool
        Whether 0 and -0 are distinguished.

    Examples
    --------
    >>> marks = fingerprints(np.float32([[1, 0], [1, -0.0], [1, np.nan]]))
    >>> bool(marks[0] == marks[1]), bool(marks[0] == marks[2])
    (True, False)
    """
    plain = outputs if signed else outputs + np.float32(0)
    bits = np.where(np.isnan(plain), np.float32(np.nan), plain).view(np.uint32).astype(np.uint64)
    generator = np.random.default_rng(SEED)
    keys = generator.integers(0, 2**64, size=(2, outputs.shape[1] + 1), dtype=np.uint64)
    high, low = ((keys[i, 0] + bits @ keys[i, 1:]) >> np.uint64(32) for i in (0, 1))
    marks: NDArray[np.uint64] = (high << np.uint64(32)) | low
    return marks


def _distinct(rows: Rows, *, commute: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first of each set of rows that are the same by rule, and which each row is."""
    keys = rows.keys(commute=commute)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse]
