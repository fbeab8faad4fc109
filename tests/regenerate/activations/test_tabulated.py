"""Tabulated activations against brute-force rounding, mpmath and torch's own autograd."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from act_bench.functions.expression import parse
from act_bench.functions.operators import BINARY, NARY, UNARY
from regenerate.activations import TabulatedActivation, module, tabulate
from regenerate.activations.tabulation import CODES, from_float64, to_float64
from tests.mpmath_operators import exact, mp

ALL = np.arange(CODES, dtype=np.uint16)
INPUTS = to_float64(ALL)
FINITE = np.sort(INPUTS[np.isfinite(INPUTS) & ~((INPUTS == 0) & np.signbit(INPUTS))])


def all_inputs() -> torch.Tensor:
    return torch.from_numpy(ALL.view(np.int16).copy()).view(torch.bfloat16)


def codes_of(x: torch.Tensor) -> np.ndarray:
    return x.detach().contiguous().view(torch.int16).numpy().view(np.uint16)


def nearest(number: Fraction) -> float:
    """Round an exact number to the nearest bfloat16, ties to even, by comparing distances."""
    limit = Fraction(2) ** 128  # the number after the largest one, if it existed
    grid = [Fraction(float(x)) for x in neighbours(float(number))] + [limit, -limit]
    best = min(abs(number - x) for x in grid)
    ties = [x for x in grid if abs(number - x) == best]
    chosen = next((x for x in ties if abs(x) == limit or is_even(float(x))), ties[0])
    return math.copysign(math.inf, chosen) if abs(chosen) == limit else float(chosen)


def neighbours(number: float) -> np.ndarray:
    place = int(np.searchsorted(FINITE, number))
    return FINITE[max(0, place - 2) : place + 2]


def is_even(number: float) -> bool:
    return int(np.float32(number).view(np.uint32)) >> 16 & 1 == 0


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_of_any_float(number: float) -> None:
    got = to_float64(from_float64(np.array([number])))[0]
    assert got == nearest(Fraction(number))
    assert np.signbit(got) == np.signbit(number)


@given(st.integers(0, CODES - 1), st.sampled_from([-1, 0, 1]), st.integers(1, 45))
def test_rounding_near_ties(code: int, side: int, shift: int) -> None:
    low = float(INPUTS[code])
    if not np.isfinite(low):
        return
    step = abs(float(INPUTS[code ^ 1]) - low) if np.isfinite(INPUTS[code ^ 1]) else 0.0
    tie = low + np.copysign(step / 2, low)
    number = tie + side * step * 2.0**-shift
    got = to_float64(from_float64(np.array([number])))[0]
    assert got == nearest(Fraction(number))


def test_rounding_keeps_every_bfloat16_and_special_values() -> None:
    numbers = ~np.isnan(INPUTS)
    np.testing.assert_array_equal(from_float64(INPUTS)[numbers], ALL[numbers])
    assert np.isnan(to_float64(from_float64(INPUTS[~numbers]))).all()
    double = np.array([1 + 2.0**-8 + 2.0**-40])  # by way of float32 this becomes a tie
    by_torch = codes_of(torch.from_numpy(double).to(torch.bfloat16))
    assert from_float64(double)[0] == by_torch[0] + 1 == 0x3F81


def brute_force(numbers: np.ndarray) -> np.ndarray:
    """Round by the position among the midpoints of neighbouring bfloat16 numbers (values)."""
    grid = np.concatenate([[-np.inf], FINITE, [np.inf]])
    edges = np.concatenate([[-(2.0**128)], FINITE, [2.0**128]])
    middle = edges[:-1] / 2 + edges[1:] / 2  # exact in float64
    place = np.searchsorted(middle, numbers, side="left")
    tie = (place < len(middle)) & (middle[np.minimum(place, len(middle) - 1)] == numbers)
    even = (from_float64(grid[place]) & 1) == 0
    return np.where(np.isnan(numbers), np.nan, grid[np.where(tie & ~even, place + 1, place)])


def random_expressions(count: int) -> list[str]:
    random = np.random.default_rng(2023)
    texts = []
    for _ in range(count):
        outer = BINARY[random.integers(len(BINARY))]
        u, v = (UNARY[random.integers(len(UNARY))] for _ in range(2))
        texts.append(f"{outer}({u}(x),{v}(x))")
    return texts


OPERATORS = (
    [f"{name}(x)" for name in UNARY]
    + [f"{name}(x,tanh(x))" for name in BINARY]
    + [f"{name}(x,square(x),sigmoid(x))" for name in NARY]
)


def test_every_operator_and_200_expressions_round_once_for_all_inputs() -> None:
    for text in OPERATORS + random_expressions(200):
        expression = parse(text)
        tables = tabulate(expression)
        with np.errstate(all="ignore"):
            truths = (expression.to_numpy()(INPUTS), expression.derivative()(INPUTS))
        for table, truth in zip((tables.value, tables.slope), truths, strict=True):
            np.testing.assert_array_equal(to_float64(table), brute_force(truth), err_msg=text)


def has_no_poles(text: str) -> bool:
    """Return whether the test's simple arithmetic can follow: no power, no quotient by zero."""
    divisors = ("zero(x))", "hard_sigmoid(x))", "relu(x))")
    return not text.startswith("pow") and not (text.startswith("div") and text.endswith(divisors))


