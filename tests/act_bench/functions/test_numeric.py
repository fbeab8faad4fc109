"""float64 values and derivatives against mpmath at 60 digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators.unary import UNARY as RECORDS
from act_bench.testing import expressions
from tests.mpmath_operators import SELU_ALPHA, SELU_SCALE, exact, mp
from tests.mpmath_operators import UNARY as REFERENCE

SMOOTH_POINTS = [
    sign * size
    for size in (1e-30, 1e-9, 1e-4, 0.1, 0.3, 1.0, 1.7, 2.4, 2.6, 4.0, 5.0, 9.5, 20.0, 36.0, 59.0)
    for sign in (1.0, -1.0)
] + [61.0, -61.0, 250.0, -250.0, 700.0, -700.0]
FAR_POINTS = [1e4, -1e4, 1e10, -1e10, 1e30, -1e30, 3.3e38, -3.3e38, 1e300, -1e300]
BOUNDED = [
    "erf", "erfc", "tanh", "sigmoid", "log_sigmoid", "arcsinh", "arctan", "relu", "elu", "selu",
    "swish", "softplus", "softsign", "hard_sigmoid", "elish", "leakyrelu", "mish", "gelu",
    "identity", "negative", "abs", "zero", "one", "reciprocal",
]  # fmt: skip


UNARY = tuple(operator.name for operator in RECORDS)


def test_every_unary_operator_has_a_reference() -> None:
    assert set(REFERENCE) == set(UNARY)


@pytest.mark.parametrize("name", UNARY)
def test_values(name: str) -> None:
    ours = parse(f"{name}(x)").to_numpy()(SMOOTH_POINTS)
    reference = [float(REFERENCE[name](mp.mpf(x))) for x in SMOOTH_POINTS]
    # In the Gaussian tail the rounding of x / sqrt(2) alone costs x^2 * 1e-16, relatively.
    tail = 1e-12 if name in {"gelu", "erfc"} else 1e-14
    np.testing.assert_allclose(ours, reference, rtol=tail, atol=1e-306)


@pytest.mark.parametrize("name", UNARY)
def test_derivatives(name: str) -> None:
    points = [x for x in SMOOTH_POINTS if abs(x) > 1e-20]  # mp.diff steps across the kink at 0
    ours = parse(f"{name}(x)").derivative()(points)
    reference = [float(mp.diff(REFERENCE[name], mp.mpf(x), h=mp.mpf("1e-20"))) for x in points]
    np.testing.assert_allclose(ours, reference, rtol=2e-13, atol=1e-19)


@pytest.mark.parametrize("name", BOUNDED)
def test_no_overflow_where_the_value_is_finite(name: str) -> None:
    ours = parse(f"{name}(x)").to_numpy()(FAR_POINTS)
    reference = [float(REFERENCE[name](mp.mpf(x))) for x in FAR_POINTS]
    np.testing.assert_allclose(ours, reference, rtol=1e-13, atol=1e-306)


@pytest.mark.parametrize("name", UNARY)
def test_bessel_and_other_slopes_far_out(name: str) -> None:
    if name in {"exp", "expm1", "sinh", "cosh", "square"}:
        pytest.skip("these overflow in truth")
    points = [1e4, -1e4, 1e8, -1e8, 1e13]
    ours = parse(f"{name}(x)").derivative()(points)
    with mp.workdps(120):
        reference = [float(mp.diff(REFERENCE[name], mp.mpf(x), h=mp.mpf("1e-40"))) for x in points]
    np.testing.assert_allclose(ours, reference, rtol=2e-13, atol=1e-35)


@pytest.mark.parametrize(
    ("name", "at_minus_infinity", "at_infinity"),
    [
        ("sigmoid", 0, 1), ("log_sigmoid", -np.inf, 0), ("softplus", 0, np.inf),
        ("swish", 0, np.inf), ("elish", -0.0, np.inf), ("mish", 0, np.inf), ("gelu", 0, np.inf),
        ("softsign", -1, 1), ("hard_sigmoid", 0, 1), ("elu", -1, np.inf), ("relu", 0, np.inf),
        ("erf", -1, 1), ("erfc", 2, 0), ("tanh", -1, 1), ("arctan", -np.pi / 2, np.pi / 2),
        ("bessel_i0e", 0, 0), ("bessel_i1e", 0, 0), ("exp", 0, np.inf), ("expm1", -1, np.inf),
        ("reciprocal", 0, 0), ("leakyrelu", -np.inf, np.inf), ("zero", 0, 0), ("one", 1, 1),
        ("selu", -float(SELU_SCALE * SELU_ALPHA), np.inf), ("identity", -np.inf, np.inf),
    ],
)  # fmt: skip
def test_limits_at_infinity(name: str, at_minus_infinity: float, at_infinity: float) -> None:
    ours = parse(f"{name}(x)").to_numpy()([-np.inf, np.inf])
    np.testing.assert_allclose(ours, [at_minus_infinity, at_infinity], rtol=1e-15)


@pytest.mark.parametrize("name", [n for n in UNARY if n not in {"zero", "one"}])
def test_nan_stays_nan(name: str) -> None:
    assert np.isnan(parse(f"{name}(x)").to_numpy()(np.nan))
    if name not in {"identity", "negative"}:
        assert np.isnan(parse(f"{name}(x)").derivative()(np.nan))


def test_signed_zero_and_division_by_zero() -> None:
    assert parse("reciprocal(x)").to_numpy()([0.0, -0.0]).tolist() == [np.inf, -np.inf]
    assert parse("div(one(x),abs(x))").to_numpy()(0.0) == np.inf
    assert np.isnan(parse("div(x,x)").to_numpy()(0.0))
    assert parse("pow(x,x)").to_numpy()(0.0) == 1.0
    assert np.isnan(parse("pow(x,sigmoid(x))").to_numpy()(-1.0))


@pytest.mark.parametrize(
    ("text", "slopes"),
    [
        ("relu(x)", 0), ("abs(x)", 0), ("elu(x)", 1), ("leakyrelu(x)", 0.01),
        ("selu(x)", float(SELU_SCALE * SELU_ALPHA)), ("max(x,zero(x))", 0.5), ("max(x,x)", 1),
        ("min(x,negative(x))", 0), ("pow(x,one(x))", 1), ("pow(x,zero(x))", 0),
        ("bessel_i1e(x)", 0.5), ("bessel_i0e(x)", 0),
    ],
)  # fmt: skip
def test_derivatives_at_the_kink(text: str, slopes: float) -> None:
    assert parse(text).derivative()(0.0) == pytest.approx(slopes, rel=1e-15)


def test_constant_exponents_differentiate_at_negative_bases() -> None:
    assert parse("pow(x,one(x))").derivative()([-2.0, -0.5]).tolist() == [1.0, 1.0]
    cube = parse("pow(x,sum_n(one(x),one(x),one(x)))")
    assert cube.derivative()(-2.0) == pytest.approx(12.0)


TAME = tuple(n for n in UNARY if n not in {"exp", "sinh", "cosh", "expm1", "square", "reciprocal"})


@given(expressions(unary=TAME, max_leaves=5), st.floats(-3, 3))
def test_random_expressions(expression: Expression, x: float) -> None:
    assume(abs(x) > 1e-3)
    try:
        value = exact(expression, mp.mpf(x))
        # Two steps that disagree stand across a kink, where no derivative is to be compared.
        slope, other = (
            mp.diff(lambda t: exact(expression, t), mp.mpf(x), h=mp.mpf(h), direction=d)
            for h, d in (("1e-20", 1), ("1e-20", -1))
        )
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        assume(False)
    assume(all(mp.isfinite(v) and abs(v) < 1e6 for v in (value, slope, other)))
    assume(abs(slope - other) < 1e-12 * (1 + abs(slope)))
    # Cancellation between arguments amplifies rounding; a wide absolute tolerance still tells a
    # wrong formula from a right one.
    assert expression.to_numpy()(x) == pytest.approx(float(value), rel=1e-8, abs=1e-8)
    assert expression.derivative()(x) == pytest.approx(float(slope), rel=1e-5, abs=1e-5)


def test_shapes_are_kept_and_inputs_untouched() -> None:
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    before = x.copy()
    for text in ("x", "relu(x)", "add(x,one(x))"):
        assert parse(text).to_numpy()(x).shape == (2, 3)
        assert parse(text).derivative()(x).shape == (2, 3)
        assert parse(text).to_numpy()(0.5).shape == ()
    result = parse("x").to_numpy()(x)
    result[:] = 7
    np.testing.assert_array_equal(x, before)
