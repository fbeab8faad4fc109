"""Running error bounds: they must hold, and tell functions apart."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_bench.functions.equality import (
    TOLERANCE,
    UNIT_ROUNDOFF,
    Scaled,
    evaluate,
    kinds,
    separation,
    space_values,
)
from act_bench.functions.expression import parse
from act_bench.functions.operators import BINARY, SPACE_UNARY
from act_bench.spaces.paper import enumerate_space
from builders.space.exact import binary, unary

NAMES = enumerate_space()
X = np.linspace(-3.1, 3.3, 9)
WHOLE = space_values(X)
points = st.floats(-4.5, 4.5).filter(lambda x: abs(x) > 1e-3)


@settings(max_examples=300)
@given(st.sampled_from(BINARY), st.sampled_from(SPACE_UNARY), st.sampled_from(SPACE_UNARY), points)
def test_the_bound_holds_against_120_digits(operator, left, right, x):
    found = evaluate(parse(f"{operator}({left}(x),{right}(x))"), np.array([x]))
    with mpmath.workdps(120):
        exact = binary(operator, unary(left, mpmath.mpf(x)), unary(right, mpmath.mpf(x)))
        if not mpmath.isfinite(exact) or not np.isfinite(found.value[0]):
            assert mpmath.isnan(exact) == np.isnan(found.value[0])
            return
        error = abs(mpmath.mpf(float(found.value[0])) - exact)
        # SciPy's functions are not correctly rounded; erfc in its tail is the worst, 8 units off.
        assert error <= 32 * UNIT_ROUNDOFF * found.scale[0] + mpmath.mpf("1e-300")


@given(st.sampled_from(range(len(NAMES))))
def test_space_values_are_those_of_the_expressions(row):
    one = evaluate(parse(NAMES[row]), X)
    np.testing.assert_array_equal(WHOLE.value[row], one.value)
    np.testing.assert_array_equal(WHOLE.scale[row], one.scale)
    np.testing.assert_array_equal(one.value, parse(NAMES[row]).to_numpy()(X))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tanh(x)", "div(sinh(x),cosh(x))"),
        ("sub(one(x),sigmoid(x))", "sigmoid(negative(x))"),
        # Cancels to nothing, twenty digits below its terms.
        ("sub(add(exp(square(x)),x),exp(square(x)))", "x"),
        ("pow(exp(x),exp(x))", "exp(mul(x,exp(x)))"),
    ],
)
def test_equal_functions_lie_within_rounding(one, other):
    x = np.linspace(-4.4, 4.3, 50)
    assert separation(evaluate(parse(one), x), evaluate(parse(other), x)) < 50


def test_different_functions_lie_far_apart():
    x = np.linspace(-4.4, 4.3, 50)
    a, b = (evaluate(parse(text), x) for text in ("tanh(x)", "erf(x)"))
    assert separation(a, b) > TOLERANCE**1.5


def test_separation_tells_kinds_apart():
    kind = [1.0, np.nan, np.inf, -np.inf]
    assert kinds(np.array(kind)).tolist() == [0, 1, 2, 3]
    for i, a in enumerate(kind):
        for j, b in enumerate(kind):
            values = [Scaled(np.array([v]), np.array([1.0])) for v in (a, b)]
            assert separation(*values) == (0 if i == j else np.inf)
