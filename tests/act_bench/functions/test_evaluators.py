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

from act_bench.functions import named_numeric
from act_bench.functions.catalogue import CATALOGUE
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


def each_operator(*dtypes: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("name", "dtype"),
        [
            pytest.param(name, dtype, id=f"{name}-{dtype}")
            for name in ALL_OPERATORS
            for dtype in dtypes
        ],
    )


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
            result.sum().backward()
            result = inputs.grad
        numbers = result.detach().double().numpy()
        if apart := disagreement(numbers, truth(tree), x, dtype):
            found.append(f"{tree}: {apart}")
    assert not found, "; ".join(found)


@each_operator(*ALL)
def test_torch_has_the_value(name: str, dtype: str) -> None:
    check(name, dtype, value_function, lambda value: np.ones_like(value, bool))


@each_operator(*ALL)
def test_autograd_has_the_slope(name: str, dtype: str) -> None:
    check(name, dtype, derivative_function, lambda value: ~np.isnan(value))


@each_operator(*ALL)
def test_without_a_value_the_loss_has_none(name: str, dtype: str) -> None:
    """No slope is promised there: NaN, or a number that no training uses.

    To mark it in autograd would take several passes over memory in every operator: measured on one
    core, ReLU forward and backward takes ten to twenty times as long.
    """
    for tree in trees(name):
        x = grid(dtype)
        x = x[np.isnan(value_function(tree)(x))]
        inputs = torch.tensor(x, dtype=DTYPES[dtype], requires_grad=True)
        loss = ActivationModule(tree).to(DTYPES[dtype])(inputs).sum()
        loss.backward()
        assert loss.isnan() or not len(x)
        assert inputs.grad.shape == derivative_function(tree)(x).shape


@each_operator("float64", "float32")
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
    assert not found, "; ".join(found)


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


NAMED = [name for name, function in CATALOGUE.items() if function.expression is None]


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("dtype", DTYPES)
def test_named_functions_have_value_and_slope_of_the_truth(name: str, dtype: str) -> None:
    x = grid(dtype)
    if name not in NAMED:  # the chain rule loses the slope far out: operators have it by themselves
        x = x[np.abs(x) < 100]
    made = CATALOGUE[name].to_torch().to(DTYPES[dtype])
    inputs = torch.tensor(x, dtype=DTYPES[dtype], requires_grad=True)
    y = made(inputs)
    y.sum().backward()
    value, slope = CATALOGUE[name].to_numpy(), CATALOGUE[name].derivative()
    learned = getattr(made, "parameter", None)
    if learned is not None and name in NAMED:  # as the dtype has it
        number = tuple(learned.tolist()) if learned.ndim else learned.item()
        value = named_numeric.value_function(CATALOGUE[name], number)
        slope = named_numeric.derivative_function(CATALOGUE[name], number)
    assert not disagreement(y.detach().double().numpy(), value, x, dtype)
    there = ~np.isnan(value(x))
    assert not disagreement(inputs.grad.double().numpy()[there], slope, x[there], dtype)
