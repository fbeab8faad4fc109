"""The named functions that are no expressions, in float64: values and derivatives with NumPy.

The counterpart of :mod:`act_bench.functions.numeric` for the functions of
:mod:`act_bench.functions.catalogue` without an expression: some learn a parameter,
some use a sine or a cosine, and of some the formula in that notation would lose digits or limits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from act_bench.functions.numeric import ArrayFunction, real_numbers
from act_bench.functions.operators import ALL_OPERATORS
from act_bench.functions.parameter import (
    GATE_IS_ONE,
    GOLU_IS_ZERO,
    TELU_IS_ZERO,
    XIELU_BETA,
    Named,
)

Array: TypeAlias = NDArray[np.float64]
Formula: TypeAlias = Callable[[Array, Any], Array]
"""A function of x and of its parameter, one number or several; those without one ignore it."""


def value_function(
    function: Named, parameter: float | tuple[float, ...] | None = None
) -> ArrayFunction:
    """Return the vectorized float64 value of a function that is no expression.

    Parameters
    ----------
    function : NamedFunction
        One without an expression.
    parameter : float or tuple of float, optional
        Value of its learned parameter; its initial value if not given.

    Examples
    --------
    >>> from act_bench.functions.catalogue import find
    >>> value_function(find("prelu"), parameter=0.5)([-2.0, 2.0]).tolist()
    [-1.0, 2.0]
    """
    return _vectorized(VALUES[function.name], function, parameter)


def derivative_function(
    function: Named, parameter: float | tuple[float, ...] | None = None
) -> ArrayFunction:
    """Return the vectorized float64 derivative by x; at the kinks of ReLU and PReLU the left one.

    Examples
    --------
    >>> from act_bench.functions.catalogue import find
    >>> derivative_function(find("crrelu"))([0.0, 1.0]).tolist()
    [0.01, 1.0]
    """
    return _vectorized(DERIVATIVES[function.name], function, parameter)


def _vectorized(
    formula: Formula, function: Named, parameter: float | tuple[float, ...] | None
) -> ArrayFunction:
    fixed = parameter
    if fixed is None:
        fixed = function.parameter.initial if function.parameter else 0.0

    def evaluate(x: ArrayLike) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(formula(real_numbers(x), fixed))

    return evaluate


def _vanishing(factor: Array, weight: Array) -> Array:
    """Return factor * weight where the weight has decayed to 0 faster than the factor grows."""
    return np.where(weight == 0, 0.0, factor * weight)


def _crrelu(x: Array, eps: float) -> Array:
    return np.maximum(x, 0) + eps * _vanishing(x, np.exp(-np.square(x) / 2))


def _crrelu_slope(x: Array, eps: float) -> Array:
    squared = np.square(x)
    return np.where(x > 0, 1.0, 0.0) + eps * _vanishing(1 - squared, np.exp(-squared / 2))


def _prelu(x: Array, a: float) -> Array:
    return np.where(x > 0, x, a * x)


def _prelu_slope(x: Array, a: float) -> Array:
    return np.where(x > 0, 1.0, np.where(np.isnan(x), np.nan, a))


def _swish_beta(x: Array, beta: float) -> Array:
    return _vanishing(x, special.expit(beta * x))


def _swish_beta_slope(x: Array, beta: float) -> Array:
    gate = special.expit(beta * x)
    return gate + _vanishing(beta * x, gate * special.expit(-beta * x))


def _hard_swish(x: Array, _: float) -> Array:
    inside = np.clip(x, -3, 3)
    return np.where(x > 3, x, inside * (inside + 3) / 6)


def _hard_swish_slope(x: Array, _: float) -> Array:
    slope = np.where(x <= -3, 0.0, np.where(x <= 3, (2 * x + 3) / 6, 1.0))
    return np.where(np.isnan(x), np.nan, slope)


def _squareplus(x: Array, _: float) -> Array:
    # Each branch adds what does not cancel.
    root = np.hypot(x, 2)
    return np.where(x < 0, 2 / (root - x), x / 2 + root / 2)


def _squareplus_slope(x: Array, _: float) -> Array:
    bounded = np.clip(x, -1e100, 1e100)  # where the products are finite
    root = np.hypot(bounded, 2)
    return np.where(x < 0, 2 / (root * (root - bounded)), (1 + bounded / root) / 2)


def _golu(x: Array, _: float) -> Array:
    bounded = np.maximum(x, GOLU_IS_ZERO)
    return bounded * np.exp(-np.exp(-bounded))


def _golu_slope(x: Array, _: float) -> Array:
    bounded = np.maximum(x, GOLU_IS_ZERO)
    decay = np.exp(-bounded)
    return np.exp(-decay) * (1 + _vanishing(bounded, decay))


def _telu(x: Array, _: float) -> Array:
    bounded = np.maximum(x, TELU_IS_ZERO)
    return bounded * np.tanh(np.exp(bounded))


def _telu_slope(x: Array, _: float) -> Array:
    bounded = np.maximum(x, TELU_IS_ZERO)
    grown = np.exp(np.minimum(bounded, GATE_IS_ONE))
    # The square of the hyperbolic secant is 0 long before the exponential overflows.
    return np.tanh(grown) + _vanishing(bounded, grown / np.square(np.cosh(np.minimum(grown, 400))))


def _xielu(x: Array, alphas: tuple[float, float]) -> Array:
    positive, negative = _xielu_alphas(alphas)
    below = np.minimum(x, 0)
    left = negative * np.expm1(below) + (XIELU_BETA - negative) * below
    return np.where(x > 0, positive * np.square(x) + XIELU_BETA * x, left)


def _xielu_slope(x: Array, alphas: tuple[float, float]) -> Array:
    positive, negative = _xielu_alphas(alphas)
    left = negative * np.expm1(np.minimum(x, 0)) + XIELU_BETA
    return np.where(x > 0, 2 * positive * x + XIELU_BETA, left)


def _xielu_alphas(alphas: tuple[float, float]) -> tuple[float, float]:
    positive, negative = np.logaddexp(0, np.array(alphas)).tolist()
    return positive, XIELU_BETA + negative


_SINC: Final = ALL_OPERATORS["sinc"]
_SINC_SLOPE: Final = _SINC.implementation("derivative")

VALUES: Final[dict[str, Formula]] = {
    "golu": _golu,
    "hard_swish": _hard_swish,
    "squareplus": _squareplus,
    "telu": _telu,
    "cos_minus_x": lambda x, _: np.cos(x) - x,
    "min_x_sin": lambda x, _: np.minimum(x, np.sin(x)),
    "sinc_plus_x": lambda x, _: _SINC.numpy(x) + x,
    "crrelu": _crrelu,
    "prelu": _prelu,
    "swish_beta": _swish_beta,
    "xielu": _xielu,
}
"""Each function by its name in the catalogue."""

DERIVATIVES: Final[dict[str, Formula]] = {
    "golu": _golu_slope,
    "hard_swish": _hard_swish_slope,
    "squareplus": _squareplus_slope,
    "telu": _telu_slope,
    "cos_minus_x": lambda x, _: -np.sin(x) - 1,
    "min_x_sin": lambda x, _: np.where(x <= np.sin(x), 1.0, np.cos(x)),
    "sinc_plus_x": lambda x, _: _SINC_SLOPE(x) + 1,
    "crrelu": _crrelu_slope,
    "prelu": _prelu_slope,
    "swish_beta": _swish_beta_slope,
    "xielu": _xielu_slope,
}
"""Their derivatives by x."""
