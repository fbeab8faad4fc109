"""MobileViTv2-0.5: mobile convolutions, and attention whose cost is linear in the tokens.

Mehta and Rastegari, *Separable Self-attention for Mobile Vision Transformers* (2022, arXiv
2206.02680): a strided convolution, five inverted residual blocks (Sandler et al. 2018, arXiv
1801.04381) with an expansion of 2, and after each of the last three a MobileViTv2 block of 2, 4 and
3 transformer layers. The width multiplier is 0.5.

The activation function stands where the network has a swish: after the normalized convolutions that
are not linear, and between the two layers of each feed-forward part. The ReLU inside the attention
(the paper's Eq. 1) is part of that operation and stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from regenerate.activations import TabulatedActivation
from regenerate.kernels.attention import attend
from regenerate.kernels.depthwise import DepthwiseConv2d
from regenerate.networks.normalized import Normalized, NormalizedActivation
from regenerate.networks.pointwise import PointwiseConv2d
from regenerate.networks.token_layer import Weights, can_fuse, transformer_layer
from regenerate.networks.token_norm import TokenNorm

PARAMETERS: Final = 1_116_163
"""Of the network with ten classes; with the thousand of ImageNet it has 1,370,593."""

EXPANSION: Final = 2
PATCH: Final = 2
"""Side of a patch in pixels; a token attends to those at the same place in other patches."""


class Stage(NamedTuple):
    """Inverted residual blocks, the first with the stride, and transformer layers after them.

    ``channels`` and ``tokens`` (the size of a token) are those of the multiplier 0.5.
    """

    channels: int
    blocks: int
    stride: int
    tokens: int = 0
    layers: int = 0


STEM_CHANNELS: Final = 16
STAGES: Final = (
    Stage(32, 1, 1),
    Stage(64, 2, 2),
    Stage(128, 1, 2, 64, 2),
    Stage(192, 1, 2, 96, 4),
    Stage(256, 1, 2, 128, 3),
)

Make = Callable[[], nn.Module]
"""Makes the activation module for one place."""


class InvertedResidual(nn.Module):
    """1x1 to twice the channels, f, depthwise 3x3, f, 1x1 back; a shortcut where shapes agree."""

    def __init__(self, channels_in: int, channels: int, stride: int, activation: Make) -> None:
        super().__init__()
        inner = EXPANSION * channels_in
        self.shortcut = stride == 1 and channels_in == channels
        self.expand = nn.Conv2d(channels_in, inner, 1, bias=False)
        self.activation_1 = NormalizedActivation(inner, activation())
        self.depthwise = DepthwiseConv2d(inner, stride)
        self.activation_2 = NormalizedActivation(inner, activation())
        self.project = nn.Conv2d(inner, channels, 1, bias=False)
        self.norm = Normalized(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(n, channels, height / stride, width / stride)``, rounded up."""
        inner = self.activation_1(self.expand(features))
        inner = self.activation_2(self.depthwise(inner))
        result: Tensor = self.norm(self.project(inner), features if self.shortcut else None)
        return result


class SeparableAttention(nn.Module):
    """Separable self-attention, Eq. 1 of the paper: every place in a patch on its own.

    One score a token, softmax over the patches, gives one context vector, the mean of the keys with
    those weights; the rectified values are multiplied by it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scores_keys_values = PointwiseConv2d(channels, 1 + 2 * channels)
        self.out = PointwiseConv2d(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(n, channels, places, patches)``."""
        result: Tensor = self.out(attend(self.scores_keys_values(tokens)))
        return result


