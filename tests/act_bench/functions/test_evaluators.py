"""All that evaluates an operator gives one value and one slope, at every kind of number.

The truth is NumPy's, in float64. Inputs are numbers of the dtype, so that every evaluator sees the
same; operators of two arguments meet each kind of number on either side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from act_bench.functions.differentiable import ActivationModule
from act_bench.functions.equality import Scaled, evaluate
from act_bench.functions.numeric import apply, derivative_function, value_function
from act_bench.functions.operators import ALL_OPERATORS
from act_bench.functions.steps import Steps, interpret
from builders.space.bounded import bounded_apply
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.activations.tabulation import from_float64, to_float64

torch = pytest.importorskip("torch")

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Function = Callable[[Array], Array]

DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
ROUNDINGS = {"float64": 16, "float32": 16, "bfloat16": 4}
"""By as many may an evaluator be off: of the value, of 1, or of the input."""

ORDINARY = (0.1, 0.25, 0.3, 0.9, 1.0, 1.7, 2.0, 2.5, 3.1, 4.0, 7.3, 12.0, 21.0, 61.0, 95.0)
SIDES = (
    "0",
    "-0.0",
    "inf",
    "-inf",
    "nan",
    "0.5",
    "-0.75",
    "2",
    "-3",
    str(2.0**-100),
    str(2.0**100),
)
"""What stands beside x as the other argument."""


class Tree:
    """An operator of x and of numbers, infinities and NaN included: steps, and no more."""

    def __init__(self, *steps: tuple[str, tuple[int, ...]]) -> None:
        self._steps = steps

    def steps(self) -> Steps:
        return self._steps

    def to_numpy(self) -> Function:
        return value_function(self)

    def derivative(self) -> Function:
        return derivative_function(self)

    def __str__(self) -> str:
        return " ".join(name for name, _ in self._steps)


def trees(name: str) -> Iterator[Tree]:
    """Yield an operator with x at each of its places."""
    x, arity = ("x", ()), ALL_OPERATORS[name].arity
    if arity == 1:
        yield Tree(x, (name, (0,)))
        return
    yield Tree(x, (name, (0, 0)))
    for side in SIDES:
        yield Tree(x, (side, ()), (name, (0, 1)))
        yield Tree(x, (side, ()), (name, (1, 0)))
        if arity is None:
            yield Tree(x, (side, ()), ("0.5", ()), (name, (2, 0, 1)))


def grid(dtype: str) -> Array:
    """Return numbers of every kind, as the dtype has them."""
    limits = torch.finfo(DTYPES[dtype])
    sizes = [0.0, np.inf, limits.tiny, 1e-30, 1e-8, *ORDINARY, 1e4, 1e30, limits.max]
    signed = [sign * size for size in sizes for sign in (1.0, -1.0)]
    numbers: Array = (
        torch.tensor([*signed, np.nan], dtype=torch.float64).to(DTYPES[dtype]).double().numpy()
    )
    return numbers


def rounded(values: Array, dtype: str) -> Array:
    found: Array = torch.from_numpy(np.array(values)).to(DTYPES[dtype]).double().numpy()
    return found


def disagreement(found: Array, truth: Function, x: Array, dtype: str) -> str:
    """Return where an evaluator is further from the truth than its roundings, or nothing."""
    limits = torch.finfo(DTYPES[dtype])
    step = ROUNDINGS[dtype] * limits.eps
    exact = truth(x)
    expected = rounded(exact, dtype)
    with np.errstate(all="ignore"):
        moved = [np.abs(truth(x * (1 + s * step)) - exact) for s in (-1, 1)]
        allowed = step * np.fmax(np.abs(exact), 1) + np.fmax(np.fmax(*moved), 0)
        close = np.abs(found - exact) <= allowed
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    wrong = ~(same | (np.isfinite(found) & np.isfinite(expected) & close))
    return ", ".join(
        f"at {at:.3g}: {one:.4g}, not {other:.4g}"
        for at, one, other in zip(x[wrong], found[wrong], expected[wrong], strict=True)
    )


ALL = tuple(DTYPES)
VALUES = {
    "gate": (("float32", "bfloat16"), "sigmoid(-95) times infinity: the sigmoid underflows"),
    "min_zero": (ALL, "x - relu(x) is inf - inf"),
}
"""What is known to disagree in value: operator -> the dtypes, and why."""

SLOPES = {
    "bessel_i1e": (("bfloat16",), "torch has no derivative of i1e in bfloat16"),
    "swish": (ALL, "at infinity torch multiplies 0 by it"),
    "elish": (ALL, "at infinity torch multiplies 0 by it"),
    "mish": (ALL, "at infinity torch multiplies 0 by it"),
    "gelu": (ALL, "at infinity torch multiplies 0 by it"),
    "gauss": (ALL, "far out torch multiplies 0 by the slope of x^2, infinity"),
    "gauss_gap": (("float32", "bfloat16"), "far out the slope of (u - v)^2 overflows"),
    "gate": (ALL, "the slope of the sigmoid cancels, and may be multiplied by infinity"),
    "min_zero": (ALL, "at 0 torch gives x - relu(x) the slope 1"),
}
"""What is known to disagree in slope, where there is a value."""

_OF_ONE = (
    *("abs", "bessel_i1e", "relu", "elu", "selu", "swish", "softsign", "hard_sigmoid", "leakyrelu"),
    *("mish", "gelu", "clamped_square", "clamped_cube", "clamped_sqrt", "clamped_exp"),
    *("clamped_sinh", "sinc", "min_zero"),
)
_OF_TWO = (
    *("add", "sub", "mul", "div", "pow", "max", "min", "sum_n", "prod_n", "max_n", "min_n"),
    *("clamped_mul", "div_eps", "gate", "mix"),
)
WITHOUT_VALUE = dict.fromkeys(
    (*_OF_ONE, *_OF_TWO), (ALL, "NumPy's slope is NaN where the value is, autograd's a number")
)
"""What is known to disagree in slope, where the value is NaN."""

SINGLE: dict[str, tuple[tuple[str, ...], str]] = {"gate": (("float32",), VALUES["gate"][1])}
"""What is known to disagree when NumPy computes in float32."""


def cases(known: dict[str, tuple[tuple[str, ...], str]], dtypes: tuple[str, ...]) -> list[object]:
    """Return one case an operator and dtype; those that are known to disagree must fail."""
    return [
        pytest.param(
            name,
            dtype,
            id=f"{name}-{dtype}",
            marks=pytest.mark.xfail(reason=known[name][1], strict=True, raises=DisagreementError)
            if name in known and dtype in known[name][0]
            else (),
        )
        for name in ALL_OPERATORS
        for dtype in dtypes
    ]


class DisagreementError(AssertionError):
    """Two evaluators give different numbers, or one gives none."""


def check(
    name: str, dtype: str, truth: Callable[[Tree], Function], chosen: Callable[[Array], Mask]
) -> None:
    """Compare the module of an operator with the truth at those numbers whose value is chosen."""
    slopes = truth is derivative_function
    found = []
    for tree in trees(name):
        x = grid(dtype)
        x = x[chosen(value_function(tree)(x))]
        inputs = torch.tensor(x, dtype=DTYPES[dtype], requires_grad=slopes)
        result = ActivationModule(tree).to(DTYPES[dtype])(inputs)
        if slopes:
            try:
                result.sum().backward()
            except NotImplementedError as error:
                raise DisagreementError(error) from error
            result = inputs.grad
        numbers = result.detach().double().numpy()
        if apart := disagreement(numbers, truth(tree), x, dtype):
            found.append(f"{tree}: {apart}")
    if found:
        raise DisagreementError("; ".join(found))


@pytest.mark.parametrize(("name", "dtype"), cases(VALUES, ALL))
def test_torch_has_the_value(name: str, dtype: str) -> None:
    check(name, dtype, value_function, lambda value: np.ones_like(value, bool))


@pytest.mark.parametrize(("name", "dtype"), cases(SLOPES, ALL))
def test_autograd_has_the_slope(name: str, dtype: str) -> None:
    check(name, dtype, derivative_function, lambda value: ~np.isnan(value))


@pytest.mark.parametrize(("name", "dtype"), cases(WITHOUT_VALUE, ALL))
def test_autograd_has_the_slope_where_there_is_no_value(name: str, dtype: str) -> None:
    check(name, dtype, derivative_function, np.isnan)


@pytest.mark.parametrize(("name", "dtype"), cases(SINGLE, ("float64", "float32")))
def test_many_expressions_at_once_have_the_value(name: str, dtype: str) -> None:
    """In the arithmetic of the points, as `builders.space.compositions` computes float32."""
    found = []
    for tree in trees(name):
        x = grid(dtype)
        points = x.astype(dtype)
        with np.errstate(all="ignore"):
            numbers = interpret(
                tree.steps(),
                points,
                partial(np.full_like, points),
                lambda operator, *arguments: apply(operator.name, arguments),
            )
        assert numbers.dtype == points.dtype
        if apart := disagreement(numbers.astype(np.float64), value_function(tree), x, dtype):
            found.append(f"{tree}: {apart}")
    if found:
        raise DisagreementError("; ".join(found))


@pytest.mark.parametrize("name", ALL_OPERATORS)
def test_error_bounds_stand_beside_the_same_value(name: str) -> None:
    x = grid("float64")
    for tree in trees(name):
        value = value_function(tree)(x)
        plain = evaluate(tree, x)
        np.testing.assert_array_equal(plain.value, value)
        finite = np.isfinite(plain.scale)
        assert (plain.scale >= 0)[finite].all()
        with np.errstate(all="ignore"):
            bounded = interpret(
                tree.steps(),
                Scaled(x, np.zeros_like(x)),
                lambda number: Scaled(np.full_like(x, number), np.zeros_like(x)),
                lambda operator, *arguments: bounded_apply(operator.name, arguments),
            )
        known = np.isfinite(bounded.scale)
        np.testing.assert_array_equal(bounded.value[known], value[known])


@pytest.mark.parametrize("name", ALL_OPERATORS)
def test_a_table_has_value_and_slope_rounded_once(name: str) -> None:
    tree = next(trees(name))
    x = grid("bfloat16")
    inputs = torch.tensor(x, dtype=torch.bfloat16, requires_grad=True)
    y = TabulatedActivation(tabulate(tree))(inputs)  # type: ignore[arg-type]  # evaluated alike
    y.backward(torch.ones_like(y))
    value, slope = value_function(tree)(x), derivative_function(tree)(x)
    np.testing.assert_array_equal(y.detach().double().numpy(), to_float64(from_float64(value)))
    np.testing.assert_array_equal(inputs.grad.double().numpy(), to_float64(from_float64(slope)))


def test_every_operator_is_evaluated() -> None:
    for known in (VALUES, SLOPES, WITHOUT_VALUE, SINGLE):
        assert set(known) <= set(ALL_OPERATORS)
