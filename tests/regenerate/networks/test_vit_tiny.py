"""ViT-Tiny: the paper's numbers of parameters, and timm's network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from act_bench.functions.catalogue import find
from regenerate.networks import build, build_learning
from regenerate.networks.vit_tiny import PARAMETERS, ViTTiny


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_are_those_that_the_paper_states() -> None:
    assert count(ViTTiny(nn.GELU)) == PARAMETERS == 5_399_818
    assert count(ViTTiny(nn.GELU, classes=100)) == 5_417_188
    # Appendix E: with a learned parameter, one for each of the twelve places.
    assert count(build_learning("vit_tiny", find("crrelu"))) == 5_399_830


def test_a_value_per_channel_is_one_per_channel_of_a_token() -> None:
    network = build_learning("vit_tiny", find("swish_beta"), width=1 / 64)
    learned = [each for name, each in network.named_parameters() if name.endswith("parameter")]
    assert [tuple(each.shape) for each in learned] == [(12,)] * 12
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_positions_of_smaller_images_are_means() -> None:
    network = build("vit_tiny", nn.ReLU, width=1 / 64, classes=7)
    assert isinstance(network, ViTTiny)
    with torch.no_grad():
        network.positions.copy_(torch.arange(float(len(network.positions))))
    first, others = network._positions(torch.zeros(1, 3, 4, 4))
    grid = network.positions.view(65, 3)[1:].view(8, 8, 3)
    assert torch.equal(first, network.positions[:3])
    torch.testing.assert_close(others[5], grid[2:4, 2:4].mean((0, 1)))
    assert network(torch.zeros(1, 3, 16, 16)).shape == (1, 7)


def test_equals_the_network_of_timm() -> None:
    """Up to the representation layer, which timm no longer has."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs = timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=4).eval()
    with torch.no_grad():
        for each in theirs.parameters():
            if each.dim() == 1:  # not ones and zeros: a mistake there must show
                each.uniform_(0.5, 1.5)
    ours = ViTTiny(nn.GELU).eval()
    own = {name: each for name, each in ours.state_dict().items()
           if not name.startswith(("representation", "scores"))}  # fmt: skip
    given = [each for name, each in theirs.state_dict().items() if not name.startswith("head")]
    state = zip(own.items(), given, strict=True)
    ours.load_state_dict(
        {name: value.reshape(each.shape) for (name, each), value in state}, strict=False
    )
    seen: list[torch.Tensor] = []
    ours.norm.register_forward_hook(lambda module, arguments, out: seen.append(out))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        ours(images)
        expected = theirs.forward_features(images)[:, 0]
    torch.testing.assert_close(seen[0], expected, rtol=1e-4, atol=1e-4)
