"""JAX's functions have the value and the slope of the truth, as PyTorch's have."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import numpy as np
import pytest

from act_bench.errors import ArgumentTypeError
from act_bench.functions.expression import Expression, parse
from act_bench.functions.frameworks import jax_backend
from act_bench.functions.numeric import derivative_function, value_function
from act_bench.functions.operators import ALL_OPERATORS, SWISH_OPERATORS, Operator, registered
from tests.act_bench.functions.test_evaluators import Array, Tree, disagreement, grid, trees

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")
jnp = jax.numpy
# Where older versions have it.
at = jax if hasattr(jax, "enable_x64") else pytest.importorskip("jax.experimental")

POINTS = np.array([-1.3, -0.4, 0.7, 1.9])


@pytest.fixture(autouse=True)
def _wide(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let JAX have float64 where the test asks for it, as a parameter or by name."""
    parameters = getattr(request.node, "callspec", None)
    wide = parameters is None or parameters.params.get("dtype", "float64") == "float64"
    with at.enable_x64(wide):
        yield


def numbers(array: object) -> Array:
    return np.asarray(jnp.asarray(array).astype(jnp.result_type(float)), np.float64)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("name", ALL_OPERATORS)
def test_an_operator_has_value_and_slope(name: str, dtype: str) -> None:
    """Forward; of the smallest normal numbers a half is subnormal, which XLA takes for 0."""
    x = grid(dtype)
    x = x[(x == 0) | ~(np.abs(x) < 1e-35)]
    inputs, found = jnp.asarray(x, dtype), []
    for place, tree in enumerate(trees(name)):
        if dtype != "float32" and place > 2:
            break  # the arithmetic is the same, and compiling takes long
        function = jax_backend.JaxFunction(tree)
        value, slope = jax.jvp(function, (inputs,), (jnp.ones_like(inputs),))
        assert value.dtype == slope.dtype == inputs.dtype
        there = ~np.isnan(value_function(tree)(x))
        found += [
            f"{tree}: {apart}"
            for apart in (
                disagreement(numbers(value), value_function(tree), x, dtype),
                disagreement(numbers(slope)[there], derivative_function(tree), x[there], dtype),
            )
            if apart
        ]
    assert not found, "; ".join(found)


@pytest.mark.parametrize("text", ["max(relu(x),min(x,reciprocal(x)))", "div(0.25,cosh(abs(x)))"])
def test_expressions_under_the_transformations(text: str) -> None:
    expression = parse(text)
    function = expression.to_jax()
    x = np.array([*POINTS, 0.0, 30.0])
    value, slope = expression.to_numpy()(x), expression.derivative()(x)
    np.testing.assert_allclose(jax.jit(function)(x), value, rtol=1e-12)
    np.testing.assert_allclose(jax.vmap(jax.grad(function))(x), slope, rtol=1e-12, atol=1e-14)
    reverse = jax.grad(lambda x: function(x).sum())
    np.testing.assert_allclose(reverse(jnp.asarray(x)), slope, rtol=1e-12, atol=1e-14)
    again = pickle.loads(pickle.dumps(function))  # noqa: S301 - our own
    np.testing.assert_array_equal(again(x), function(x))
    assert repr(function) == f"parse('{text}').to_jax()"


def test_where_a_slope_is_0_the_second_derivative_is_not() -> None:
    text = "mul(square(x),exp(x))"
    second = jax.vmap(jax.grad(jax.grad(parse(text).to_jax())))(jnp.array([0.0, 0.5]))
    step = 1e-5
    slope = parse(text).derivative()
    expected = (slope([step, 0.5 + step]) - slope([-step, 0.5 - step])) / (2 * step)
    np.testing.assert_allclose(second, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["mish", "bessel_i0e", "hard_sigmoid", "div", "pow", "gate"])
