"""All-CNN-C: nine convolutions and nothing else.

Springenberg, Dosovitskiy, Brox and Riedmiller, *Striving for Simplicity: The All Convolutional
Net* (ICLR 2015 workshop, arXiv 1412.6806), model C of Table 1 with strided convolutions in place of
pooling. No batch normalization, as in the paper; dropout is the recipe's affair.

The paper's table prints a ReLU after the last convolution, the one that gives the class scores. We
put no activation there: an activation function with a bounded range would bound the scores, so the
smallest loss that it can reach would tell of its range and not of its worth between layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn


class Layer(NamedTuple):
    """One convolution: channels out (for full width), kernel side, stride, padding."""

    channels: int
    kernel: int
    stride: int
    padding: int


# Layers 7 to 9 as in the paper: 3x3 unpadded (8 -> 6 pixels), then 1x1 twice.
LAYERS = (
    Layer(96, 3, 1, 1),
    Layer(96, 3, 1, 1),
    Layer(96, 3, 2, 1),
    Layer(192, 3, 1, 1),
    Layer(192, 3, 1, 1),
    Layer(192, 3, 2, 1),
    Layer(192, 3, 1, 0),
    Layer(192, 1, 1, 0),
)


class AllCNNC(nn.Module):
    """The network: ``(images, 3, height, width)`` to class scores ``(images, classes)``.

    Parameters
    ----------
    activation
        Makes the module that stands after each of the first eight convolutions.
    width
        Multiplier of the channels of the hidden layers; 1 is the published network with 96 and 192.
    classes
        Number of class scores.

    Attributes
    ----------
    convolutions
        The nine convolutions in order.
    activations
        The eight activation modules in order.

    Examples
    --------
    >>> network = AllCNNC(nn.ReLU)
    >>> network(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    >>> sum(parameter.numel() for parameter in network.parameters())
    1369738
    """

    def __init__(
        self, activation: Callable[[], nn.Module], *, width: float = 1.0, classes: int = 10
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        channels = 3
        for layer in LAYERS:
            out = max(1, round(layer.channels * width))
            self.convolutions.append(
                nn.Conv2d(channels, out, layer.kernel, layer.stride, layer.padding)
            )
            channels = out
        self.convolutions.append(nn.Conv2d(channels, classes, 1))
        self.activations = nn.ModuleList(activation() for _ in LAYERS)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return class scores: the last feature map, averaged over the image."""
        features = images
        for convolution, activation in zip(self.convolutions, self.activations, strict=False):
            features = activation(convolution(features))
        scores: torch.Tensor = self.convolutions[-1](features)
        return scores.mean((2, 3))
