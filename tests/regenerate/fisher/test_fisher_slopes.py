"""Spectra use the slopes of training where autograd has none, and autograd's elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from regenerate.fisher.slopes import TrainedSlopes

torch = pytest.importorskip("torch")

POWERS = (2006, 2015, 2017, 2053, 2063, 2065)
MINIMA = (2696, 2710, 2723, 2738, 2758, *range(2769, 2789))


def gradients(module, x, above):
    x = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(module(x), x, above)
    return found


@pytest.mark.parametrize("entry", POWERS + MINIMA)
def test_a_slope_that_autograd_loses_is_that_of_training(entry):
    expression = parse(load_space().representatives[entry])
    x = torch.tensor([0.0, -0.0, 0.7], dtype=torch.float64)
    above = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
    assert gradients(expression.to_torch(), x, above)[0].isnan()
    found = gradients(TrainedSlopes(expression), x, above)
    np.testing.assert_allclose(found, above.numpy() * expression.derivative()(x.numpy()))


@pytest.mark.parametrize("text", ["max(relu(x),elu(x))", "mul(x,erfc(elu(x)))", "div(x,x)", "x"])
def test_a_slope_that_autograd_has_is_kept_to_the_last_bit(text):
    expression = parse(text)
    x = torch.linspace(-3, 3, 61)
    above = torch.linspace(1, 2, 61)
    for dtype in (torch.float32, torch.float64):
        args = x.to(dtype), above.to(dtype)
        plain = gradients(expression.to_torch(), *args)
        assert torch.equal(
            gradients(TrainedSlopes(expression), *args)[~plain.isnan()], plain[~plain.isnan()]
        )


def test_what_no_training_could_use_stays_lost():
    # The gradient that arrives is NaN, and the slope of 1/x at 0 is infinite.
    module = TrainedSlopes(parse("min(x,reciprocal(x))"))
    zero = torch.zeros(2)
    assert gradients(module, zero, torch.tensor([np.nan, np.inf])).isnan().all()
    assert (
        not gradients(TrainedSlopes(parse("reciprocal(x)")), zero, torch.ones(2)).isfinite().any()
    )
    with torch.no_grad():
        assert module(zero).tolist() == [0.0, 0.0]
