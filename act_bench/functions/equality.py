"""When two float64 evaluations are the same function: values with their rounding errors.

An expression is evaluated together with a running error bound to first order (Higham, *Accuracy
and Stability of Numerical Algorithms*, section 3.3): each operator adds one unit of rounding of its
own value and passes on the errors of its arguments through its partial derivatives. The **scale**
of a value is that bound in units of :data:`UNIT_ROUNDOFF`; it grows where an expression cancels
(``sub(one(x),erf(x))`` for large x) and where it amplifies (``pow``). Two values are equal when
they differ by less than :data:`TOLERANCE` units of the sum of their scales.

Measured over the 5,103 expressions of the space on the stored grid: equal functions differ by at
most one such unit, and different functions by at least 1e12 somewhere. The tolerance stands in the
middle of the empty band between (see docs/explanation/space.md), so it would decide the same if it
were a hundred thousand times larger or smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.numeric import Array
from act_bench.functions.operators import ALL_OPERATORS, BINARY, SPACE_UNARY, Operator
from act_bench.functions.steps import Tree, interpret

UNIT_ROUNDOFF: Final = 2.0**-53
"""The largest relative error of one correctly rounded float64 operation."""

TOLERANCE: Final = 1e6
"""How many units of rounding apart two evaluations of one function may lie."""


class Scaled(NamedTuple):
    """Values with the size of their rounding errors.

    Attributes
    ----------
    value : ndarray
        float64.
    scale : ndarray
        float64, the same shape, never negative: the error bound in units of ``UNIT_ROUNDOFF``.
    """

    value: Array
    scale: Array


def evaluate(expression: Tree, points: Array) -> Scaled:
    """Evaluate an expression with its rounding errors.

    Parameters
    ----------
    expression : Expression
        Any, inside the space or not.
    points : ndarray, shape (n,)
        Taken as exact.

    Returns
    -------
    Scaled
        Two arrays of shape (n,).

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> lost = evaluate(parse("sub(one(x),erf(x))"), np.array([4.5]))
    >>> bool(lost.scale[0] > 1e9 * lost.value[0])  # ten digits are cancelled
    True
    """
    exact = np.zeros_like(points)
    with np.errstate(all="ignore"):
        return interpret(
            expression.steps(),
            Scaled(points, exact),
            lambda number: Scaled(np.full_like(points, number), exact),
            _scaled,
        )


def scaled_apply(operator: str, arguments: Sequence[Scaled]) -> Scaled:
    """Apply one operator to scaled values; floating-point warnings are the caller's.

    Parameters
    ----------
    operator : str
        A name of :data:`act_bench.functions.operators.OPERATORS`.
    arguments : sequence of Scaled
        As many as the operator takes, of shapes that broadcast.
    """
    record = ALL_OPERATORS[operator]
    return record.apply(partial(_scaled, record), arguments)


def _scaled(operator: Operator, *arguments: Scaled) -> Scaled:
    """Return the value, and |df/du| scale(u) + |df/dv| scale(v) + |f|."""
    values = [argument.value for argument in arguments]
    value = np.asarray(operator.numpy(*values))
    size = np.abs(value)
    if operator.scale is not None:
        (u, su), (v, sv) = arguments
        return _finite(value, operator.scale(u, su, v, sv, value))
    slopes = operator.implementation("derivative")(*values)
    if len(arguments) == 1:
        slopes = (slopes,)
    passed = [np.abs(slope) * each.scale for slope, each in zip(slopes, arguments, strict=True)]
    return _finite(value, reduce(np.add, passed) + size)


def space_values(points: Array) -> Scaled:
    """Evaluate the 5,103 expressions of the space: each unary operator once, then the pairs.

    Parameters
    ----------
    points : ndarray, shape (n,)

    Returns
    -------
    Scaled
        Two arrays of shape (5103, n), rows in the order of enumeration.

    Examples
    --------
    >>> space_values(np.array([0.5, 2.0])).value[2].tolist()  # add(zero(x),identity(x))
    [0.5, 2.0]
    """
    variable = Scaled(points, np.zeros_like(points))
    with np.errstate(all="ignore"):
        unary = [scaled_apply(name, [variable]) for name in SPACE_UNARY]
        value = np.stack([item.value for item in unary])
        scale = np.stack([item.scale for item in unary])
        left = Scaled(value[:, None], scale[:, None])
        right = Scaled(value[None], scale[None])
        pairs = [scaled_apply(name, [left, right]) for name in BINARY]
    shape = (-1, len(points))
    return Scaled(
        np.stack([item.value for item in pairs]).reshape(shape),
        np.stack([item.scale for item in pairs]).reshape(shape),
    )


def kinds(values: Array) -> NDArray[np.int8]:
    """Return 0 for a finite value, 1 for NaN, 2 for +infinity, 3 for -infinity.

    Examples
    --------
    >>> kinds(np.array([1.0, np.nan, np.inf, -np.inf])).tolist()
    [0, 1, 2, 3]
    """
    result = np.zeros(values.shape, np.int8)
    special = ~np.isfinite(values)
    found = values[special]
    result[special] = np.where(np.isnan(found), 1, np.where(found > 0, 2, 3))
    return result


def separation(a: Scaled, b: Scaled) -> Array:
    """Return how far apart two sets of values lie, the largest over their points.

    Parameters
    ----------
    a, b : Scaled
        Of shapes (..., n) that broadcast.

    Returns
    -------
    ndarray, shape (...)
        In units of rounding: below ``TOLERANCE`` for one function. Infinite where one value is
        finite and the other is not, or they are NaN and infinity, or infinities of two signs.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> x = np.array([-1.0, 2.0])
    >>> f, g, h = (evaluate(parse(t), x) for t in ("swish(x)", "mul(x,sigmoid(x))", "relu(x)"))
    >>> bool(separation(f, g) < 4), bool(separation(f, h) > 1e12)
    (True, True)
    """
    kind_a, kind_b = kinds(a.value), kinds(b.value)
    both_finite = (kind_a == 0) & (kind_b == 0)
    with np.errstate(all="ignore"):
        difference = np.abs(a.value - b.value)
        apart = difference / (UNIT_ROUNDOFF * (a.scale + b.scale))
    apart = np.where(difference == 0, 0, apart)
    apart = np.where(both_finite, apart, np.where(kind_a == kind_b, 0, np.inf))
    return np.asarray(apart.max(axis=-1))


def _finite(value: Array, scale: Array) -> Scaled:
    """Where the bound is undefined (0^v, u/0), the value is exact or not finite: one rounding."""
    return Scaled(value, np.where(np.isfinite(scale), scale, np.abs(value)))
