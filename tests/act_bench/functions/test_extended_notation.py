"""Numbers and clamped operators: spelling, values, derivatives, modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from act_bench.functions.equality import evaluate
from act_bench.functions.expression import Expression, ParseError, number, parse
from act_bench.functions.numeric import apply
from act_bench.functions.operators import CLAMPED_BINARY, CLAMPED_UNARY
from act_bench.spaces.paper import NotInSpaceError, load_space

torch = pytest.importorskip("torch")
mp = mpmath.mp.clone()
mp.dps = 40


def _clip(x: Any, low: Any, high: Any) -> Any:
    return max(low, min(high, x))


REFERENCE: dict[str, Callable[[Any], Any]] = {
    "clamped_square": lambda x: min(x * x, mp.mpf(10)),
    "clamped_cube": lambda x: _clip(x**3, mp.mpf(-10), mp.mpf(10)),
    "clamped_sqrt": lambda x: mp.sqrt(max(x, mp.mpf("0.001"))),
    "clamped_exp": lambda x: min(mp.exp(min(x, mp.mpf(3))), mp.mpf(10)),
    "clamped_sinh": lambda x: _clip(mp.sinh(_clip(x, -4, 4)), mp.mpf(-10), mp.mpf(10)),
}
# Off the kinks; 2.1544 and 2.9982 are just inside those of the cube and of sinh.
POINTS = [
    -1e30,
    -9.0,
    -3.1,
    -2.1544,
    -1.0,
    -0.2,
    -1e-9,
    1e-9,
    0.2,
    1.0,
    2.3,
    2.9982,
    3.2,
    9.0,
    1e30,
]


@pytest.mark.parametrize("name", CLAMPED_UNARY)
def test_values_and_derivatives_are_those_of_the_bounded_function(name: str) -> None:
    expression = parse(f"{name}(x)")
    reference = [float(REFERENCE[name](mp.mpf(x))) for x in POINTS]
    np.testing.assert_allclose(expression.to_numpy()(POINTS), reference, rtol=1e-14)
    near = [x for x in POINTS if abs(x) < 1e3]
    slopes = [float(mp.diff(REFERENCE[name], mp.mpf(x), h=mp.mpf("1e-15"))) for x in near]
    np.testing.assert_allclose(expression.derivative()(near), slopes, rtol=1e-12, atol=1e-14)
    assert np.isnan(expression.to_numpy()(np.nan))
    assert np.isnan(expression.derivative()(np.nan))


@pytest.mark.parametrize("name", CLAMPED_UNARY)
def test_module_agrees_in_value_and_gradient(name: str) -> None:
    expression = parse(f"{name}(x)")
    points = np.array([*POINTS, np.inf, -np.inf])
    x = torch.tensor(points, requires_grad=True)
    y = expression.to_torch()(x)
    y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), expression.to_numpy()(points), rtol=1e-14)
    finite = np.isfinite(points)
    np.testing.assert_allclose(
        x.grad.numpy()[finite], expression.derivative()(points)[finite], rtol=1e-14
    )


def test_clamped_product() -> None:
    expression = parse("clamped_mul(x,sub(x,1))")
    points = np.linspace(-6.03, 5.97, 241)  # off the kinks
    bound = np.sqrt(10)
    truth = np.clip(points, -bound, bound) * np.clip(points - 1, -bound, bound)
    np.testing.assert_allclose(expression.to_numpy()(points), truth, rtol=1e-14)
    step = 1e-6
    f = expression.to_numpy()
    np.testing.assert_allclose(
        expression.derivative()(points),
        (f(points + step) - f(points - step)) / (2 * step),
        atol=1e-8,
    )
    x = torch.tensor(points, requires_grad=True)
    y = expression.to_torch()(x)
    y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), truth, rtol=1e-14)
    np.testing.assert_allclose(x.grad.numpy(), expression.derivative()(points), atol=1e-14)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_what_is_clamped_stays_within_ten(u: float, v: float) -> None:
    for name in CLAMPED_UNARY:
        value = abs(parse(f"{name}(x)").to_numpy()(u))
        # The root grows more slowly than its argument: that bounds it enough.
        limit = max(10.0, abs(u)) if name == "clamped_sqrt" else 10.0
        assert value <= limit * (1 + 1e-15)
    for name in CLAMPED_BINARY:
        assert abs(apply(name, [np.array(u), np.array(v)])) <= 10 * (1 + 1e-15)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_round_trip(value: float) -> None:
    constant = number(value)
    assert parse(str(constant)) == constant
    assert float(str(constant)) == value
    assert constant.to_numpy()([0.0, 1.0]).tolist() == [value, value]
    assert constant.derivative()([0.0]).tolist() == [0.0]
    assert parse(f"add(x, {value!r})") == Expression("add", Expression("x"), constant)


@pytest.mark.parametrize(
    ("text", "character", "message"),
    [
        ("add(x,1e999)", 7, "a finite number, found '1e999'"),
        ("-x", 1, "a finite number, found '-'"),
        ("add(x,1.2.3)", 7, "found '1.2.3'"),
        ("2(x)", 2, "expected the end"),
        ("nan", 1, "unknown operator 'nan'"),
    ],
)
def test_errors_of_numbers(text: str, character: int, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.position == character - 1
    assert message in str(caught.value)


def test_numbers_have_one_spelling_and_take_no_arguments() -> None:
    assert str(parse("mul(2.50,add(x,-0.0))")) == "mul(2.5,add(x,0))"
    with pytest.raises(ValueError, match=r"the number 2.5 takes no arguments, got 1"):
        Expression("2.5", Expression("x"))
    with pytest.raises(ValueError, match=r"unknown operator '2\.50'"):
        Expression("2.50")
    with pytest.raises(ValueError, match="must be finite"):
        number(float("inf"))
    assert number(np.float64(0.25)) == number(0.25)


def test_constants_in_a_module_keep_a_path_to_the_input() -> None:
    x = torch.tensor([1.0, float("inf")], requires_grad=True)
    y = parse("0.25").to_torch()(x)
    y.sum().backward()
    assert (y.tolist(), x.grad.tolist()) == ([0.25, 0.25], [0.0, 0.0])


def test_the_space_knows_its_functions_in_the_extended_notation() -> None:
    space = load_space()
    assert space.resolve("min(x,0)") == space.resolve("min(x,zero(x))")
    assert space.resolve("mul(1,add(tanh(x),0))").entry == space.resolve("tanh(x)").entry
    with pytest.raises(NotInSpaceError):
        space.resolve("add(tanh(x),0.3)")
    with pytest.raises(NotInSpaceError):
        space.resolve("clamped_square(x)")


def test_rounding_scale_covers_the_error_of_a_clamped_product() -> None:
    points = np.linspace(-5, 5, 101)
    scaled = evaluate(parse("clamped_mul(exp(x),sub(x,0.1))"), points)
    assert np.isfinite(scaled.scale).all()
    assert (scaled.scale >= np.abs(scaled.value)).all()
