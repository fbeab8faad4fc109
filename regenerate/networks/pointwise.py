"""1x1 convolutions as matrix products."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution.

    For bfloat16 on the CPU it is a product of the pixels' numbers and the weights: the arithmetic
    is the same, but for small maps the call of a convolution and of its gradient takes longer.

    Parameters
    ----------
    channels_in, channels
        Before and after.
    bias
        Whether a number is added to each channel.

    Examples
    --------
    >>> PointwiseConv2d(4, 6)(torch.zeros(2, 4, 3, 3)).shape
    torch.Size([2, 6, 3, 3])
    """

    def __init__(self, channels_in: int, channels: int, *, bias: bool = True) -> None:
        super().__init__(channels_in, channels, 1, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(n, channels, height, width)``."""
        short = features.dtype == self.weight.dtype == torch.bfloat16
        if not short or features.device.type != "cpu":
            return super().forward(features)
        features = features.contiguous(memory_format=torch.channels_last)
        pixels = features.permute(0, 2, 3, 1)
        return functional.linear(pixels, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
