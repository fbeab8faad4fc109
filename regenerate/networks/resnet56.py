"""ResNet-56 for small images: 27 residual blocks of two convolutions.

He, Zhang, Ren and Sun, *Deep Residual Learning for Image Recognition* (2015, arXiv 1512.03385,
section 4.2): a convolution, three stages of nine blocks with 16, 32 and 64 channels, the average
over the last map, and a linear layer. Convolutions have no bias; batch normalization follows each.
Shortcuts have no parameters (option A): where a stage begins, every second pixel is taken and the
new channels are zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from regenerate.networks.normalized import NormalizedActivation

STAGE_CHANNELS: Final = (16, 32, 64)
BLOCKS_PER_STAGE: Final = 9
PARAMETERS: Final = 853_018
"""Of the published network; the paper's Table 6 says 0.85 million."""


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut: f(BN(conv(f(BN(conv(x))))) + shortcut(x)).

    Parameters
    ----------
    channels_in, channels
        Before and after.
    stride
        Of the first convolution and of the shortcut.
    activation
        Makes the two activation modules.
    """

    def __init__(
        self, channels_in: int, channels: int, stride: int, activation: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        self.stride, self.new_channels = stride, channels - channels_in
        self.convolution_1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.activation_1 = NormalizedActivation(channels, activation())
        self.convolution_2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.activation_2 = NormalizedActivation(channels, activation())

    def forward(self, features: Tensor) -> Tensor:
        """Return the features of the next block."""
        shortcut = features
        if self.stride > 1:
            shortcut = shortcut[:, :, :: self.stride, :: self.stride]
        if self.new_channels:
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, 0, self.new_channels))
        inner = self.activation_1(self.convolution_1(features))
        result: Tensor = self.activation_2(self.convolution_2(inner), shortcut)
        return result


class ResNet56(nn.Module):
    """The network: ``(images, 3, height, width)`` to class scores ``(images, classes)``.

    Parameters
    ----------
    activation
        Makes the module for each of the 55 places at which the paper has a ReLU.
    width
        Multiplier of the channels; 1 is the published network with 16, 32 and 64.
    classes
        Number of class scores.

    Examples
    --------
    >>> import torch
    >>> network = ResNet56(nn.ReLU)
    >>> network(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    >>> sum(parameter.numel() for parameter in network.parameters())
    853018
    """

    def __init__(
        self, activation: Callable[[], nn.Module], *, width: float = 1.0, classes: int = 10
    ) -> None:
        super().__init__()
        channels = max(1, round(STAGE_CHANNELS[0] * width))
        self.convolution = nn.Conv2d(3, channels, 3, 1, 1, bias=False)
        self.activation = NormalizedActivation(channels, activation())
        blocks: list[nn.Module] = []
        for stage, full in enumerate(STAGE_CHANNELS):
            out = max(1, round(full * width))
            for block in range(BLOCKS_PER_STAGE):
                stride = 2 if stage and not block else 1
                blocks.append(Block(channels, out, stride, activation))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.scores = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return class scores."""
        features = self.blocks(self.activation(self.convolution(images)))
        scores: Tensor = self.scores(features.mean((2, 3)))
        return scores
