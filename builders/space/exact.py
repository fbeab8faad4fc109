"""The canonical classes once more, with mpmath: 120 digits instead of 16, and other code.

Nothing here is shared with the float64 decision but the names of the operators: the 27 functions
are written out again, and ``div`` and ``pow`` state the IEEE 754 rules that exact arithmetic leaves
open. mpmath is needed to make and check the data, never to use them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import mpmath
from mpmath import mpf

from act_bench.functions.operators import BINARY, SPACE_UNARY

DIGITS: Final = 120
"""Decimal digits of the arithmetic: erf(12) is 1 - 1e-64, so half remain where most cancel."""

EQUAL_DIGITS: Final = 40
"""Values are the same when they agree, relatively, to this many digits."""

Number: TypeAlias = Any
"""An ``mpmath.mpf``; mpmath ships no types."""

_SELU_SCALE: Final = "1.0507009873554804934193349852946"
_SELU_ALPHA: Final = "1.6732632423543772848170429916717"


def unary(name: str, x: Number) -> Number:
    """Return a unary operator of the space at a point other than 0, at mpmath's precision.

    Examples
    --------
    >>> mpmath.nstr(unary("swish", mpf(2)), 10)
    '1.761594156'
    """
    return _UNARY[name](x)


def binary(name: str, u: Number, v: Number) -> Number:
    """Return a binary operator with the rules of IEEE 754 where exact arithmetic has none.

    Examples
    --------
    >>> binary("div", mpf(-2), mpf(0)), binary("pow", mpf(-2), mpf("0.5"))
    (mpf('-inf'), mpf('nan'))
    """
    return _BINARY[name](u, v)


class ExactPartition(NamedTuple):
    """What comparing at many digits gave.

    Attributes
    ----------
    labels : list of int
        Class of each of the 5,103 expressions, numbered in order of first appearance.
    largest_within : Number
        Largest relative difference of neighbors that stayed together: the errors of mpmath.
    smallest_cut : Number
        Smallest relative difference at which neighbours were cut apart.
    """

    labels: list[int]
    largest_within: Number
    smallest_cut: Number


def exact_classes(points: Iterable[float]) -> ExactPartition:
    """Partition the 5,103 expressions by their values at some points.

    Parameters
    ----------
    points : iterable of float
        None of them 0; each is taken as the exact binary fraction that it is.

    Returns
    -------
    ExactPartition
    """
    size = len(BINARY) * len(SPACE_UNARY) ** 2
    groups = [list(range(size))]
    alone: list[list[int]] = []
    within, cut = mpf(0), mpf("inf")
    for point in points:
        with mpmath.workdps(DIGITS):
            x = mpf(point)
            inner = [unary(name, x) for name in SPACE_UNARY]
            finer: list[list[int]] = []
            for group in groups:
                parts, group_within, group_cut = _split([(_value(i, inner), i) for i in group])
                within, cut = max(within, group_within), min(cut, group_cut)
                finer.extend(parts)
        groups = [group for group in finer if len(group) > 1]
        alone.extend(group for group in finer if len(group) == 1)
    labels = [0] * size
    for number, group in enumerate(sorted(sorted(group) for group in groups + alone)):
        for index in group:
            labels[index] = number
    return ExactPartition(labels, within, cut)


def _value(index: int, inner: Sequence[Number]) -> Number:
    """Return an expression's value from those of the unary operators, by its number."""
    rest, right = divmod(index, len(SPACE_UNARY))
    operator, left = divmod(rest, len(SPACE_UNARY))
    return binary(BINARY[operator], inner[left], inner[right])


def _split(valued: list[tuple[Number, int]]) -> tuple[list[list[int]], Number, Number]:
    """Split functions at a point: the parts, the largest difference within, the smallest cut."""
    special: dict[str, list[int]] = defaultdict(list)
    finite: list[tuple[Number, int]] = []
    for value, index in valued:
        if mpmath.isfinite(value):
            finite.append((value, index))
        else:
            special[str(value)].append(index)
    parts = list(special.values())
    within, cut = mpf(0), mpf("inf")
    limit = mpf(10) ** -EQUAL_DIGITS
    previous: Number | None = None
    for value, index in sorted(finite):
        if previous is None:
            parts.append([index])
        else:
            size = max(abs(value), abs(previous))
            apart = (value - previous) / size if size else mpf(0)
            if apart > limit:
                parts.append([index])
                cut = min(cut, apart)
            else:
                parts[-1].append(index)
                within = max(within, apart)
        previous = value
    return parts, within, cut


def _sigmoid(x: Number) -> Number:
    return 1 / (1 + mpmath.exp(-x))


def _softplus(x: Number) -> Number:
    return mpmath.log1p(mpmath.exp(x))


def _elu(x: Number) -> Number:
    return x if x > 0 else mpmath.expm1(x)


def _selu(x: Number) -> Number:
    return mpf(_SELU_SCALE) * (x if x > 0 else mpf(_SELU_ALPHA) * mpmath.expm1(x))


_UNARY: Final[dict[str, Callable[[Number], Number]]] = {
    "zero": lambda _: mpf(0),
    "one": lambda _: mpf(1),
    "identity": lambda x: x,
    "negative": lambda x: -x,
    "abs": abs,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "exp": mpmath.exp,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "expm1": mpmath.expm1,
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: -_softplus(-x),
    "arcsinh": mpmath.asinh,
    "arctan": mpmath.atan,
    "bessel_i0e": lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(0, x),
    "bessel_i1e": lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(1, x),
    "relu": lambda x: max(x, mpf(0)),
    "elu": _elu,
    "selu": _selu,
    "swish": lambda x: x * _sigmoid(x),
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + abs(x)),
    "hard_sigmoid": lambda x: min(max(x / 5 + mpf(1) / 2, mpf(0)), mpf(1)),
}


def _divide(u: Number, v: Number) -> Number:
    if v != 0:
        return u / v
    return mpf("nan") if u == 0 else mpmath.sign(u) * mpf("inf")


def _power(u: Number, v: Number) -> Number:
    if v == 0:
        return mpf(1)
    if u == 0:
        return mpf(0) if v > 0 else mpf("inf")
    if u < 0 and not mpmath.isint(v):
        return mpf("nan")
    return u**v


_BINARY: Final[dict[str, Callable[[Number, Number], Number]]] = {
    "add": lambda u, v: u + v,
    "sub": lambda u, v: u - v,
    "mul": lambda u, v: u * v,
    "div": _divide,
    "pow": _power,
    "max": lambda u, v: max(u, v),
    "min": lambda u, v: min(u, v),
}
