"""ViT-Tiny for images of 32 pixels: patches of 4, twelve layers of 192 channels, three heads.

Dosovitskiy et al., *An Image is Worth 16x16 Words* (2020, arXiv 2010.11929, Section 3.1), at the
size that Sun et al. (2024, arXiv 2405.12954, Appendix E) train on CIFAR. Their numbers of
parameters, 5,399,818 for ten classes and 5,417,188 for a hundred, are those of a network with the
*representation layer* of the first version: a linear layer and a tanh before the class scores, as
its Section 3.1 has them in pre-training. So it is here; that tanh stays whatever the activation.

The activation function stands where the network has a GELU, between the two linear layers of each
feed-forward part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from regenerate.networks.attention import FeedForward, SelfAttention

PARAMETERS: Final = 5_399_818
"""Of the network with ten classes (Sun et al. 2024, Appendix E)."""

CHANNELS: Final = 192
HEADS: Final = 3
LAYERS: Final = 12
PATCH: Final = 4
GRID: Final = 8
"""Patches along a side of 32 pixels."""


class EncoderLayer(nn.Module):
    """Attention and the feed-forward part, each after a norm and beside a shortcut (Eq. 2, 3)."""

    def __init__(self, channels: int, heads: int, activation: nn.Module) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(channels, eps=1e-6)
        self.attention = SelfAttention(channels, channels, heads)
        self.norm_2 = nn.LayerNorm(channels, eps=1e-6)
        self.feed_forward = FeedForward(channels, activation)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(n, tokens, channels)``."""
        tokens = tokens + self.attention(self.norm_1(tokens))
        result: Tensor = tokens + self.feed_forward(self.norm_2(tokens))
        return result


class ViTTiny(nn.Module):
    """The network: ``(images, 3, height, width)`` to class scores ``(images, classes)``.

    Positions are learned for 8 x 8 patches; those of smaller images are averages of them, as
    Section 3.2 of the paper interpolates them. They, and the class token, start at 0, and are
    vectors, which weight decay leaves alone.

    Parameters
    ----------
    activation
        Makes the module for each of the twelve places at which the published network has a GELU.
    width
        Multiplier of the channels of each of the three heads; 1 is ViT-Tiny.
    classes
        Number of class scores.

    Examples
    --------
    >>> network = ViTTiny(nn.GELU)
    >>> network(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    >>> sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS
    True
    """

    def __init__(
        self, activation: Callable[[], nn.Module], *, width: float = 1.0, classes: int = 10
    ) -> None:
        super().__init__()
        channels = HEADS * max(1, round(CHANNELS / HEADS * width))
        self.patches = nn.Conv2d(3, channels, PATCH, PATCH)
        self.class_token = nn.Parameter(torch.zeros(channels))
        self.positions = nn.Parameter(torch.zeros((1 + GRID * GRID) * channels))
        self.layers = nn.Sequential(
            *(EncoderLayer(channels, HEADS, activation()) for _ in range(LAYERS))
        )
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.representation = nn.Linear(channels, channels)
        self.scores = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return class scores."""
        patches = self.patches(images)
        first, others = self._positions(patches)
        tokens = patches.flatten(2).transpose(1, 2) + others
        start = (self.class_token + first).expand(len(images), 1, -1)
        seen = self.norm(self.layers(torch.cat([start, tokens], 1))[:, 0])
        scores: Tensor = self.scores(torch.tanh(self.representation(seen)))
        return scores

    def _positions(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Return the class token's position ``(channels,)``, and ``(patches, channels)``."""
        channels, height, width = patches.shape[1:]
        all_positions = self.positions.view(1 + GRID * GRID, channels)
        first, others = all_positions[0], all_positions[1:]
        if (height, width) != (GRID, GRID):
            square = others.t().view(1, channels, GRID, GRID)
            others = functional.adaptive_avg_pool2d(square, (height, width)).flatten(2)[0].t()
        return first, others
