"""The Swish space: its operator table, values, derivatives, learned beta, and the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from act_bench.functions.catalogue import find, read
from act_bench.functions.equality import evaluate
from act_bench.functions.expression import Expression, ParseError, parse
from act_bench.functions.operators import (
    LEARNED,
    OPERATORS,
    SMALL,
    SWISH_BINARY,
    SWISH_OPERATORS,
    SWISH_UNARY,
)
from act_bench.spaces.paper import NotInSpaceError, load_space

torch = pytest.importorskip("torch")
mp = mpmath.mp.clone()
mp.dps = 30

UNARY: dict[str, Callable[[mpmath.mpf], mpmath.mpf]] = {
    "identity": lambda x: x,
    "negative": lambda x: -x,
    "abs": abs,
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "sqrt": lambda x: mp.sqrt(x) if x >= 0 else mp.nan,
    "scale": lambda x: x,
    "shift": lambda x: x + 1,
    "log_abs": lambda x: mp.log(abs(x) + mp.mpf(SMALL)),
    "exp": mp.exp,
    "sin": mp.sin,
    "cos": mp.cos,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "arcsinh": mp.asinh,
    "arctan": mp.atan,
    "sinc": lambda x: mp.sin(x) / x if x else mp.mpf(1),
    "relu": lambda x: max(x, mp.mpf(0)),
    "min_zero": lambda x: min(x, mp.mpf(0)),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "gauss": lambda x: mp.exp(-(x**2)),
    "erf": mp.erf,
    "beta": lambda _: mp.mpf(1),
}
BINARY: dict[str, Callable[[mpmath.mpf, mpmath.mpf], mpmath.mpf]] = {
    "add": lambda u, v: u + v,
    "mul": lambda u, v: u * v,
    "sub": lambda u, v: u - v,
    "div_eps": lambda u, v: u / (v + mp.mpf(SMALL)),
    "max": max,
    "min": min,
    "gate": lambda u, v: v / (1 + mp.exp(-u)),
    "gauss_gap": lambda u, v: mp.exp(-((u - v) ** 2)),
    "laplace_gap": lambda u, v: mp.exp(-abs(u - v)),
    "mix": lambda u, v: u,
}
POINTS = np.array([-3.7, -0.9, -3e-3, 1e-4, 0.4, 2.2, 5.3])
WRITTEN = {
    "swish_beta": "gate(scale(x),identity(x))",
    "max_x_sigmoid": "max(identity(x),sigmoid(x))",
    "cos_minus_x": "sub(cos(x),identity(x))",
    "min_x_sin": "min(identity(x),sin(x))",
    "arctan_squared_minus_x": "sub(square(arctan(x)),x)",
    "max_x_tanh": "max(identity(x),tanh(x))",
    "sinc_plus_x": "add(sinc(x),identity(x))",
    "x_arcsinh_squared": "mul(x,square(arcsinh(x)))",
}


def swish(text: str) -> Expression:
    return parse(text, SWISH_OPERATORS)


def test_the_table_is_the_papers() -> None:
    assert (len(SWISH_UNARY), len(SWISH_BINARY)) == (25, 10)
    assert set(SWISH_OPERATORS) == set(UNARY) | set(BINARY)
    assert set(SWISH_OPERATORS) >= LEARNED


@pytest.mark.parametrize("name", SWISH_OPERATORS)
def test_values_derivatives_and_modules(name: str) -> None:
    if name in UNARY:
        f = swish(f"{name}(x)")
        exact = [UNARY[name](mp.mpf(x)) for x in POINTS]
    else:
        f = swish(f"{name}(sin(x),softplus(x))")
        pairs = [(mp.sin(mp.mpf(x)), mp.log1p(mp.exp(mp.mpf(x)))) for x in POINTS]
        exact = [BINARY[name](*pair) for pair in pairs]
    expected = np.array([float(value) for value in exact])
    np.testing.assert_allclose(f.to_numpy()(POINTS), expected, rtol=1e-12, atol=1e-15)
    x = torch.tensor(POINTS, requires_grad=True)
    y = f.to_torch().double()(x)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    y.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(f.derivative()(POINTS), x.grad.numpy(), rtol=1e-9, atol=1e-12)
    step = 1e-6
    value = f.to_numpy()
    slope = (value(POINTS + step) - value(POINTS - step)) / (2 * step)
    np.testing.assert_allclose(f.derivative()(POINTS), slope, rtol=2e-3, atol=1e-4)
    error = np.abs(evaluate(f, POINTS).value - expected)
    known = np.isfinite(expected)
    assert (error <= 4 * 2.0**-53 * evaluate(f, POINTS).scale + 2e-16)[known].all()


def test_beta_is_learned_one_a_channel_and_shared() -> None:
    f = swish("mix(scale(x),sin(x))")
    module = f.to_torch((3, 1))
    assert module.parameter is not None
    with torch.no_grad():
        module.parameter.copy_(torch.tensor([[0.0], [1.0], [2.0]]))
    x = torch.tensor([[0.5, -1.0]]).expand(3, 2)
    y = module(x)
    expected = torch.stack([torch.sin(x[0]), x[0], 4 * x[0] - torch.sin(x[0])])
    torch.testing.assert_close(y, expected)
    y.sum().backward()
    assert module.parameter.grad is not None
    assert module.parameter.grad.shape == (3, 1)
    assert list(swish("add(sin(x),cos(x))").to_torch((3, 1)).parameters()) == []


def test_grammars_keep_apart() -> None:
    with pytest.raises(ParseError, match="unknown operator 'sinc'"):
        parse("add(sinc(x),identity(x))")
    with pytest.raises(ParseError, match="unknown operator 'elu'"):
        swish("elu(x)")
    assert not set(SWISH_OPERATORS) - set(UNARY) - set(BINARY)
    assert "sin" not in OPERATORS
    with pytest.raises(NotInSpaceError):
        load_space().resolve(swish("sin(x)"))


@pytest.mark.parametrize(("name", "text"), WRITTEN.items())
def test_the_papers_eight_functions(name: str, text: str) -> None:
    function = find(name)
    written = read(text)
    assert isinstance(written, Expression)
    assert function.source == "ramachandran2017"
    np.testing.assert_allclose(written.to_numpy()(POINTS), function.to_numpy()(POINTS), rtol=1e-13)
    assert written.learns == (function.parameter is not None)
