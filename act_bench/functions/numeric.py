"""Expressions in float64: values and first derivatives, with NumPy and SciPy.

This is the truth of the package: tables of outputs, canonical classes and tabulated activations
are computed from it. Each operator is written so that it loses no accuracy by cancellation and
does not overflow where its value is finite, and so that its limits at infinity are reached.

Derivatives are computed forward through the expression, by the chain rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from act_bench.functions.expression import VARIABLE, Expression
from act_bench.functions.operators import (
    BETA,
    LARGEST_ANGLE,
    LARGEST_CUBED,
    LARGEST_EXPONENT,
    LARGEST_FACTOR,
    LEAKY_SLOPE,
    LEAST_RADICAND,
    SELU_ALPHA,
    SELU_SCALE,
    SMALL,
)

Array: TypeAlias = NDArray[np.float64]
ArrayFunction: TypeAlias = Callable[[ArrayLike], Array]
Unary: TypeAlias = Callable[[Array], Array]
Dual: TypeAlias = tuple[Array, Array]
"""A value and its derivative with respect to the variable."""


def value_function(expression: Expression) -> ArrayFunction:
    """Return the vectorised float64 value of ``expression``; see :meth:`Expression.to_numpy`."""
    program = expression.steps()

    def evaluate(x: ArrayLike) -> Array:
        inputs = np.asarray(x, dtype=np.float64)
        results: list[Array] = []
        with np.errstate(all="ignore"):
            for operator, indices in program:
                if operator == VARIABLE:
                    results.append(inputs.copy())
                elif not indices:
                    results.append(np.full_like(inputs, float(operator)))
                else:
                    results.append(apply(operator, [results[i] for i in indices]))
        return np.asarray(results[-1])

    return evaluate


def derivative_function(expression: Expression) -> ArrayFunction:
    """Return the vectorised float64 derivative; see :meth:`Expression.derivative`."""
    program = expression.steps()

    def evaluate(x: ArrayLike) -> Array:
        inputs = np.asarray(x, dtype=np.float64)
        results: list[Dual] = []
        with np.errstate(all="ignore"):
            for operator, indices in program:
                if operator == VARIABLE:
                    results.append((inputs, np.ones_like(inputs)))
                elif not indices:
                    results.append((np.full_like(inputs, float(operator)), np.zeros_like(inputs)))
                else:
                    results.append(_apply_dual(operator, [results[i] for i in indices]))
        return np.asarray(results[-1][1])

    return evaluate


def apply(operator: str, arguments: Sequence[Array]) -> Array:
    """Apply one operator to float64 arrays.

    Parameters
    ----------
    operator : str
        A name of :data:`act_bench.functions.operators.OPERATORS`.
    arguments : sequence of ndarray
        As many as the operator takes, of one shape. Floating-point warnings are the caller's.

    Returns
    -------
    ndarray
        float64, of that shape.

    Examples
    --------
    >>> apply("max", [np.array([1.0, 2.0]), np.array([3.0, -1.0])]).tolist()
    [3.0, 2.0]
    """
    if len(arguments) == 1:
        return np.asarray(UNARY_VALUES[operator](arguments[0]))
    return reduce(_BINARY_VALUES[operator], arguments)


def _apply_dual(operator: str, arguments: Sequence[Dual]) -> Dual:
    if len(arguments) == 1:
        value, slope = arguments[0]
        return UNARY_VALUES[operator](value), UNARY_DERIVATIVES[operator](value) * slope
    return reduce(partial(_binary_dual, operator), arguments)


# --------------------------------------------------------------------------------------------------
# Unary operators
# --------------------------------------------------------------------------------------------------

_TWO_OVER_ROOT_PI: Final = 2 / math.sqrt(math.pi)
_ROOT_TWO_PI: Final = math.sqrt(2 * math.pi)


def _vanishing_product(x: Array, factor: Array) -> Array:
    """Return x * factor for a factor that decays faster than x grows: its limit there is 0."""
    return np.where(factor == 0, np.copysign(0.0, x), x * factor)


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, special.expm1(np.minimum(x, 0)))


def _selu(x: Array) -> Array:
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * special.expm1(np.minimum(x, 0)))


def _swish(x: Array) -> Array:
    return _vanishing_product(x, special.expit(x))


def _softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def _softsign(x: Array) -> Array:
    return np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x)))


def _elish(x: Array) -> Array:
    return np.where(x > 0, _swish(x), special.expm1(np.minimum(x, 0)) * special.expit(x))


def _factor(x: Array) -> Array:
    return np.clip(x, -LARGEST_FACTOR, LARGEST_FACTOR)


def _leakyrelu(x: Array) -> Array:
    return np.where(x > 0, x, LEAKY_SLOPE * x)


def _mish(x: Array) -> Array:
    return _vanishing_product(x, np.tanh(_softplus(x)))


def _gelu(x: Array) -> Array:
    # ndtr is computed from erfc: 1 + erf would cancel for negative x.
    return _vanishing_product(x, special.ndtr(x))


def _sech_squared(x: Array) -> Array:
    return np.square(1 / np.cosh(x))


def _sigmoid_slope(x: Array) -> Array:
    return special.expit(x) * special.expit(-x)


def _swish_slope(x: Array) -> Array:
    return special.expit(x) + _vanishing_product(x, _sigmoid_slope(x))


def _elish_slope(x: Array) -> Array:
    negative = np.minimum(x, 0)
    left = special.expit(x) * np.exp(negative) + special.expm1(negative) * _sigmoid_slope(x)
    return np.where(x > 0, _swish_slope(x), left)


def _mish_slope(x: Array) -> Array:
    plus = _softplus(x)
    return np.tanh(plus) + _vanishing_product(x, _sech_squared(plus) * special.expit(x))


def _gelu_slope(x: Array) -> Array:
    density = np.exp(-np.square(x) / 2) / _ROOT_TWO_PI
    return special.ndtr(x) + _vanishing_product(x, density)


def _bessel_difference(size: Array) -> Array:
    """Return e^-z (I_1(z) - I_0(z)) for z >= 0, without cancellation.

    For large z both terms agree to 1/(2z), so the difference of their asymptotic expansions
    (Abramowitz and Stegun 9.7.1) is summed instead.
    """
    total = np.zeros_like(size)
    first, zeroth, power = 1.0, 1.0, np.ones_like(size)
    large = np.maximum(size, _BESSEL_SWITCH)
    for k in range(1, 12):
        first *= -(4 - (2 * k - 1) ** 2) / (8 * k)
        zeroth *= (2 * k - 1) ** 2 / (8 * k)
        power = power / large
        total += (first - zeroth) * power
    expansion = total / np.sqrt(2 * np.pi * large)
    return np.where(size > _BESSEL_SWITCH, expansion, special.i1e(size) - special.i0e(size))


_BESSEL_SWITCH: Final = 60.0


def _bessel_i0e_slope(x: Array) -> Array:
    return np.sign(x) * _bessel_difference(np.abs(x))


def _bessel_i1e_slope(x: Array) -> Array:
    # I_1' = I_0 - I_1 / z; the function is odd, so its slope is even. I_1(z) / z -> 1/2 at 0.
    size = np.abs(x)
    ratio = np.where(size == 0, 0.5, special.i1e(size) / np.where(size == 0, 1, size))
    return -_bessel_difference(size) - ratio


def _sinc_slope(x: Array) -> Array:
    # cos(x)/x - sin(x)/x^2 cancels near 0; there its Taylor series is used.
    small = np.abs(x) < _SINC_SERIES_BELOW
    squared = np.square(np.where(small, x, 0.0))
    series = x * (-1 / 3 + squared * (1 / 30 - squared / 840))
    away = np.where(small, 1.0, x)
    direct = np.where(np.isinf(x), 0.0, (np.cos(away) - np.sin(away) / away) / away)
    return np.where(small, series, direct)


_SINC_SERIES_BELOW: Final = 1e-2

UNARY_VALUES: Final[dict[str, Unary]] = {
    "zero": np.zeros_like,
    "one": np.ones_like,
    "identity": np.copy,
    "negative": np.negative,
    "abs": np.abs,
    "reciprocal": lambda x: 1 / x,
    "square": np.square,
    "exp": np.exp,
    "erf": special.erf,
    "erfc": special.erfc,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "expm1": special.expm1,
    "sigmoid": special.expit,
    "log_sigmoid": special.log_expit,
    "arcsinh": np.arcsinh,
    "arctan": np.arctan,
    "bessel_i0e": special.i0e,
    "bessel_i1e": special.i1e,
    "relu": lambda x: np.maximum(x, 0),
    "elu": _elu,
    "selu": _selu,
    "swish": _swish,
    "softplus": _softplus,
    "softsign": _softsign,
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "elish": _elish,
    "leakyrelu": _leakyrelu,
    "mish": _mish,
    "gelu": _gelu,
    "clamped_square": lambda x: np.square(_factor(x)),
    "clamped_cube": lambda x: np.clip(x, -LARGEST_CUBED, LARGEST_CUBED) ** 3,
    "clamped_sqrt": lambda x: np.sqrt(np.maximum(x, LEAST_RADICAND)),
    "clamped_exp": lambda x: np.exp(np.minimum(x, LARGEST_EXPONENT)),
    "clamped_sinh": lambda x: np.sinh(np.clip(x, -LARGEST_ANGLE, LARGEST_ANGLE)),
    "cube": lambda x: x**3,
    "sqrt": np.sqrt,
    "scale": lambda x: BETA * x,
    "shift": lambda x: x + BETA,
    "log_abs": lambda x: np.log(np.abs(x) + SMALL),
    "sin": np.sin,
    "cos": np.cos,
    "sinc": lambda x: np.where(np.isinf(x), 0.0, np.sinc(x / np.pi)),
    "min_zero": lambda x: np.minimum(x, 0),
    "gauss": lambda x: np.exp(-np.square(x)),
    "beta": lambda x: np.full_like(x, BETA),
}
"""Each unary operator on a float64 array."""


def _step(low: float | Unary, high: float) -> Unary:
    """Return a derivative that is ``low`` up to and at 0, ``high`` above; NaN stays NaN."""

    def slope(x: Array) -> Array:
        left = low(np.minimum(x, 0)) if callable(low) else low
        return np.where(np.isnan(x), np.nan, np.where(x > 0, high, left))

    return slope


def _between(low: float, high: float, slope: Unary) -> Unary:
    """Return a derivative that is ``slope`` from ``low`` to ``high``, 0 outside; NaN stays NaN."""

    def clamped(x: Array) -> Array:
        inside = slope(np.clip(x, low, high))
        return np.where((x < low) | (x > high), 0.0, inside)

    return clamped


UNARY_DERIVATIVES: Final[dict[str, Unary]] = {
    "zero": np.zeros_like,
    "one": np.zeros_like,
    "identity": np.ones_like,
    "negative": lambda x: np.full_like(x, -1),
    "abs": np.sign,
    "reciprocal": lambda x: -np.square(1 / x),
    "square": lambda x: 2 * x,
    "exp": np.exp,
    "erf": lambda x: _TWO_OVER_ROOT_PI * np.exp(-np.square(x)),
    "erfc": lambda x: -_TWO_OVER_ROOT_PI * np.exp(-np.square(x)),
    "sinh": np.cosh,
    "cosh": np.sinh,
    "tanh": _sech_squared,
    "expm1": np.exp,
    "sigmoid": _sigmoid_slope,
    "log_sigmoid": lambda x: special.expit(-x),
    "arcsinh": lambda x: 1 / np.hypot(1, x),
    "arctan": lambda x: 1 / (1 + np.square(x)),
    "bessel_i0e": _bessel_i0e_slope,
    "bessel_i1e": _bessel_i1e_slope,
    "relu": _step(0, 1),
    "elu": _step(np.exp, 1),
    "selu": _step(lambda x: SELU_SCALE * SELU_ALPHA * np.exp(x), SELU_SCALE),
    "swish": _swish_slope,
    "softplus": special.expit,
    "softsign": lambda x: np.square(1 / (1 + np.abs(x))),
    "hard_sigmoid": lambda x: np.where(np.isnan(x), np.nan, np.where(np.abs(x) <= 2.5, 0.2, 0)),
    "elish": _elish_slope,
    "leakyrelu": _step(LEAKY_SLOPE, 1),
    "mish": _mish_slope,
    "gelu": _gelu_slope,
    "clamped_square": _between(-LARGEST_FACTOR, LARGEST_FACTOR, lambda x: 2 * x),
    "clamped_cube": _between(-LARGEST_CUBED, LARGEST_CUBED, lambda x: 3 * np.square(x)),
    "clamped_sqrt": _between(LEAST_RADICAND, np.inf, lambda x: 0.5 / np.sqrt(x)),
    "clamped_exp": _between(-np.inf, LARGEST_EXPONENT, np.exp),
    "clamped_sinh": _between(-LARGEST_ANGLE, LARGEST_ANGLE, np.cosh),
    "cube": lambda x: 3 * np.square(x),
    "sqrt": lambda x: 0.5 / np.sqrt(x),
    "scale": lambda x: np.full_like(x, BETA),
    "shift": np.ones_like,
    "log_abs": lambda x: np.sign(x) / (np.abs(x) + SMALL),
    "sin": np.cos,
    "cos": lambda x: -np.sin(x),
    "sinc": _sinc_slope,
    "min_zero": lambda x: np.where(np.isnan(x), np.nan, np.where(x < 0, 1.0, 0.0)),
    "gauss": lambda x: -2 * _vanishing_product(x, np.exp(-np.square(x))),
    "beta": np.zeros_like,
}
"""The derivative of each unary operator on a float64 array; kinks as in Expression.derivative."""

# --------------------------------------------------------------------------------------------------
# Operators of two arguments; those of n are folded from the left
# --------------------------------------------------------------------------------------------------

_BINARY_VALUES: Final[dict[str, Callable[[Array, Array], Array]]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "max": np.maximum,
    "min": np.minimum,
    "sum_n": np.add,
    "prod_n": np.multiply,
    "max_n": np.maximum,
    "min_n": np.minimum,
    "clamped_mul": lambda u, v: _factor(u) * _factor(v),
    "div_eps": lambda u, v: u / (v + SMALL),
    "gate": lambda u, v: special.expit(u) * v,
    "gauss_gap": lambda u, v: np.exp(-BETA * np.square(u - v)),
    "laplace_gap": lambda u, v: np.exp(-BETA * np.abs(u - v)),
    "mix": lambda u, v: BETA * u + (1 - BETA) * v,
}

SWISH_PARTIALS: Final[dict[str, Callable[[Array, Array, Array], tuple[Array, Array]]]] = {
    "div_eps": lambda _, v, f: (1 / (v + SMALL), -f / (v + SMALL)),
    "gate": lambda u, v, _: (v * _sigmoid_slope(u), special.expit(u)),
    "gauss_gap": lambda u, v, f: (-2 * BETA * (u - v) * f, 2 * BETA * (u - v) * f),
    "laplace_gap": lambda u, v, f: (-BETA * np.sign(u - v) * f, BETA * np.sign(u - v) * f),
    "mix": lambda u, v, _: (np.full_like(u, BETA), np.full_like(v, 1 - BETA)),
}
"""df/du and df/dv of the binary operators that the Swish space alone has, from u, v and f."""


def _binary_dual(operator: str, left: Dual, right: Dual) -> Dual:
    (u, du), (v, dv) = left, right
    value = _BINARY_VALUES[operator](u, v)
    match operator:
        case "add" | "sum_n":
            slope = du + dv
        case "sub":
            slope = du - dv
        case "mul" | "prod_n":
            slope = _term(du, v) + _term(dv, u)
        case "clamped_mul":
            free_u, free_v = (np.abs(each) <= LARGEST_FACTOR for each in (u, v))
            slope = _term(du * free_u, _factor(v)) + _term(dv * free_v, _factor(u))
        case "div":
            slope = _term(du, 1 / v) - _term(dv, value / v)
        case "pow":
            # v u^(v-1) u' + u^v log(u) v'; for u <= 0 the second term is taken as 0, as u^v is a
            # number there only for isolated or constant v.
            by_base = np.where(v == 0, 0, v * np.power(u, v - 1))
            by_exponent = np.where(u > 0, value * np.log(np.where(u > 0, u, 1)), 0)
            slope = _term(du, by_base) + _term(dv, by_exponent)
        case "max" | "max_n":
            slope = _selection_slope(u > v, left, right)
        case "min" | "min_n":
            slope = _selection_slope(u < v, left, right)
        case _ if operator in SWISH_PARTIALS:
            by_u, by_v = SWISH_PARTIALS[operator](u, v, value)
            slope = _term(du, by_u) + _term(dv, by_v)
        case _:  # pragma: no cover - the constructor of Expression admits no other
            raise ValueError(f"no derivative for the operator {operator!r}")
    return value, np.where(np.isnan(value), np.nan, slope)


def _term(slope: Array, factor: Array) -> Array:
    """Return slope * factor, 0 for a constant argument even where the factor is infinite."""
    return np.where(slope == 0, 0, slope * factor)


def _selection_slope(first: NDArray[np.bool_], left: Dual, right: Dual) -> Array:
    (u, du), (v, dv) = left, right
    return np.where(u == v, (du + dv) / 2, np.where(first, du, dv))
