"""The NumPy backend: values and first derivatives of expressions in float64.

This is the truth of the package: tables of outputs, canonical classes and tabulated activations
are computed from it. The formulas stand in the records of the operators
(:mod:`act_bench.functions.operators`). Derivatives are computed forward, by the chain rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_bench.errors import ArgumentTypeError
from act_bench.functions.operators import ALL_OPERATORS, Operator
from act_bench.functions.operators.formulas import term
from act_bench.functions.steps import Tree, interpret

Array: TypeAlias = NDArray[np.float64]
ArrayFunction: TypeAlias = Callable[[ArrayLike], Array]
Dual: TypeAlias = tuple[Array, Array]
"""A value and its derivative with respect to the variable."""


def real_numbers(x: ArrayLike) -> Array:
    """Return the argument of a function in float64.

    Raises
    ------
    ArgumentTypeError
        It is not of real numbers: complex, text, dates, beyond float64; rows of different lengths;
        or a masked array with something masked.

    Examples
    --------
    >>> real_numbers([True, 2]).tolist()
    [1.0, 2.0]
    """
    if np.ma.is_masked(x):
        raise ArgumentTypeError(
            "expected real numbers, got a masked array: choose what stands for what is masked, "
            "as with x.filled(numpy.nan)"
        )
    try:
        given = np.asarray(x)
        if given.dtype.kind in _REAL:
            return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # the last: torch's
        raise ArgumentTypeError(f"expected real numbers: {error}") from error
    raise ArgumentTypeError(
        f"expected real numbers, got {given.dtype}: convert them, as with "
        "numpy.asarray(x, dtype=float)"
    )


_REAL: Final = "biufO"
"""The kinds of NumPy dtypes that hold real numbers; objects may."""


def value_function(expression: Tree) -> ArrayFunction:
    """Return the vectorized float64 value of ``expression``; see :meth:`Expression.to_numpy`."""
    steps = expression.steps()

    def evaluate(x: ArrayLike) -> Array:
        inputs = real_numbers(x)
        with np.errstate(all="ignore"):
            value = interpret(
                steps, inputs.copy(), lambda number: np.full_like(inputs, number), _value
            )
        return np.asarray(value)

    return evaluate


def derivative_function(expression: Tree) -> ArrayFunction:
    """Return the vectorized float64 derivative; see :meth:`Expression.derivative`."""
    steps = expression.steps()

    def evaluate(x: ArrayLike) -> Array:
        inputs = real_numbers(x)
        variable = (inputs, np.ones_like(inputs))

        def constant(number: float) -> Dual:
            return np.full_like(inputs, number), np.zeros_like(inputs)

        with np.errstate(all="ignore"):
            _, slope = interpret(steps, variable, constant, dual)
        return np.asarray(slope)

    return evaluate


def apply(operator: str, arguments: Sequence[Array]) -> Array:
    """Apply one operator to float64 arrays.

    Parameters
    ----------
    operator : str
        A name of :data:`act_bench.functions.operators.ALL_OPERATORS`.
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
    record = ALL_OPERATORS[operator]
    return np.asarray(record.apply(record.numpy, arguments))


def _value(operator: Operator, *arguments: Array) -> Array:
    return np.asarray(operator.numpy(*arguments))


def dual(operator: Operator, *arguments: Dual) -> Dual:
    """Apply an operator to values with their slopes: the chain rule of this package."""
    values = [value for value, _ in arguments]
    value = operator.numpy(*values)
    if len(arguments) == 1:
        return value, operator.implementation("derivative")(*values) * arguments[0][1]
    if operator.tangent is not None:
        (u, du), (v, dv) = arguments
        slope = operator.tangent(u, du, v, dv, value)
    else:
        partials = operator.implementation("derivative")(*values)
        terms = [term(slope, by) for (_, slope), by in zip(arguments, partials, strict=True)]
        slope = reduce(np.add, terms)
    return value, np.where(np.isnan(value), np.nan, slope)
