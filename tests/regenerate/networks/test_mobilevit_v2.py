"""MobileViTv2-0.5: sizes, where the activation stands, attention by hand, and timm's network."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn import functional

from regenerate.networks import build, build_learning
from regenerate.networks.mobilevit_v2 import (
    PARAMETERS,
    MobileViTv2,
    SeparableAttention,
    _to_map,
    _to_tokens,
)


def test_parameters() -> None:
    def count(classes: int) -> int:
        return sum(
            parameter.numel() for parameter in MobileViTv2(nn.SiLU, classes=classes).parameters()
        )

    assert count(10) == PARAMETERS
    assert count(1000) == 1_370_593  # the paper's Table 3: 1.4 million


def test_every_place_has_the_activation_and_the_attention_keeps_its_relu() -> None:
    calls = Counter[str]()

    class Counted(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls["activation"] += 1
            return x

    made: list[nn.Module] = []

    def make() -> nn.Module:
        made.append(Counted())
        return made[-1]

    network = MobileViTv2(make).eval()
    network(torch.zeros(1, 3, 64, 64))
    # The stem, two in each of 6 residual blocks, one in 3 blocks and in their 9 layers.
    assert len(made) == calls["activation"] == 1 + 2 * 6 + 3 + 9


@pytest.mark.parametrize(("side", "last"), [(160, 6), (64, 2), (48, 2), (96, 4)])
def test_shapes(side: int, last: int) -> None:
    network = MobileViTv2(nn.Tanh, width=0.25, classes=7).eval()
    seen: list[torch.Size] = []
    network.parts.register_forward_hook(lambda module, args, out: seen.append(out.shape))
    with torch.no_grad():
        assert network(torch.zeros(2, 3, side, side)).shape == (2, 7)
    assert seen == [torch.Size([2, 64, last, last])]


def test_tokens_and_back() -> None:
    features = (
        torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6).contiguous(memory_format=torch.channels_last)
    )
    tokens = _to_tokens(features)
    expected = functional.unfold(features.float(), 2, stride=2).view(2, 3, 4, 6)
    torch.testing.assert_close(tokens.float(), expected)
    assert torch.equal(_to_map(tokens, 4, 6), features)


def test_attention_by_its_equation() -> None:
    torch.manual_seed(0)
    attention = SeparableAttention(5)
    tokens = torch.randn(2, 5, 4, 6)
    weight = attention.scores_keys_values.weight.flatten(1)
    bias = attention.scores_keys_values.bias
    expected = torch.empty_like(tokens)
    for image in range(2):
        for place in range(4):
            x = tokens[image, :, place].T  # (patches, channels)
            scores, keys, values = (x @ weight.T + bias).split((1, 5, 5), 1)
            shares = scores.exp() / scores.exp().sum()
            context = (shares * keys).sum(0)
            y = values.clamp(min=0) * context
            out = y @ attention.out.weight.flatten(1).T + attention.out.bias
            expected[image, :, place] = out.T
    torch.testing.assert_close(attention(tokens), expected)


def test_learned_parameters_have_the_channels_of_their_place() -> None:
    from act_bench.functions.catalogue import find

    network = build_learning("mobilevit_v2", find("swish_beta"), width=0.25, side=64)
    shapes = {tuple(p.shape) for n, p in network.named_parameters() if n.endswith("parameter")}
    assert all(shape[1:] == (1, 1) for shape in shapes)
    assert len([n for n, _ in network.named_parameters() if n.endswith("parameter")]) == 25
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 10)


@pytest.mark.parametrize(
    ("side", "classes", "activation"), [(64, 10, nn.SiLU), (80, 10, nn.SiLU), (48, 1000, nn.Tanh)]
)
def test_equals_the_network_of_timm(side: int, classes: int, activation: type[nn.Module]) -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs = timm.create_model("mobilevitv2_050", num_classes=classes, act_layer=activation)
    with torch.no_grad():
        for each in (*theirs.parameters(), *theirs.buffers()):
            if each.dim() == 1:  # not ones and zeros: a mistake there must show
                each.uniform_(0.5, 1.5)
    ours = build("mobilevit_v2", activation, classes=classes)
    state = zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True)
    ours.load_state_dict({name: value.reshape(own.shape) for (name, own), value in state})
    images = torch.randn(2, 3, side, side)
    for mode in (False, True):
        ours.train(mode)
        theirs.train(mode)
        scores, expected = ours(images), theirs(images)
        torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)
        gradients, expected_gradients = (
            torch.autograd.grad(made.square().mean(), list(network.parameters()))
            for made, network in ((scores, ours), (expected, theirs))
        )
        for got, wanted in zip(gradients, expected_gradients, strict=True):
            error = (got - wanted.reshape(got.shape)).norm()
            assert error < 1e-2 * wanted.norm() + 1e-4
    for got, wanted in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)
