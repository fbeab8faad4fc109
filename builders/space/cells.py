"""The cells of the real line on which every expression of the space is analytic.

Each of the 27 unary operators is analytic but at 0 and, for ``hard_sigmoid``, at ±2.5. ``max`` and
``min`` of two of them switch branch only where the two cross, and ``pow`` and ``div`` change their
kind (NaN, infinite, finite) only where a base or a divisor is 0, that is where it crosses ``zero``.
So the crossings of the 27, taken two by two, cut the real line into cells on each of which all
5,103 expressions are analytic, or not finite throughout (but for isolated points). Two functions
that are equal at a point in general position of each cell and to all digits are the same function:
a grid that has points in every cell can miss no branch.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Final, TypeAlias

import numpy as np

from act_bench.functions.numeric import Array
from act_bench.functions.operators import OPERATORS, SPACE_UNARY

Unary: TypeAlias = Callable[[Array], Array]

REACH: Final = 4.5
"""The grid covers [-4.5, 4.5]: there nothing overflows (exp(x)^exp(x) is e^405 at the end), and
nothing saturates (erf(4.5) is 2e-10 below 1), so float64 decides."""

SEARCHED: Final = 12.0
"""Crossings are searched for in [-12, 12]; the last ones lie at ±7.05."""

_STEP: Final = 1e-4
_ROUNDING: Final = 1e-14
_SAME: Final = 1e-6
_BREAKS: Final = (-2.5, 0.0, 2.5)


def crossings(reach: float = SEARCHED) -> Array:
    """Return the points at which two unary operators cross or one is not analytic.

    Signs of differences are taken at steps of 1e-4 and each change is narrowed by bisection. A
    difference below 1e-14 of the values counts as no sign: far out some operators agree to all
    digits without crossing (``erf`` and ``one``), and near 0 some touch (``tanh`` and ``arctan``).

    Parameters
    ----------
    reach : float
        Where to look: [-reach, reach].

    Returns
    -------
    ndarray
        Ascending; those closer than 1e-6 are taken as one.
    """
    # Shifted, so that no sample falls on a crossing that is a round number.
    x = np.arange(-reach, reach, _STEP) + _STEP / np.e
    found = [point for point in _BREAKS if abs(point) < reach]
    with np.errstate(all="ignore"):
        sampled = {name: OPERATORS[name].numpy(x) for name in SPACE_UNARY}
        for u, v in combinations(SPACE_UNARY, 2):
            signs = _signs(sampled[u], sampled[v])
            signed = np.flatnonzero(signs)
            changes = np.flatnonzero(np.diff(signs[signed]) != 0)
            for left, right in zip(signed[changes], signed[changes + 1], strict=True):
                found.append(_crossing(OPERATORS[u].numpy, OPERATORS[v].numpy, x[left], x[right]))
    ordered = np.sort(found)
    distinct: Array = ordered[np.concatenate([[True], np.diff(ordered) > _SAME])]
    return distinct


def cell_grid(boundaries: Array, reach: float = REACH) -> Array:
    """Return two points inside each cell of [-reach, reach], at a third and at two thirds.

    Parameters
    ----------
    boundaries : ndarray
        As :func:`crossings` gives them.

    Examples
    --------
    >>> cell_grid(np.array([0.0]), reach=3.0).tolist()
    [-2.0, -1.0, 1.0, 2.0]
    """
    ends = np.concatenate([[-reach], boundaries[np.abs(boundaries) < reach], [reach]])
    widths = np.diff(ends)
    return np.sort(np.concatenate([ends[:-1] + widths / 3, ends[:-1] + 2 * widths / 3]))


def _signs(u: Array, v: Array) -> Array:
    difference = u - v
    negligible = np.abs(difference) <= _ROUNDING * np.maximum(np.abs(u), np.abs(v))
    return np.where(negligible, 0, np.sign(difference))


def _crossing(u: Unary, v: Unary, left: float, right: float) -> float:
    """Return where ``u - v`` changes sign between two points at which it has a sign."""
    if left < 0 < right:
        return 0.0  # where operators touch: bisection would stop at rounding errors nearby

    def difference(point: float) -> float:
        at = np.array([point])
        return float((u(at) - v(at))[0])

    sign = np.sign(difference(left))
    while right - left > _ROUNDING * abs(right):
        middle = (left + right) / 2
        if middle in (left, right):
            break
        if np.sign(difference(middle)) == sign:
            left = middle
        else:
            right = middle
    return (left + right) / 2
