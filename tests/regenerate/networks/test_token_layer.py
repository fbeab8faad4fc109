"""A transformer layer as one operation of autograd, against its modules, to the last bit."""

from __future__ import annotations

from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from act_bench.functions.expression import parse
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.networks import mobilevit_v2
from regenerate.networks.mobilevit_v2 import TransformerLayer
from regenerate.training.flat_weights import FlatWeights


def outcome(layer: TransformerLayer, tokens: Tensor, gradient: Tensor) -> list[Tensor]:
    """The result and the gradients of the tokens and of all weights."""
    tokens = tokens.detach().requires_grad_()
    out = layer(tokens)
    return [out, *torch.autograd.grad(out, [tokens, *layer.parameters()], gradient)]


# One patch, one channel, numbers that no vector's length divides; a function with a pole.
@pytest.mark.parametrize("text", ["relu(x)", "mul(erf(x),softplus(x))", "reciprocal(x)"])
@pytest.mark.parametrize("shape", [(3, 64, 4, 9), (2, 7, 4, 1), (1, 1, 4, 5), (5, 24, 2, 3)])
@pytest.mark.parametrize("channels_last", [True, False])
def test_the_same_bits_as_the_modules(
    text: str, shape: tuple[int, ...], channels_last: bool
) -> None:
    random = torch.Generator().manual_seed(sum(shape))
    activation = TabulatedActivation(tabulate(parse(text)))
    layer = TransformerLayer(shape[1], lambda: activation)
    weights = FlatWeights(layer)
    weights.master.copy_(torch.randn(len(weights.master), generator=random) / shape[1] ** 0.5)
    weights.publish()
    tokens, gradient = (torch.randn(shape, generator=random).to(torch.bfloat16) for _ in "tg")
    tokens = tokens.contiguous(memory_format=torch.channels_last)
    if channels_last:
        gradient = gradient.contiguous(memory_format=torch.channels_last)
    one = outcome(layer, tokens, gradient)
    with patch.object(mobilevit_v2, "can_fuse", lambda *_: False):
        modules = outcome(layer, tokens, gradient)
    assert "Layer" in one[0].grad_fn.name()
    assert "Layer" not in modules[0].grad_fn.name()
    for found, expected in zip(one, modules, strict=True):
        assert found.shape == expected.shape
        assert torch.equal(found.isnan(), expected.isnan())
        assert torch.equal(found.nan_to_num(), expected.nan_to_num())


def test_otherwise_the_modules_run() -> None:
    layer = TransformerLayer(8, torch.nn.SiLU)
    tokens = torch.randn(2, 8, 4, 3)
    assert layer(tokens).dtype == torch.float32
    activation = TabulatedActivation(tabulate(parse("relu(x)")))
    short = TransformerLayer(8, lambda: activation).to(torch.bfloat16)
    tokens = tokens.to(torch.bfloat16)
    assert "Layer" not in short(tokens).grad_fn.name()  # not channels_last
    tokens = tokens.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        result = short(tokens)
    assert torch.equal(result, short(tokens))
