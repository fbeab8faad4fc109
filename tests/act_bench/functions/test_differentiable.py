"""The PyTorch module against float64 NumPy."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from numpy.typing import NDArray

from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators import BINARY, UNARY
from act_bench.testing import expressions

torch = pytest.importorskip("torch")

# Every value is a float32 number, so that both paths see the same input.
GRID: NDArray[np.float64] = (
    np.concatenate(
        [
            np.linspace(-12, 12, 193),
            [0.0, -0.0, 1e-30, -1e-30, 1e-8, -1e-8, 2.5, -2.5, 20.5, -20.5, 39.0, -39.0],
            [80.0, -80.0, 88.5, -88.5, 89.2, -89.2, 104.0, -104.0, 1e4, -1e4, 1e10, -1e10],
            [3e38, -3e38],
        ]
    )
    .astype(np.float32)
    .astype(np.float64)
)
SPECIAL = np.array([np.inf, -np.inf, np.nan])


def _to_float32(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("name", UNARY)
def test_unary_values_in_float32(name: str) -> None:
    expression = parse(f"{name}(x)")
    points = np.concatenate([GRID, SPECIAL])
    ours = expression.to_torch()(torch.tensor(points, dtype=torch.float32)).double().numpy()
    truth = _to_float32(expression.to_numpy()(points))
    # 4e-7 is about 3 float32 roundings. In a Gaussian tail the rounding of x / sqrt(2) alone costs
    # x^2 * 1e-7, and torch sums the Bessel functions' series in float32. exp(-x) overflows beyond
    # 88.7, where the true value is below 2e-37.
    tail = {"gelu": 2e-5, "erfc": 1e-6, "bessel_i0e": 2e-6, "bessel_i1e": 2e-6}.get(name, 4e-7)
    np.testing.assert_allclose(ours, truth, rtol=tail, atol=2e-37)


@pytest.mark.parametrize("name", UNARY)
def test_unary_values_and_gradients_in_float64(name: str) -> None:
    expression = parse(f"{name}(x)")
    x = torch.tensor(GRID, requires_grad=True)
    y = expression.to_torch()(x)
    y.sum().backward()
    np.testing.assert_allclose(
        y.detach().numpy(), expression.to_numpy()(GRID), rtol=1e-12, atol=1e-300
    )
    np.testing.assert_allclose(x.grad.numpy(), expression.derivative()(GRID), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("pair", [("x", "relu(x)"), ("tanh(x)", "one(x)"), ("abs(x)", "x")])
def test_binary_values_and_gradients(name: str, pair: tuple[str, str]) -> None:
    expression = parse(f"{name}({pair[0]},{pair[1]})")
    points = np.linspace(-3, 3, 61)
    x = torch.tensor(points, requires_grad=True)
    y = expression.to_torch()(x)
    y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), expression.to_numpy()(points), rtol=1e-13)
    defined = np.isfinite(expression.to_numpy()(points))  # x / relu(x) is not, left of 0
    np.testing.assert_allclose(
        x.grad.numpy()[defined], expression.derivative()(points)[defined], rtol=1e-12, atol=1e-14
    )


@given(expressions(max_leaves=5))
@example(parse("min(x,reciprocal(sub(x,x)))"))
@example(parse("pow(sub(x,x),x)"))
@settings(max_examples=60)
def test_random_expressions_agree_in_float64(expression: Expression) -> None:
    points = np.linspace(-4.03, 3.97, 33)  # off the kinks
    x = torch.tensor(points, requires_grad=True)
    y = expression.to_torch()(x)
    y.sum().backward()
    truth, slope = expression.to_numpy()(points), expression.derivative()(points)
    # Two roundings apart, a composition of steep functions may differ by any factor: compare where
    # the function is tame. Functions that agree nowhere tame are still compared in shape.
    assert y.shape == x.shape
    with np.errstate(all="ignore"):
        steep = np.abs(slope * points) > 1e6 * (1 + np.abs(truth))
        tame = np.isfinite(truth) & np.isfinite(slope) & (np.abs(truth) < 1e6) & ~steep
        near = expression.to_numpy()(points * (1 + 1e-12))
        tame &= np.abs(near - truth) <= 1e-8 * (1 + np.abs(truth))
        near_slope = expression.derivative()(points * (1 + 1e-12))
        smooth = tame & (np.abs(near_slope - slope) <= 1e-8 * (1 + np.abs(slope)))
    # By the chain rule a zero slope may meet an infinite one, which autograd multiplies to NaN
    # where the whole has a slope; operators by themselves are compared above.
    smooth &= ~np.isnan(x.grad.numpy())
    np.testing.assert_allclose(y.detach().numpy()[tame], truth[tame], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(x.grad.numpy()[smooth], slope[smooth], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", UNARY)
def test_second_derivatives(name: str) -> None:
    x = torch.tensor([-1.3, -0.4, 0.7, 1.9], dtype=torch.float64, requires_grad=True)
    with warnings.catch_warnings():
        assert torch.autograd.gradgradcheck(parse(f"{name}(x)").to_torch(), x)


def test_power_differentiates_twice_and_under_vmap() -> None:
    module = parse("pow(abs(x),swish(x))").to_torch()
    x = torch.tensor([-1.3, 0.4, 1.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, x)
    assert torch.autograd.gradgradcheck(module, x)
    slopes = torch.func.vmap(torch.func.grad(module))(x)
    np.testing.assert_allclose(
        slopes.detach().numpy(), parse("pow(abs(x),swish(x))").derivative()(x.detach().numpy())
    )


def test_constants_stay_in_the_graph() -> None:
    x = torch.tensor([1.0, np.inf], requires_grad=True)
    y = parse("add(zero(x),one(x))").to_torch()(x)
    y.sum().backward()
    assert y.tolist() == [1.0, 1.0]
    assert x.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_dtype_and_shape_are_kept(dtype: Any) -> None:
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    for text in ("x", "one(x)", "gelu(x)", "pow(abs(x),x)", "sum_n(x,relu(x),tanh(x))"):
        y = parse(text).to_torch()(x)
        assert y.shape == x.shape
        assert y.dtype == dtype


def test_the_module_has_no_parameters_and_shows_its_expression() -> None:
    module = parse("max(relu(x),elu(x))").to_torch()
    assert not list(module.parameters())
    assert "max(relu(x),elu(x))" in repr(torch.nn.Sequential(module))


def test_a_missing_pytorch_is_explained() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import act_bench.functions.expression as e\n"
        "try: e.parse('relu(x)').to_torch()\n"
        "except ImportError as error: print(error)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "pip install 'act-bench[regenerate]'" in output
