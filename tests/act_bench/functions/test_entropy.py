"""The entropy functional, its worst function and its correction: against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy  # type: ignore[import-untyped]  # it ships no types
from scipy import integrate, stats

from act_bench import parse
from act_bench.functions.catalogue import find
from act_bench.functions.entropy import (
    Density,
    Gaussian,
    Measured,
    correction,
    entropy,
    inverse_correction,
    worst,
)
from act_bench.functions.numeric import ArrayFunction

X = np.linspace(-3, 3, 601) + 1e-3


class Written:
    """A function that is no expression, with its derivative."""

    def __init__(self, value: ArrayFunction, slope: ArrayFunction) -> None:
        self.value, self.slope = value, slope

    def to_numpy(self) -> ArrayFunction:
        return self.value

    def derivative(self) -> ArrayFunction:
        return self.slope


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", 0.5 * math.log(2 * math.pi * math.e)),
        ("negative(x)", 0.5 * math.log(2 * math.pi * math.e)),
        ("relu(x)", 0.25 * math.log(2 * math.pi * math.e)),
        # The log-normal: its entropy is that of its logarithm, and the mean of that, 0.
        ("exp(x)", 0.5 * math.log(2 * math.pi * math.e)),
    ],
)
def test_entropy_of_known_laws(text: str, expected: float) -> None:
    assert entropy(parse(text)).nats == pytest.approx(expected, abs=2e-3)


def test_entropy_is_that_of_the_density_after_the_function() -> None:
    """q(u) = p(y) y' for tanh, integrated over u by quadrature."""

    def q(u: float) -> float:
        return float(stats.norm.pdf(math.atanh(u)) / (1 - u * u))

    expected = -integrate.quad(lambda u: q(u) * math.log(q(u)), -1 + 1e-9, 1 - 1e-9, limit=200)[0]
    assert entropy(parse("tanh(x)")).nats == pytest.approx(expected, abs=2e-3)


def test_what_is_flat_or_does_not_exist_is_told() -> None:
    assert entropy(parse("one(x)")).flat == 1
    assert math.isnan(entropy(parse("one(x)")).nats)
    assert entropy(parse("relu(x)")).flat == pytest.approx(0.5)
    assert entropy(parse("div(one(x),zero(x))")).flat == 1


@pytest.mark.parametrize("density", [Gaussian(), Gaussian(0.5, 2.0)])
def test_worst_function_is_uniform_and_no_other_has_more_entropy(density: Density) -> None:
    value = worst(density, -1.0, 1.0)
    slope = lambda x: 2 * density.pdf(np.asarray(x, np.float64))  # noqa: E731
    most = entropy(Written(value, slope), density).nats
    assert most == pytest.approx(math.log(2), abs=1e-9)  # uniform on an interval of length 2
    for text in ("tanh(x)", "erf(x)", "softsign(x)", "sub(mul(2,sigmoid(x)),1)"):
        assert entropy(parse(text), density).nats < most


def test_correction_of_the_worst_function_vanishes() -> None:
    """It is the extremum: Eq. 7 is the Euler-Lagrange equation there."""
    density = Gaussian()
    function = Written(worst(density), lambda x: density.pdf(np.asarray(x, np.float64)))
    np.testing.assert_allclose(correction(function, density, X), 0, atol=1e-6)


@pytest.mark.parametrize("text", ["tanh(x)", "x", "softplus(x)", "negative(sinh(x))"])
def test_going_along_the_correction_lowers_the_entropy(text: str) -> None:
    """By f - t c, at the rate that the functional's derivative says: finite differences."""
    density, f = Gaussian(), parse(text)
    value, slope = f.to_numpy(), f.derivative()
    step = 1e-4

    def term(x: object) -> np.ndarray:
        return correction(f, density, x, bound=math.inf)  # type: ignore[arg-type]

    def term_slope(x: object) -> np.ndarray:
        at = np.asarray(x, np.float64)
        return np.asarray((term(at + step) - term(at - step)) / (2 * step))

    def along(t: float) -> float:
        moved = Written(lambda x: value(x) - t * term(x), lambda x: slope(x) - t * term_slope(x))
        return entropy(moved, density, 20_000).nats

    t = 1e-4
    rate = (along(t) - along(-t)) / (2 * t)
    assert rate < 0
    grid = np.linspace(-8, 8, 200_001)
    # dH = -integral c^2 / (sqrt(2 pi) |f'|) dx for the step -c.
    expected = -integrate.trapezoid(
        np.square(term(grid)) / (math.sqrt(2 * math.pi) * np.abs(slope(grid))), grid
    )
    assert rate == pytest.approx(expected, rel=0.03)


