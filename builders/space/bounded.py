"""Float64 values of deep compositions, with what is not known about them.

Over the 5,103 expressions nothing overflows or saturates on the stored grid, so that a value and
its running error bound (:mod:`act_bench.functions.equality`) say all. In the large space ``exp`` is
composed four times, and three more things happen. A value overflows: then exact arithmetic has a
finite number where float64 has an infinity. An argument's sign is lost to rounding where an
operator has a singularity. An error is so large that a bound to first order means nothing. Such a
value is
**unknown**: its scale is infinite, and it can neither equal another nor differ from it. Infinities
and NaN with a finite scale are true ones: 1/0, 0/0, a power of a negative base.

Zero has no sign, as everywhere in this package: each result is taken with +0 for -0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.equality import TOLERANCE, UNIT_ROUNDOFF, Scaled, scaled_apply
from act_bench.functions.numeric import Array
from act_bench.functions.operators import ALL_OPERATORS

Mask = NDArray[np.bool_]

TINY: Final = 1e-290
"""Below it float64 loses digits (subnormal numbers begin at 2e-308): taken as 0 with an error."""

COARSE: Final = 0.01
"""An error larger than this, relative to the value or to 1, is out of reach of a linear bound."""

_KINKS: Final = {"relu": (0.0,), "hard_sigmoid": (-2.5, 2.5)}
"""Where an operator is constant on one side: an exact constant only if the side is known."""

_COUNTABLE: Final = 2.0**20
_RADIUS: Final = TOLERANCE * UNIT_ROUNDOFF


def bounded_apply(operator: str, arguments: Sequence[Scaled]) -> Scaled:
    """Apply one operator; floating-point warnings are the caller's.

    Parameters
    ----------
    operator : str
        A name of :data:`act_bench.functions.operators.OPERATORS`.
    arguments : sequence of Scaled
        As many as the operator takes, of one shape. An infinite scale means unknown.

    Returns
    -------
    Scaled
        Value and scale; the scale is infinite where the value is unknown, and 0 where it is
        infinite or NaN.

    Examples
    --------
    >>> big = Scaled(np.array([1000.0, 2.0]), np.array([0.0, 0.0]))
    >>> with np.errstate(all="ignore"):
    ...     np.isinf(bounded_apply("exp", [big]).scale).tolist()
    [True, False]
    """
    return ALL_OPERATORS[operator].apply(partial(_settled, operator), arguments)


def _settled(operator: str, *arguments: Scaled) -> Scaled:
    value, scale = scaled_apply(operator, arguments)
    value = value + 0.0
    scale = _unrounded(operator, arguments, value, scale)
    unknown = _lost(operator, arguments)
    finite_arguments = np.ones(value.shape, np.bool_)
    exact_zero = np.zeros(value.shape, np.bool_)
    for argument in arguments:
        finite_arguments &= np.isfinite(argument.value)
        exact_zero |= (argument.value == 0) & (argument.scale == 0)
    # An infinity without a pole is an overflow; a tiny number without a zero may be an underflow.
    unknown |= np.isinf(value) & finite_arguments & ~exact_zero
    if ALL_OPERATORS[operator].vanishes:
        tiny = (np.abs(value) < TINY) & finite_arguments & ~exact_zero
        scale = np.where(tiny, np.maximum(scale, TINY / UNIT_ROUNDOFF), scale)
    if operator in {"zero", "one"}:
        unknown[:] = False
    return Scaled(value, np.where(unknown, np.inf, np.where(np.isfinite(value), scale, 0.0)))


def _unrounded(operator: str, arguments: Sequence[Scaled], value: Array, scale: Array) -> Array:
    """Return the scale without the roundings that do not happen.

    They matter where a zero or a whole number must be known to be exact: as a divisor, or as the
    exponent of a negative base.
    """
    match operator:
        case "zero" | "one":
            return np.zeros_like(scale)
        case "identity" | "negative" | "abs":
            return arguments[0].scale
        case "relu" | "elu" | "leakyrelu" | "hard_sigmoid":
            if operator == "hard_sigmoid":
                scale = np.where((value == 0) | (value == 1), 0.0, scale)
            else:
                scale = np.where(value > 0, arguments[0].scale, scale)
            for kink in _KINKS.get(operator, ()):
                scale = np.where(_near(arguments[0], kink), arguments[0].scale, scale)
            return scale
        case "max" | "min" | "max_n" | "min_n":
            (u, su), (v, sv) = arguments
            apart = np.abs(u - v) > _RADIUS * (su + sv)
            return np.where(apart, np.where(value == u, su, sv), np.maximum(su, sv))
    # Exact whole numbers, or halves, that give one give it exactly: e^0, 1+1. The arguments must be
    # such numbers too: erf(9) is no 1.
    exact = _countable(value)
    for argument in arguments:
        exact &= (argument.scale == 0) & _countable(argument.value)
    return np.where(exact, 0.0, scale)


def _countable(value: Array) -> Mask:
    found: Mask = (np.abs(value) < _COUNTABLE) & (2 * value == np.round(2 * value))
    return found


def _lost(operator: str, arguments: Sequence[Scaled]) -> Mask:
    """Return where the arguments do not settle the result."""
    lost = np.zeros(arguments[0].value.shape, np.bool_)
    for value, scale in arguments:
        size = np.abs(value)
        lost |= np.isinf(scale) | (_RADIUS * scale > COARSE * np.maximum(size, 1))
    match operator:
        case "reciprocal":
            lost |= _near(arguments[0], 0)
        case "div":
            lost |= _near(arguments[1], 0)
            lost |= (arguments[1].value == 0) & _near(arguments[0], 0)
        case "mul" | "prod_n":
            for one, other in (arguments, arguments[::-1]):
                lost |= np.isinf(one.value) & _near(other, 0)
        case "pow":
            base, exponent = arguments
            lost |= _near(base, 0)
            # A negative base has powers with whole exponents alone; 1^inf is 1, near it is not.
            lost |= (base.value < 0) & _near(exponent, np.round(exponent.value))
            lost |= np.isinf(exponent.value) & (_near(base, 1) | _near(base, -1))
            lost |= (np.isinf(base.value) | (base.value == 0)) & _near(exponent, 0)
    return lost


def _near(argument: Scaled, point: float | Array) -> Mask:
    """Return where an argument with an error cannot be distinguished from a point."""
    distance = np.abs(argument.value - point)
    return (argument.scale > 0) & (distance <= _RADIUS * argument.scale)
