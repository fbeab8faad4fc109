"""A small picture of an operator, as SVG of a few hundred bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.operators import Operator

SECOND: Final = (-1.0, 1.0, 2.0)
"""Values of v at which an operator of two arguments is drawn over u."""

REACH: Final = 4.0
"""The picture shows -REACH to REACH on both axes."""

_SIDE: Final = 64
_COLORS: Final = ("#0072b2", "#d55e00", "#009e73")
_POINTS: Final = 81
_DIGITS: Final = 1


def curves(operator: Operator) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield what is drawn: places and values of one curve, or of one for each of `SECOND`."""
    x = np.linspace(-REACH, REACH, _POINTS)
    with np.errstate(all="ignore"):
        if operator.arity == 1:
            yield x, np.asarray(operator.numpy(x))
            return
        for v in SECOND:
            yield x, np.asarray(operator.numpy(x, np.full_like(x, v)))


def picture(operator: Operator) -> str:
    """Return the picture of an operator.

    Examples
    --------
    >>> from act_bench.functions.operators import OPERATORS
    >>> picture(OPERATORS["relu"]).count("<polyline")
    1
    """
    middle = _SIDE / 2
    drawn = [
        f'<polyline points="{points}" stroke="{color}"/>'
        for (x, value), color in zip(curves(operator), _COLORS, strict=False)
        for points in _pieces(x, value)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_SIDE}" height="{_SIDE}" '
        f'viewBox="0 0 {_SIDE} {_SIDE}" role="img"><title>{operator.name}</title>'
        f'<rect width="{_SIDE}" height="{_SIDE}" fill="#fff"/>'
        f'<path d="M0 {middle:g}H{_SIDE}M{middle:g} 0V{_SIDE}" stroke="#d0d7de"/>'
        f'<g fill="none" stroke-width="1.5">{"".join(drawn)}</g></svg>\n'
    )


def _pieces(x: NDArray[np.float64], value: NDArray[np.float64]) -> Iterator[str]:
    """Yield the visible pieces of a curve as points; a straight piece has its ends only."""
    scale = _SIDE / (2 * REACH)
    # One point beyond the frame, so that a curve leaves it where it does.
    seen = np.isfinite(value) & (np.abs(value) <= 1.5 * REACH)
    for piece in np.split(np.arange(len(x)), np.flatnonzero(np.diff(seen)) + 1):
        if len(piece) < 2 or not seen[piece[0]]:
            continue
        y = value[piece]
        bend = np.ones(len(piece), bool)
        bend[1:-1] = np.abs(np.diff(y, 2)) > 1e-9
        across, down = (x[piece] + REACH) * scale, (REACH - y) * scale
        yield " ".join(
            f"{round(float(a), _DIGITS):g},{round(float(d), _DIGITS):g}"
            for a, d in zip(across[bend], down[bend], strict=True)
        )
