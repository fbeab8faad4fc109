"""Batch norm, addition and look-up in one, against torch's batch norm in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from act_bench.functions.expression import parse
from regenerate.activations import TabulatedActivation, normalized, normalized_cpu, tabulate
from regenerate.networks.normalized import Normalized, NormalizedActivation

SHAPES = [(8, 3, 6, 7), (4, 16, 5, 5), (2, 64, 4, 4), (2, 700, 2, 3), (40, 8, 16, 16)]


def tabulated(text: str) -> TabulatedActivation:
    return TabulatedActivation(tabulate(parse(text)))


def numbers(*shape: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale + shift
    return drawn.bfloat16()


def filled(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    random = torch.Generator().manual_seed(9)
    norm.weight.data.uniform_(-2, 2, generator=random)
    norm.bias.data.normal_(generator=random)
    return norm


def in_float64(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(norm.num_features).double()
    made.load_state_dict(norm.state_dict())
    return made


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_shortcut", [False, True])
def test_values_and_gradients_are_those_of_batch_norm(
    shape: tuple[int, ...], with_shortcut: bool
) -> None:
    norm, identity = filled(shape[1]), tabulated("identity(x)")
    exact = in_float64(norm)
    # A mean of 30 standard deviations: sums of squares would lose the variance.
    x = numbers(*shape, seed=1, scale=1 / 4, shift=8.0).requires_grad_()
    shortcut = numbers(*shape, seed=2).requires_grad_() if with_shortcut else None
    gradient = numbers(*shape, seed=3)
    got = normalized.normalized_look_up(x, shortcut, norm, identity)
    got.backward(gradient)
    wide = x.detach().double().requires_grad_()
    expected = exact(wide)
    if shortcut is not None:
        expected = expected + shortcut.detach().double()
    expected.backward(gradient.double())
    close = torch.testing.assert_close
    close(got.double(), expected, rtol=2**-8, atol=1e-3)
    assert x.grad is not None
    assert wide.grad is not None
    close(x.grad.double(), wide.grad, rtol=2**-8, atol=1e-4)
    for own, other in zip(norm.parameters(), exact.parameters(), strict=True):
        assert own.grad is not None
        assert other.grad is not None
        close(own.grad.double(), other.grad, rtol=1e-4, atol=1e-4)
    close(norm.running_mean.double(), exact.running_mean, rtol=1e-6, atol=0)
    close(norm.running_var.double(), exact.running_var, rtol=1e-4, atol=0)
    if shortcut is not None:
        assert torch.equal(shortcut.grad, gradient)
    norm.eval(), exact.eval()
    with torch.no_grad():
        evaluated = normalized.normalized_look_up(x, shortcut, norm, identity)
        wanted = exact(wide) if shortcut is None else exact(wide) + shortcut.double()
    close(evaluated.double(), wanted, rtol=2**-8, atol=1e-3)


@pytest.mark.parametrize("text", ["swish(x)", "max(abs(x),sinh(x))"])
def test_the_activation_is_looked_up_at_the_rounded_sum(text: str) -> None:
    x, shortcut = numbers(6, 16, 4, 4, seed=4), numbers(6, 16, 4, 4, seed=5)
    norm, function = filled(16), tabulated(text)
    with torch.no_grad():
        inner = normalized.normalized_look_up(x, shortcut, norm, tabulated("identity(x)"))
        assert torch.equal(
            normalized.normalized_look_up(x, shortcut, norm, function), function(inner)
        )


def test_the_slope_multiplies_the_gradient() -> None:
    function, norm = tabulated("square(x)"), filled(16)
    x, shortcut = numbers(6, 16, 4, 4, seed=4), numbers(6, 16, 4, 4, seed=5).requires_grad_()
    with torch.no_grad():
        inner = normalized.normalized_look_up(x, shortcut, norm, tabulated("identity(x)"))
    gradient = numbers(6, 16, 4, 4, seed=6)
    normalized.normalized_look_up(x, shortcut, norm, function).backward(gradient)
    assert shortcut.grad is not None
    expected = gradient.float() * (2 * inner.float())
    assert torch.equal(shortcut.grad, expected.bfloat16())


def test_what_is_not_finite_stays_so() -> None:
    x = numbers(4, 16, 4, 4, seed=7)
    x[1, 3, 0, 0] = np.inf
    with torch.no_grad():
        value = normalized.normalized_look_up(x, None, nn.BatchNorm2d(16), tabulated("identity(x)"))
    broken = value.float().isnan().any(dim=(0, 2, 3))
    assert broken.tolist() == [channel == 3 for channel in range(16)]


def test_several_threads_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads' sums are added in another order, no more."""
    shape = (64, 16, 16, 16)
    x, gradient = numbers(*shape, seed=1).requires_grad_(), numbers(*shape, seed=3)
    grads, values = [], []
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        value = normalized.normalized_look_up(x, None, filled(16), tabulated("tanh(x)"))
        values.append(value.detach().float())
        grads.append(torch.autograd.grad(value, x, gradient)[0].float())
    torch.testing.assert_close(*values, rtol=2**-7, atol=1e-6)
    # A value that rounds the other way has another slope.
    torch.testing.assert_close(*grads, rtol=2**-7, atol=0.02)


