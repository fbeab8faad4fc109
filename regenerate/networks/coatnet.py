"""CoAtNet-0: convolutions where maps are large, attention with relative positions where small.

Dai, Liu, Le and Tan, *CoAtNet: Marrying Convolution and Attention for All Data Sizes* (2021, arXiv
2106.04803, Table 3 and Appendix A): a stem of two convolutions, two stages of inverted residual
blocks (Sandler et al. 2018) with squeeze-and-excitation (Hu et al. 2018, arXiv 1709.01507), and two
of transformer layers whose scores have a learned bias for each head and relative position.

The activation function stands where the network has a GELU: in the stem, twice in each
convolutional block, and in each feed-forward part. The SiLU and the sigmoid of squeeze-and-
excitation are a gate and stay, as does the tanh of the layer before the class scores, without which
the network would not have its 25 million parameters. A stride is taken by the depthwise
convolution, as is usual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from regenerate.kernels.depthwise import DepthwiseConv2d
from regenerate.networks.attention import EXPANSION, FeedForward, SelfAttention
from regenerate.networks.normalized import Normalized, NormalizedActivation
from regenerate.networks.relative_positions import RelativePositions

PARAMETERS: Final = 24_275_510
"""Of the network with ten classes; with the thousand of ImageNet it has 25,036,820, the paper says
25 million."""

STEM_CHANNELS: Final = 64
HEAD_CHANNELS: Final = 32
SQUEEZE: Final = 4
"""By how much squeeze-and-excitation reduces the channels of the block's output."""

Make = Callable[[], nn.Module]
"""Makes the activation module for one place."""


class Stage(NamedTuple):
    """Blocks of one kind; the first halves the map.

    ``grid`` is the side of the map in images of 224 pixels, for which positions are learned; 0 for
    convolutional blocks.
    """

    channels: int
    blocks: int
    grid: int = 0


STAGES: Final = (Stage(96, 2), Stage(192, 3), Stage(384, 5, 14), Stage(768, 2, 7))


class SqueezeExcitation(nn.Module):
    """Weigh each channel by what two linear layers make of the means of all."""

    def __init__(self, channels: int, reduced: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, reduced)
        self.excite = nn.Linear(reduced, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(n, channels, height, width)``."""
        gate = torch.sigmoid(self.excite(functional.silu(self.squeeze(features.mean((2, 3))))))
        return features * gate[:, :, None, None]


class Convolutional(nn.Module):
    """BN, 1x1 to four times the channels, f, depthwise 3x3, f, weights of channels, 1x1 back."""

    def __init__(self, channels_in: int, channels: int, stride: int, activation: Make) -> None:
        super().__init__()
        inner = EXPANSION * channels
        self.shortcut = _Shortcut(channels_in, channels, stride)
        self.norm = Normalized(channels_in)
        self.expand = nn.Conv2d(channels_in, inner, 1, bias=False)
        self.activation_1 = NormalizedActivation(inner, activation())
        self.depthwise = DepthwiseConv2d(inner, stride)
        self.activation_2 = NormalizedActivation(inner, activation())
        self.excitation = SqueezeExcitation(inner, max(1, channels // SQUEEZE))
        self.project = nn.Conv2d(inner, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(n, channels, height / stride, width / stride)``."""
        inner = self.activation_1(self.expand(self.norm(features)))
        inner = self.excitation(self.activation_2(self.depthwise(inner)))
        result: Tensor = self.project(inner) + self.shortcut(features)
        return result


class Transformer(nn.Module):
    """Attention and a feed-forward part, each after a norm and beside a shortcut.

    The first layer of a stage averages over 2 x 2 places before its attention and in its shortcut
    (Appendix A.1): Proj(Pool(x)) + Attention(Pool(Norm(x))).
    """

    def __init__(
        self, channels_in: int, channels: int, stride: int, grid: int, activation: Make
    ) -> None:
        super().__init__()
        heads = channels // HEAD_CHANNELS
        self.stride = stride
        self.shortcut = _Shortcut(channels_in, channels, stride)
        self.norm_1 = nn.LayerNorm(channels_in, eps=1e-6)
        self.attention = SelfAttention(channels_in, channels, heads)
        self.positions = RelativePositions(heads, grid)
        self.norm_2 = nn.LayerNorm(channels, eps=1e-6)
        self.feed_forward = FeedForward(channels, activation())

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(n, channels, height / stride, width / stride)``."""
        normed = self.norm_1(features.permute(0, 2, 3, 1))
        if self.stride > 1:
            normed = functional.avg_pool2d(normed.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        n, height, width, _ = normed.shape
        seen = self.attention(normed.flatten(1, 2), self.positions(height, width))
        tokens = self.shortcut(features).flatten(2).transpose(1, 2) + seen
        tokens = tokens + self.feed_forward(self.norm_2(tokens))
        result: Tensor = tokens.view(n, height, width, -1).permute(0, 3, 1, 2)
        return result


class _Shortcut(nn.Module):
    """The mean over 2 x 2 places where a map is halved, and a 1x1 convolution with it."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        if stride > 1:
            self.project = nn.Conv2d(channels_in, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        if self.stride == 1:
            return features
        result: Tensor = self.project(functional.avg_pool2d(features, 2))
        return result


class CoAtNet(nn.Module):
    """The network: ``(images, 3, height, width)`` to class scores ``(images, classes)``.

    Parameters
    ----------
    activation
        Makes the module for each of the 18 places at which the published network has a GELU.
    width
        Multiplier of the channels; 1 is CoAtNet-0. Heads have 32 channels at any width.
    classes
        Number of class scores.

    Examples
    --------
    >>> network = CoAtNet(nn.GELU, width=0.25)
    >>> network(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 10])
    """

    def __init__(self, activation: Make, *, width: float = 1.0, classes: int = 10) -> None:
        super().__init__()
        channels = max(1, round(STEM_CHANNELS * width))
        self.stem_1 = nn.Conv2d(3, channels, 3, 2, 1, bias=False)
        self.activation = NormalizedActivation(channels, activation())
        self.stem_2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        blocks: list[nn.Module] = []
        for stage in STAGES:
            out = max(1, round(stage.channels * width))
            if stage.grid:
                out = HEAD_CHANNELS * max(1, round(out / HEAD_CHANNELS))
            for number in range(stage.blocks):
                stride = 1 if number else 2
                if stage.grid:
                    blocks.append(Transformer(channels, out, stride, stage.grid, activation))
                else:
                    blocks.append(Convolutional(channels, out, stride, activation))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.representation = nn.Linear(channels, channels)
        self.scores = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return class scores."""
        features = self.blocks(self.stem_2(self.activation(self.stem_1(images))))
        seen = self.representation(self.norm(features.mean((2, 3))))
        scores: Tensor = self.scores(torch.tanh(seen))
        return scores
