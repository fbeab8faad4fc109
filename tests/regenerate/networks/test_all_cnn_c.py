"""All-CNN-C against the published layer sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from regenerate.networks.all_cnn_c import AllCNNC

# Weights and biases of each layer, as the original authors' code lists them.
PUBLISHED = (
    (2592, 96),
    (82944, 96),
    (82944, 96),
    (165888, 192),
    (331776, 192),
    (331776, 192),
    (331776, 192),
    (36864, 192),
    (1920, 10),
)


def test_parameters_of_every_layer() -> None:
    network = AllCNNC(nn.ReLU)
    sizes = tuple(
        (layer.weight.numel(), layer.bias.numel())
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d)
    )
    assert sizes == PUBLISHED
    assert sum(p.numel() for p in network.parameters()) == sum(map(sum, PUBLISHED))


@pytest.mark.parametrize(("pixels", "side"), [(32, 6), (16, 2)])
def test_scores_are_the_mean_of_the_last_map(pixels: int, side: int) -> None:
    network = AllCNNC(nn.ReLU, width=1 / 12)
    images = torch.randn(3, 3, pixels, pixels)
    maps: list[torch.Tensor] = []
    network.convolutions[-1].register_forward_hook(lambda *hook: maps.append(hook[2]))
    scores = network(images)
    assert maps[0].shape == (3, 10, side, side)
    torch.testing.assert_close(scores, maps[0].flatten(2).mean(2))


def test_an_activation_stands_after_all_but_the_scores() -> None:
    made: list[nn.Module] = []

    def activation() -> nn.Module:
        made.append(nn.Tanh())
        return made[-1]

    network = AllCNNC(activation, width=1 / 24, classes=7)
    calls: list[nn.Module] = []
    for module in made:
        module.register_forward_hook(lambda own, *_: calls.append(own))
    scores = network(100 * torch.randn(2, 3, 32, 32))
    assert calls == made
    assert len(made) == 8
    assert scores.shape == (2, 7)


def test_width_scales_hidden_channels_only() -> None:
    channels = [layer.out_channels for layer in AllCNNC(nn.ReLU, width=1 / 3).convolutions]
    assert channels == [32, 32, 32, 64, 64, 64, 64, 64, 10]