def test_the_second_derivative_is_that_of_the_slope(name: str) -> None:
    arguments = (parse("x"), parse("tanh(x)"), parse("swish(x)"))
    function = Expression(name, *arguments[: ALL_OPERATORS[name].arity]).to_jax()

    def slope(x: object) -> object:
        return jax.jvp(function, (x,), (jnp.ones_like(x),))[1]

    x, step = jnp.asarray(POINTS), 1e-6
    second = jax.jvp(slope, (x,), (jnp.ones_like(x),))[1]
    expected = (slope(x + step) - slope(x - step)) / (2 * step)
    there = ~np.isnan(expected)
    np.testing.assert_allclose(second[there], expected[there], rtol=1e-4, atol=1e-6)


def test_what_is_learned_has_the_slopes_of_torch() -> None:
    text = "gate(gauss_gap(scale(x),shift(x)),laplace_gap(mix(x,sin(x)),beta(x)))"
    expression = parse(text, SWISH_OPERATORS)
    module = expression.to_torch((2, 1)).double()
    module.parameter.data = torch.tensor([[0.5], [1.5]], dtype=torch.float64)
    x = torch.tensor(np.array([POINTS, POINTS]), requires_grad=True)
    module(x).sum().backward()
    beta = module.parameter.detach().numpy()
    grad = jax.grad(lambda x, beta: expression.to_jax()(x, beta).sum(), argnums=(0, 1))
    along_x, along_beta = grad(jnp.asarray(x.detach().numpy()), jnp.asarray(beta))
    np.testing.assert_allclose(along_x, x.grad, rtol=1e-10)
    np.testing.assert_allclose(along_beta, module.parameter.grad, rtol=1e-10)
    np.testing.assert_allclose(
        expression.to_jax()(POINTS), expression.to_numpy()(POINTS), rtol=1e-12
    )


def test_an_operator_of_a_users_own_needs_no_formula_for_jax() -> None:
    own = Operator(
        "softcap",
        1,
        "3 tanh(x / 3)",
        numpy=lambda x: 3 * np.tanh(x / 3),
        derivative=lambda x: 1 / np.cosh(x / 3) ** 2,
    )
    rank = Operator("rank", 1, "its rank", numpy=lambda x: np.busday_count(x, x))
    given = Operator("cut", 1, "x", numpy=lambda x: np.float64(x), jax=lambda x: x * 2)
    with registered(own, rank, given):
        expression = parse("max(softcap(x),zero(x))")
        value, slope = jax.value_and_grad(expression.to_jax())(1.0)
        assert float(value) == pytest.approx(expression.to_numpy()(1.0), rel=1e-14)
        assert float(slope) == pytest.approx(expression.derivative()(1.0), rel=1e-14)
        with pytest.raises(NotImplementedError, match=r"JAX has no .*jax=\.\.\."):
            parse("rank(x)").to_jax()(POINTS)
        assert float(jax.grad(parse("square(cut(x))").to_jax())(1.0)) == 8.0


def test_dtypes() -> None:
    f = parse("add(x,0.5)").to_jax()
    assert f(jnp.array([1, 2])).tolist() == [1.5, 2.5]
    assert f(jnp.array([True])).dtype == jnp.result_type(float)
    assert f(jnp.zeros((2, 0), jnp.float16)).shape == (2, 0)
    assert f(jnp.float16(2.0)).dtype == jnp.float16
    with pytest.raises(ArgumentTypeError, match="expected real numbers, got an array of complex"):
        f(jnp.array([1j]))


def test_halves_are_rounded_once() -> None:
    x = np.array([0.3, -2.0, 5.5])
    x = numbers(jnp.asarray(x, jnp.bfloat16))
    tree = Tree(("x", ()), ("mish", (0,)), ("mul", (1, 0)), ("tanh", (2,)))
    expected = numbers(jnp.asarray(value_function(tree)(x)).astype(jnp.bfloat16))
    np.testing.assert_array_equal(
        numbers(jax_backend.JaxFunction(tree)(jnp.asarray(x, jnp.bfloat16))), expected
    )
