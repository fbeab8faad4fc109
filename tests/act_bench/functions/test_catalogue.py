"""The catalogue: each named function against its formula, in mpmath, written independently."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

from act_bench.functions.catalogue import CATALOGUE, SOURCES, UnknownFunctionError, find, read
from act_bench.functions.expression import Expression, ParseError
from act_bench.spaces.paper import entry_of, load_space

Formula = Callable[[mpf], mpf]


def sigmoid(x: mpf) -> mpf:
    return 1 / (1 + mpmath.exp(-x))


def softplus(x: mpf) -> mpf:
    return mpmath.log1p(mpmath.exp(x))


def elu(x: mpf) -> mpf:
    return x if x > 0 else mpmath.expm1(x)


def selu(x: mpf) -> mpf:
    # Klambauer et al.: the two constants for which standard normal z gives mean 0 and variance 1.
    # For z < 0: E[e^z] = e^(1/2) Phi(-1) and E[e^2z] = e^2 Phi(-2).
    once = mpmath.exp(0.5) * mpmath.ncdf(-1)
    twice = mpmath.exp(2) * mpmath.ncdf(-2)
    alpha = 1 / (mpmath.sqrt(2 * mpmath.pi) * (mpf(1) / 2 - once))
    scale = 1 / mpmath.sqrt(mpf(1) / 2 + alpha**2 * (twice - 2 * once + mpf(1) / 2))
    return scale * (x if x > 0 else alpha * mpmath.expm1(x))


def swish(x: mpf) -> mpf:
    return x * sigmoid(x)


def hard_sigmoid(x: mpf) -> mpf:
    return min(max(x / 5 + mpf(1) / 2, mpf(0)), mpf(1))


def bessel_i0e(x: mpf) -> mpf:
    return mpmath.exp(-abs(x)) * mpmath.besseli(0, x)


XIELU_STARTS = (mpf("0.2033823208"), mpf("-1.0502256128"))


def xielu(x, positive, negative):
    if x > 0:
        return positive * x**2 + x / 2
    return (negative + mpf("0.5")) * (mpmath.expm1(x) - x) + x / 2


FORMULAS: dict[str, Formula] = {
    "elu": elu,
    "relu": lambda x: max(x, mpf(0)),
    "selu": selu,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "softsign": lambda x: x / (1 + abs(x)),
    "swish": swish,
    "tanh": mpmath.tanh,
    "elish": lambda x: swish(x) if x > 0 else mpmath.expm1(x) * sigmoid(x),
    "gelu": lambda x: x * mpmath.ncdf(x),
    "hard_sigmoid": hard_sigmoid,
    "leaky_relu": lambda x: x if x > 0 else x / 100,
    "mish": lambda x: x * mpmath.tanh(softplus(x)),
    "abs": abs,
    "negative_abs": lambda x: -abs(x),
    "negative_elu": lambda x: -elu(x),
    "negative_tanh": lambda x: -mpmath.tanh(x),
    "hard_sigmoid_twice_elu": lambda x: hard_sigmoid(hard_sigmoid(x)) * elu(x),
    "sigmoid_softsign_elu": lambda x: sigmoid(x / (1 + abs(x))) * elu(x),
    "swish_over_selu_1": lambda x: swish(x) / selu(mpf(1)),
    "swish_minus_2x": lambda x: swish(-2 * x),
    "selu_sinh_exp_arctan": lambda x: selu(mpmath.sinh(mpmath.exp(mpmath.atan(x)) - 1)),
    "x_erfc_elu": lambda x: x * mpmath.erfc(elu(x)),
    "minus_x_sigmoid_hard_sigmoid": lambda x: -x * sigmoid(x) * hard_sigmoid(x),
    "elu_swish_minus_x": lambda x: elu(swish(-x)),
    "swish_erfc_bessel_i0e": lambda x: swish(x) * mpmath.erfc(bessel_i0e(x)),
    "erfc_softplus_squared": lambda x: mpmath.erfc(softplus(x)) ** 2,
    "min_softplus_squared_minus_x": lambda x: min(softplus(x) ** 2, -x),
    "arcsinh_elu_swish": lambda x: mpmath.asinh(elu(swish(x))),
    "swish_beta": swish,
    "max_x_sigmoid": lambda x: max(x, sigmoid(x)),
    "cos_minus_x": lambda x: mpmath.cos(x) - x,
    "min_x_sin": lambda x: min(x, mpmath.sin(x)),
    "arctan_squared_minus_x": lambda x: mpmath.atan(x) ** 2 - x,
    "max_x_tanh": lambda x: max(x, mpmath.tanh(x)),
    "sinc_plus_x": lambda x: mpmath.sinc(x) + x,
    "x_arcsinh_squared": lambda x: x * mpmath.asinh(x) ** 2,
    "crrelu": lambda x: max(x, mpf(0)) + mpf("0.01") * x * mpmath.exp(-(x**2) / 2),
    "prelu": lambda x: x if x > 0 else x / 4,
    "hard_swish": lambda x: x * min(max(x + 3, mpf(0)), mpf(6)) / 6,
    "squareplus": lambda x: (x + mpmath.sqrt(x**2 + 4)) / 2,
    "relu_squared": lambda x: max(x, mpf(0)) ** 2,
    "leaky_relu_squared": lambda x: max(x, x / 2) ** 2,
    "golu": lambda x: x * mpmath.exp(-mpmath.exp(-x)),
    "telu": lambda x: x * mpmath.tanh(mpmath.exp(x)),
    "xielu": lambda x: xielu(x, *(mpmath.log1p(mpmath.exp(a)) for a in XIELU_STARTS)),
    "celu": elu,
}

POINTS = [-30.0, -7.3, -2.4, -1.0, -0.5, -0.013, -1e-9, 1e-9, 0.013, 0.4, 1.0, 1.7, 6.1, 25.0]

# Which of the 47 are functions of the space: established by exact algebra, not by the resolver.
IN_SPACE = {
    "elu",
    "relu",
    "selu",
    "sigmoid",
    "softplus",
    "softsign",
    "swish",
    "tanh",
    "hard_sigmoid",
    "relu_squared",
    "abs",
    "negative_abs",  # sub(zero, abs)
    "negative_elu",
    "negative_tanh",
    "max_x_sigmoid",
    "max_x_tanh",
    "celu",
    "elish",  # mul(sigmoid, elu), on both sides of 0
}


def test_every_function_is_checked() -> None:
    assert set(FORMULAS) == set(CATALOGUE)
    assert len(CATALOGUE) == 47


@pytest.mark.parametrize("name", CATALOGUE)
def test_values(name: str) -> None:
    with mp.workdps(40):
        expected = np.array([float(FORMULAS[name](mpf(x))) for x in POINTS])
    np.testing.assert_allclose(CATALOGUE[name].to_numpy()(POINTS), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("name", CATALOGUE)
def test_derivatives(name: str) -> None:
    smooth = [x for x in POINTS if abs(x) > 1e-6]  # the points next to 0 straddle kinks
    with mp.workdps(40):
        expected = np.array([float(mpmath.diff(FORMULAS[name], mpf(x))) for x in smooth])
    actual = CATALOGUE[name].derivative()(smooth)
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-18)


def test_newer_functions_reach_their_limits() -> None:
    far = [-np.inf, -1e200, -1e3, 1e3, 1e200, np.inf]
    for name in ("golu", "telu", "hard_swish", "squareplus"):
        values, slopes = find(name).to_numpy()(far), find(name).derivative()(far)
        assert np.abs(values[:2]).max() < 1e-190, name
        assert abs(values[2]) < 0.0011, name
        assert values[3:].tolist() == pytest.approx([1e3, 1e200, np.inf]), name
        assert slopes.tolist() == pytest.approx([0, 0, 0, 1, 1, 1], abs=2e-6), name
    xielu = find("xielu")
    assert xielu.to_numpy()([-np.inf, np.inf]).tolist() == [np.inf, np.inf]
    assert xielu.derivative()([0.0]).tolist() == [0.5]
    assert xielu.derivative()([-np.inf])[0] == pytest.approx(-0.3), "alpha_n starts at 0.8"
    assert xielu.derivative()([1.0])[0] == pytest.approx(2 * 0.8 + 0.5), "and alpha_p"


def test_limits_are_reached() -> None:
    far = [-np.inf, -1e200, 1e200, np.inf]
    assert find("crrelu").to_numpy()(far).tolist() == [0.0, 0.0, 1e200, np.inf]
    assert find("crrelu").derivative()(far).tolist() == [0.0, 0.0, 1.0, 1.0]
    assert find("swish_beta").to_numpy()(far).tolist() == [0.0, 0.0, 1e200, np.inf]
    assert find("swish_beta").derivative()(far).tolist() == [0.0, 0.0, 1.0, 1.0]
    assert find("sinc_plus_x").derivative()([np.inf, 0.0]).tolist() == [1.0, 1.0]
    for name in [name for name, each in CATALOGUE.items() if each.expression is None]:
        assert np.isnan(find(name).to_numpy()([np.nan])).all(), name
        assert np.isnan(find(name).derivative()([np.nan])).all(), name


@pytest.mark.parametrize("name", CATALOGUE)
def test_whether_it_is_in_the_space(name: str) -> None:
    entry = entry_of(CATALOGUE[name])
    assert (entry is not None) == (name in IN_SPACE)
    if entry is not None:
        space = load_space()
        values = CATALOGUE[name].to_numpy()(space.points)
        np.testing.assert_allclose(space.outputs[entry], values, rtol=2e-7, atol=1e-12)


def test_every_record_is_well_formed() -> None:
    for name, function in CATALOGUE.items():
        assert function.name == name
        assert name.isidentifier()
        assert function.source in SOURCES
        assert not (function.expression and function.parameter)
        if function.expression:
            assert str(function) == function.expression
            assert str(read(function.expression)) == function.expression
        else:
            assert str(function) == name
    aliases = [word for f in CATALOGUE.values() for word in (f.name, *f.aliases)]
    assert len(set(aliases)) == len(aliases)


@pytest.mark.parametrize(
    ("text", "name"),
    [("SiLU", "swish"), ("Swish-1", "swish"), ("leakyrelu", "leaky_relu"), (" GELU ", "gelu")],
)
def test_names_are_found_however_they_are_written(text: str, name: str) -> None:
    assert find(text).name == name


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownFunctionError, match=r"'crellu'.*crrelu"):
        find("crellu")
    with pytest.raises(UnknownFunctionError, match="CATALOGUE"):
        find("§")


def test_read_takes_expressions_and_names() -> None:
    assert isinstance(read("relu(x)"), Expression)
    assert isinstance(read("mish"), Expression)
    assert read("prelu") is find("prelu")
    assert str(read("x")) == "x"


@pytest.mark.parametrize("text", ["crelu", "relu(", "", "max(x,y)", "prelu(x)"])
def test_read_refuses_what_is_neither(text: str) -> None:
    with pytest.raises(ParseError):
        read(text)


def test_read_offers_names_for_a_lone_word() -> None:
    with pytest.raises(ParseError, match="did you mean 'crrelu'"):
        read("crelu")


def test_the_document_lists_the_catalogue() -> None:
    from pathlib import Path

    lines = [
        "| name | formula | in our notation, or learned | entry | source |",
        "|---|---|---|---|---|",
    ]
    for function in CATALOGUE.values():
        learned = function.parameter
        notation = f"`{function.expression}`" if function.expression else "none"
        if learned:
            initial = learned.initial
            start = f"{initial}" if isinstance(initial, float) else ", ".join(map(str, initial))
            notation = f"{learned.symbol} learned, one per {learned.granularity}, from {start}"
        formula = function.formula.replace("|", "\\|")
        number = entry_of(function)
        entry = "" if number is None else str(number)
        lines.append(
            f"| `{function.name}` | `{formula}` | {notation} | {entry} | `{function.source}` |"
        )
    expected = "\n".join(lines)
    text = (Path(__file__).parents[3] / "docs/reference/catalogue.md").read_text(encoding="utf-8")
    assert expected in text, f"docs/reference/catalogue.md must hold this table:\n{expected}"
    for key, citation in SOURCES.items():
        assert f"- `{key}`: {citation}" in text