def test_sums_are_of_differences_from_the_first_number() -> None:
    x = numbers(3, 5, 2, 2, seed=8).contiguous(memory_format=torch.channels_last)
    total = normalized_cpu.sums(x.data_ptr(), 0, x.numel(), 5)
    first = x.permute(0, 2, 3, 1).reshape(-1, 5).double()
    by_channel = total.reshape(2, -1, 5).sum(1)
    np.testing.assert_allclose(by_channel[0], (first - first[0]).sum(0), atol=1e-5)
    np.testing.assert_allclose(by_channel[1], (first - first[0]).square().sum(0), rtol=1e-5)


def test_the_module_takes_the_fused_way_only_where_it_can() -> None:
    layer = NormalizedActivation(4, tabulated("tanh(x)"))
    x = numbers(2, 4, 3, 3, seed=1)
    can = normalized.can_fuse
    assert can(x, layer.norm, layer.activation)
    assert not can(x.float(), layer.norm, layer.activation)
    assert not can(x, layer.norm, nn.Tanh())
    assert not can(x, layer.eval().norm, layer.activation)
    with torch.no_grad():
        assert can(x, layer.norm, layer.activation)


@pytest.mark.parametrize("training", [True, False])
def test_the_module_computes_the_same_either_way(training: bool) -> None:
    x, shortcut = numbers(6, 16, 4, 4, seed=1), numbers(6, 16, 4, 4, seed=2)
    fused = NormalizedActivation(16, tabulated("tanh(x)")).train(training)
    plain = NormalizedActivation(16, nn.Tanh()).train(training)
    with torch.no_grad():
        torch.testing.assert_close(
            fused(x, shortcut).float(), plain(x.float(), shortcut.float()), rtol=0.01, atol=0.01
        )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("with_shortcut", [False, True])
def test_without_an_activation_it_is_the_identity(training: bool, with_shortcut: bool) -> None:
    x = numbers(6, 16, 5, 3, seed=1).requires_grad_(training)
    shortcut = numbers(6, 16, 5, 3, seed=2).requires_grad_(training) if with_shortcut else None
    gradient, found = numbers(6, 16, 5, 3, seed=3), []
    for activation in (None, tabulated("identity(x)")):
        norm = filled(16).train(training)
        with torch.set_grad_enabled(training):
            value = normalized.normalized_look_up(x, shortcut, norm, activation)
        asked = [x, norm.weight, norm.bias, *([] if shortcut is None else [shortcut])]
        found.append([value, *(torch.autograd.grad(value, asked, gradient) if training else ())])
    for own, other in zip(*found, strict=True):
        assert torch.equal(own, other)


def test_a_normalization_alone_is_that_of_torch_elsewhere() -> None:
    x, shortcut = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2)
    own, other = Normalized(3), nn.BatchNorm2d(3)
    assert torch.equal(own(x), other(x))
    assert torch.equal(own(x, shortcut), other(x) + shortcut)