def test_eta_is_equation_7_of_the_inverse() -> None:
    """For the sigmoid, whose inverse is written out: y = log(u / (1 - u)), by SymPy."""
    u = sympy.Symbol("u", positive=True)
    y = sympy.log(u / (1 - u))
    t = sympy.Symbol("t")
    p = sympy.exp(-(t**2) / 2) / sympy.sqrt(2 * sympy.pi)
    eta = -(
        p.subs(t, y) * sympy.diff(y, u, 2) / sympy.diff(y, u)
        + sympy.diff(p, t).subs(t, y) * sympy.diff(y, u)
    )
    sigmoid = parse("sigmoid(x)")
    at = np.linspace(-3, 3, 31)
    expected = sympy.lambdify(u, eta)(sigmoid.to_numpy()(at))
    found = inverse_correction(sigmoid, Gaussian(), at)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_relu_and_the_gaussian_give_crrelu() -> None:
    eps = 0.01
    found = parse("relu(x)").to_numpy()(X) + eps * correction(parse("relu(x)"), Gaussian(), X)
    np.testing.assert_allclose(found, find("crrelu").to_numpy()(X), atol=1e-12)


def test_crrelu_as_it_starts_raises_the_entropy_of_relu() -> None:
    """What the module says of the sign in Eq. 10, on the positive side, where ReLU has an inverse.

    The term's slope is (1 - x^2) exp(-x^2/2), whose mean over x > 0 is sqrt(pi) / (4 sqrt(2 pi)).
    """
    rate = integrate.quad(
        lambda x: stats.norm.pdf(x) * (1 - x * x) * math.exp(-x * x / 2), 0, np.inf
    )[0]
    assert rate == pytest.approx(math.sqrt(math.pi) / 4 / math.sqrt(2 * math.pi))
    assert rate > 0


def test_a_measured_density_is_that_of_the_sample() -> None:
    rng = np.random.default_rng(0)
    sample = np.concatenate([rng.normal(-1, 0.5, 40_000), rng.normal(1.5, 1.0, 40_000)])
    density = Measured(sample)
    inside = np.linspace(-2.2, 4.0, 101)
    parts = stats.norm(-1, 0.5), stats.norm(1.5, 1.0)

    def law(x: float) -> float:
        return float(sum(part.pdf(x) for part in parts) / 2)

    pdf = sum(part.pdf(inside) for part in parts) / 2
    slope = sum(-(inside - part.mean()) / part.var() * part.pdf(inside) for part in parts) / 2
    np.testing.assert_allclose(density.pdf(inside), pdf, atol=0.02)
    np.testing.assert_allclose(density.slope(inside), slope, atol=0.08)
    np.testing.assert_allclose(
        density.cdf(inside), [(sample <= x).mean() for x in inside], atol=0.01
    )
    np.testing.assert_allclose(density.quantile(density.cdf(inside)), inside, atol=1e-6)
    assert entropy(parse("x"), density).nats == pytest.approx(
        -integrate.quad(lambda x: law(x) * math.log(law(x)), -5, 7)[0], abs=0.02
    )
    with pytest.raises(ValueError, match="two different finite values"):
        Measured(np.ones(5)).pdf(inside)


def test_flat_parts_have_the_term_of_a_line_and_poles_are_bounded() -> None:
    found = correction(parse("square(x)"), Gaussian(), np.array([-1e-4, 1e-4, 1.0]), bound=0.5)
    assert np.abs(found).max() <= 0.5
    flat = correction(parse("one(x)"), Gaussian(), X)
    np.testing.assert_allclose(flat, X * np.exp(-(X**2) / 2), atol=1e-12)