@pytest.mark.parametrize(
    "text",
    [f"{name}(x)" for name in UNARY] + list(filter(has_no_poles, random_expressions(40)))[:25],
)
def test_tables_against_sixty_digits(text: str) -> None:
    """Compare with mpmath at |x| in [1/16, 8): away from the cancellations of float64."""
    expression = parse(text)
    tables = tabulate(expression)
    random = np.random.default_rng(len(text))
    signs = (np.arange(12) % 2) << 15
    for code in (random.integers(0x3D80, 0x4100, 12) | signs).tolist():
        x = mp.mpf(float(INPUTS[code]))
        value = exact(expression, x)
        assert to_float64(tables.value[code]) == rounded(value), (text, float(x))
        step = mp.mpf(10) ** -12
        slope = (exact(expression, x + step) - exact(expression, x - step)) / (2 * step)
        got = float(to_float64(tables.slope[code]))
        # Half a unit in the last place; the central difference itself is good to 24 digits.
        assert got == pytest.approx(float(slope), rel=2.0**-8 * 1.001, abs=1e-15), text


def rounded(number: Any) -> float:
    sign, mantissa, exponent, _ = number._mpf_
    return nearest(Fraction((-1) ** sign * int(mantissa)) * Fraction(2) ** int(exponent))


@pytest.mark.parametrize("text", ["tanh(x)", "div(exp(x),x)", "max(relu(x),elu(x))"])
def test_module_gives_the_tables_for_all_inputs(text: str) -> None:
    tables = tabulate(parse(text))
    module = TabulatedActivation(tables)
    with torch.no_grad():
        np.testing.assert_array_equal(codes_of(module(all_inputs())), tables.value)
    x = all_inputs().requires_grad_()
    y = module(x)
    np.testing.assert_array_equal(codes_of(y), tables.value)
    (gradient,) = torch.autograd.grad(y, x, torch.ones_like(y))
    got, expected = to_float64(codes_of(gradient)), to_float64(tables.slope)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("text", ["tanh(x)", "div(exp(x),x)"])
def test_a_gpu_without_triton_gathers_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = tabulate(parse(text))
    packed = torch.from_numpy(tables.packed.view(np.int32).copy())
    value = torch.from_numpy(tables.value.view(np.int16).copy())
    monkeypatch.setattr("regenerate.activations.module.gathers", lambda _: True)
    both = module._value_and_slope(all_inputs(), packed)
    for found, expected in zip(both, (tables.value, tables.slope), strict=True):
        np.testing.assert_array_equal(codes_of(found), expected)
    np.testing.assert_array_equal(codes_of(module._value(all_inputs(), value)), tables.value)


def test_shapes_formats_and_threads() -> None:
    tables = tabulate(parse("swish(x)"))
    module = TabulatedActivation(tables)
    random = np.random.default_rng(0)
    base = torch.from_numpy(random.normal(size=(4, 8, 96, 96))).to(torch.bfloat16)
    cases = {
        "contiguous": base,
        "channels last": base.contiguous(memory_format=torch.channels_last),
        "every second": base[:, :, ::2, 1::2],
        "offset": base[1:, 3:],
        "empty": base[:0],
        "scalar": base[0, 0, 0, 0],
    }
    before = torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            for name, x in cases.items():
                expected = tables.value[codes_of(x.reshape(-1))].reshape(x.shape)
                y = module(x.detach().clone(memory_format=torch.preserve_format).requires_grad_())
                np.testing.assert_array_equal(codes_of(y), expected, err_msg=name)
                with torch.no_grad():
                    np.testing.assert_array_equal(codes_of(module(x)), expected, err_msg=name)
        finally:
            torch.set_num_threads(before)
    last = cases["channels last"]
    assert module(last).is_contiguous(memory_format=torch.channels_last)


def test_gradient_through_layers_agrees_with_composed_operators() -> None:
    """Bfloat16 keeps 8 bits, so single numbers agree to a percent and directions far better."""
    expression = parse("mul(x,sigmoid(x))")
    random = np.random.default_rng(1)
    weights = [torch.from_numpy(random.normal(size=(32, 32)) / 32**0.5) for _ in range(3)]
    x = torch.from_numpy(random.normal(size=(64, 32)))

    def gradient(activation: torch.nn.Module, dtype: torch.dtype) -> torch.Tensor:
        layers = [w.to(dtype).requires_grad_() for w in weights]
        hidden = x.to(dtype)
        for layer in layers:
            hidden = activation(hidden @ layer)
        grads = torch.autograd.grad(hidden.double().square().mean(), layers)
        return torch.cat([g.double().flatten() for g in grads])

    truth = gradient(expression.to_torch(), torch.float64)
    tabulated = gradient(TabulatedActivation(tabulate(expression)), torch.bfloat16)
    cosine = torch.nn.functional.cosine_similarity(truth, tabulated, dim=0)
    assert cosine > 0.999
    assert 0.98 < tabulated.norm() / truth.norm() < 1.02


def test_other_formats_are_refused() -> None:
    module = TabulatedActivation(tabulate(parse("tanh(x)")))
    with pytest.raises(TypeError, match=r"float32.*to_torch"):
        module(torch.zeros(3))


def test_moving_and_casting_leaves_the_tables_alone() -> None:
    tables = tabulate(parse("erf(x)"))
    module = TabulatedActivation(tables).to(torch.bfloat16).to(memory_format=torch.channels_last)
    np.testing.assert_array_equal(codes_of(module(all_inputs())), tables.value)
    assert not module.state_dict()