class TransformerLayer(nn.Module):
    """Attention and two layers with f between them, each after a norm and beside a shortcut."""

    def __init__(self, channels: int, activation: Make) -> None:
        super().__init__()
        self.norm_1 = TokenNorm(channels)
        self.attention = SeparableAttention(channels)
        self.norm_2 = TokenNorm(channels)
        self.widen = PointwiseConv2d(channels, EXPANSION * channels)
        self.activation = activation()
        self.narrow = PointwiseConv2d(EXPANSION * channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(n, channels, places, patches)``.

        In training in bfloat16 on the CPU with a tabulated f, all of it is one operation.
        """
        if can_fuse(tokens, self.widen.weight, self.activation):
            assert isinstance(self.activation, TabulatedActivation)  # noqa: S101  (or it cannot)
            return transformer_layer(tokens, self._weights(), self.activation.packed)
        tokens = tokens + self.attention(self.norm_1(tokens))
        inner = self.activation(self.widen(self.norm_2(tokens)))
        result: Tensor = tokens + self.narrow(inner)
        return result

    def _weights(self) -> Weights:
        project, out = self.attention.scores_keys_values, self.attention.out
        in_order = (self.norm_1, project, out, self.norm_2, self.widen, self.narrow)
        return Weights(*(getattr(each, name) for each in in_order for name in ("weight", "bias")))


class MobileViTv2Block(nn.Module):
    """A depthwise 3x3 convolution for what is near, transformer layers for what is far."""

    def __init__(self, channels: int, tokens: int, layers: int, activation: Make) -> None:
        super().__init__()
        self.depthwise = DepthwiseConv2d(channels, 1)
        self.activation = NormalizedActivation(channels, activation())
        self.enter = PointwiseConv2d(channels, tokens, bias=False)
        self.layers = nn.Sequential(*(TransformerLayer(tokens, activation) for _ in range(layers)))
        self.norm = TokenNorm(tokens)
        self.leave = PointwiseConv2d(tokens, channels, bias=False)
        self.leave_norm = Normalized(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(n, channels, height, width)``.

        A map of an odd side is stretched by one pixel, to whole patches, and stays so.
        """
        size = features.shape[2:]
        even = [side + side % PATCH for side in size]
        if even != list(size):
            features = functional.interpolate(features, even, mode="bilinear", align_corners=True)
        features = self.enter(self.activation(self.depthwise(features)))
        tokens = self.norm(self.layers(_to_tokens(features)))
        result: Tensor = self.leave_norm(self.leave(_to_map(tokens, *even)))
        return result


def _to_tokens(features: Tensor) -> Tensor:
    """Return a map ``(n, c, height, width)`` as ``(n, c, places in a patch, patches)``."""
    n, channels, height, width = features.shape
    patches = features.permute(0, 2, 3, 1).reshape(
        n, height // PATCH, PATCH, width // PATCH, PATCH, channels
    )
    tokens = patches.permute(0, 2, 4, 1, 3, 5).reshape(n, PATCH * PATCH, -1, channels)
    return tokens.permute(0, 3, 1, 2)  # channels_last


def _to_map(tokens: Tensor, height: int, width: int) -> Tensor:
    """Return what ``_to_tokens`` was made from."""
    n, channels = tokens.shape[:2]
    patches = tokens.permute(0, 2, 3, 1).reshape(
        n, PATCH, PATCH, height // PATCH, width // PATCH, channels
    )
    features = patches.permute(0, 3, 1, 4, 2, 5).reshape(n, height, width, channels)
    return features.permute(0, 3, 1, 2)


class MobileViTv2(nn.Module):
    """The network: ``(images, 3, height, width)`` to class scores ``(images, classes)``.

    Parameters
    ----------
    activation
        Makes the module for each of the 25 places at which the published network has a swish.
    width
        Multiplier of the channels; 1 is MobileViTv2-0.5.
    classes
        Number of class scores.

    Examples
    --------
    >>> import torch
    >>> network = MobileViTv2(nn.SiLU)
    >>> network(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 10])
    >>> sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS
    True
    """

    def __init__(self, activation: Make, *, width: float = 1.0, classes: int = 10) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return max(1, round(channels * width))

        channels = scaled(STEM_CHANNELS)
        self.stem = nn.Conv2d(3, channels, 3, 2, 1, bias=False)
        self.activation = NormalizedActivation(channels, activation())
        parts: list[nn.Module] = []
        for stage in STAGES:
            out = scaled(stage.channels)
            for block in range(stage.blocks):
                stride = 1 if block else stage.stride
                parts.append(InvertedResidual(channels, out, stride, activation))
                channels = out
            if stage.layers:
                tokens = scaled(stage.tokens)
                parts.append(MobileViTv2Block(channels, tokens, stage.layers, activation))
        self.parts = nn.Sequential(*parts)
        self.scores = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return class scores."""
        features = self.parts(self.activation(self.stem(images)))
        scores: Tensor = self.scores(features.mean((2, 3)))
        return scores
