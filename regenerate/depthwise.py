"""Depthwise 3x3 convolutions whose gradients stay on a fast path on CPUs."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class DepthwiseConv2d(nn.Conv2d):
    """A 3x3 convolution of every channel on its own, without a bias.

    On the CPU a stride of 2 is computed as every second pixel of stride 1: four times the
    arithmetic, but torch's gradient for the input at stride 2 takes far longer than that.

    Parameters
    ----------
    channels
        In and out.
    stride
        1 or 2.

    Examples
    --------
    >>> import torch
    >>> DepthwiseConv2d(8, 2)(torch.zeros(1, 8, 5, 5)).shape
    torch.Size([1, 8, 3, 3])
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__(channels, channels, 3, stride, 1, groups=channels, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(n, channels, height / stride, width / stride)``, rounded up."""
        if self.stride == (1, 1) or features.is_cuda:
            return super().forward(features)
        whole = functional.conv2d(features, self.weight, None, 1, 1, 1, self.groups)
        return whole[:, :, ::2, ::2]
