"""Which entries are undefined at 0 and have a limit there, and what it is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from act_bench import parse
from act_bench.spaces.limits import Limit, load_limits
from act_bench.spaces.paper import load_space
from builders.space.limits import defined_at_zero, find_limits, limit_at_zero


def test_the_stored_limits_are_those_that_are_found() -> None:
    assert load_limits() == find_limits()
    assert len(load_limits()) == 185


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("div(sinh(x),identity(x))", Limit(1.0, 0.0)),
        ("div(expm1(x),identity(x))", Limit(1.0, 0.5)),
        ("div(identity(x),elu(x))", Limit(1.0, -0.25)),  # slopes 0 above and -1/2 below
        ("div(bessel_i1e(x),identity(x))", Limit(0.5, 0.0)),  # slopes -1/2 above and 1/2 below
        ("div(square(x),reciprocal(x))", Limit(0.0, 0.0)),  # x^3
        ("div(exp(x),reciprocal(x))", Limit(0.0, 1.0)),  # x e^x
        ("pow(exp(x),reciprocal(x))", Limit(math.e, 0.0)),
    ],
)
def test_limits_known_by_hand(text: str, limit: Limit) -> None:
    assert limit_at_zero(parse(text)) == pytest.approx(limit)


@pytest.mark.parametrize(
    "text",
    [
        "div(identity(x),abs(x))",  # jumps
        "pow(bessel_i0e(x),reciprocal(x))",  # 1/e above, e below
        "div(one(x),identity(x))",  # an infinity
        "div(elu(x),relu(x))",  # none from the left
    ],
)
def test_what_has_no_limit(text: str) -> None:
    assert limit_at_zero(parse(text)) is None
    assert not defined_at_zero(parse(text))


def test_a_limit_is_what_float64_tends_to() -> None:
    x = np.array([-1e-5, 1e-5])
    for entry, limit in load_limits().items():
        tree = parse(load_space().representatives[entry])
        values, slopes = tree.to_numpy()(x), tree.derivative()(x)
        np.testing.assert_allclose(values.mean(), limit.value, atol=1e-4)
        np.testing.assert_allclose(slopes.mean(), limit.slope, atol=1e-4)
