"""The named functions that are no expressions, in float64: values and derivatives with NumPy.

The counterpart of :mod:`act_bench.functions.numeric` for the six functions of
:mod:`act_bench.functions.catalogue` that the notation has no words for: three learn a parameter,
three use a sine or a cosine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from act_bench.arguments import real_array
from act_bench.functions.numeric import ArrayFunction
from act_bench.functions.operators import ALL_OPERATORS
from act_bench.functions.parameter import Named

Array: TypeAlias = NDArray[np.float64]
Formula: TypeAlias = Callable[[Array, float], Array]
"""A function of x and of its parameter, which those without one ignore."""


def value_function(function: Named, parameter: float | None = None) -> ArrayFunction:
    """Return the vectorized float64 value of a function that is no expression.

    Parameters
    ----------
    function : NamedFunction
        One without an expression.
    parameter : float, optional
        Value of its learned parameter; its initial value if not given.

    Examples
    --------
    >>> from act_bench.functions.catalogue import find
    >>> value_function(find("prelu"), parameter=0.5)([-2.0, 2.0]).tolist()
    [-1.0, 2.0]
    """
    return _vectorized(VALUES[function.name], function, parameter)


def derivative_function(function: Named, parameter: float | None = None) -> ArrayFunction:
    """Return the vectorized float64 derivative by x; at the kinks of ReLU and PReLU the left one.

    Examples
    --------
    >>> from act_bench.functions.catalogue import find
    >>> derivative_function(find("crrelu"))([0.0, 1.0]).tolist()
    [0.01, 1.0]
    """
    return _vectorized(DERIVATIVES[function.name], function, parameter)


def _vectorized(formula: Formula, function: Named, parameter: float | None) -> ArrayFunction:
    if parameter is None:
        parameter = function.parameter.initial if function.parameter else 0.0
    fixed = parameter

    def evaluate(x: ArrayLike) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(formula(real_array(x), fixed))

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


_SINC: Final = ALL_OPERATORS["sinc"]
_SINC_SLOPE: Final = _SINC.implementation("derivative")

VALUES: Final[dict[str, Formula]] = {
    "cos_minus_x": lambda x, _: np.cos(x) - x,
    "min_x_sin": lambda x, _: np.minimum(x, np.sin(x)),
    "sinc_plus_x": lambda x, _: _SINC.numpy(x) + x,
    "crrelu": _crrelu,
    "prelu": _prelu,
    "swish_beta": _swish_beta,
}
"""Each function by its name in the catalogue."""

DERIVATIVES: Final[dict[str, Formula]] = {
    "cos_minus_x": lambda x, _: -np.sin(x) - 1,
    "min_x_sin": lambda x, _: np.where(x <= np.sin(x), 1.0, np.cos(x)),
    "sinc_plus_x": lambda x, _: _SINC_SLOPE(x) + 1,
    "crrelu": _crrelu_slope,
    "prelu": _prelu_slope,
    "swish_beta": _swish_beta_slope,
}
"""Their derivatives by x."""
