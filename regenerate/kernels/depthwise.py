"""Depthwise 3x3 convolutions, fast on CPUs too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_input

from act_bench.errors import ArgumentError

if TYPE_CHECKING:
    from regenerate.kernels import depthwise_cpu as cpu

SMALL: Final = 4
"""Pixels of a map, of 2 x 2, for which torch's gradient of the weights is slow."""


class DepthwiseConv2d(nn.Conv2d):
    """A 3x3 convolution of every channel on its own, padded by a pixel, without a bias.

    For bfloat16 on the CPU a stride of 2 runs in the loops of `regenerate.kernels.depthwise_cpu`,
    and so does the gradient of the weights for maps of up to `SMALL` pixels; all else runs as torch
    does it, which is as fast.

    Parameters
    ----------
    channels
        In and out.
    stride
        1 or 2.

    Raises
    ------
    ValueError
        If the stride is another.

    Examples
    --------
    >>> DepthwiseConv2d(8, 2)(torch.zeros(1, 8, 5, 5)).shape
    torch.Size([1, 8, 3, 3])
    """

    def __init__(self, channels: int, stride: int) -> None:
        if stride not in (1, 2):
            raise ArgumentError(f"a depthwise convolution has stride 1 or 2, got {stride}")
        super().__init__(channels, channels, 3, stride, 1, groups=channels, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(n, channels, height / stride, width / stride)``, rounded up."""
        short = features.dtype == self.weight.dtype == torch.bfloat16
        if not short or features.device.type != "cpu":
            return super().forward(features)
        if self.stride == (2, 2):
            strided: Tensor = _Strided.apply(features, self.weight)  # type: ignore[no-untyped-call]
            return strided
        if features.shape[2] * features.shape[3] <= SMALL:
            small: Tensor = _Small.apply(features, self.weight)  # type: ignore[no-untyped-call]
            return small
        return super().forward(features)


class _Strided(torch.autograd.Function):
    """The convolution in the loops of `regenerate.kernels.depthwise_cpu`; differentiable once."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor) -> Tensor:
        from regenerate.kernels import depthwise_cpu as cpu  # numba: half a second

        features = features.contiguous(memory_format=torch.channels_last)
        n, channels, height, width = features.shape
        out = torch.empty(
            (n, channels, (height + 1) // 2, (width + 1) // 2),
            dtype=torch.bfloat16,
            memory_format=torch.channels_last,
        )
        cpu.forward(_bits(features), _taps(weight), height, width, _bits(out))
        ctx.save_for_backward(features, weight)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        from regenerate.kernels import depthwise_cpu as cpu

        features, weight = ctx.saved_tensors
        gradients = _bits(gradient.contiguous(memory_format=torch.channels_last))
        channels, height, width = features.shape[1:]
        to_features, to_weight = None, None
        if ctx.needs_input_grad[0]:
            to_features = torch.empty_like(features)
            cpu.input_gradient(gradients, _taps(weight), height, width, _bits(to_features))
        if ctx.needs_input_grad[1]:
            found = np.zeros((9, channels), np.float32)
            cpu.weight_gradient(_bits(features), gradients, height, width, found)
            to_weight = _as_weight(found)
        return to_features, to_weight


class _Small(torch.autograd.Function):
    """The convolution at stride 1, but the gradient of its weights in a loop of our own."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor) -> Tensor:
        features = features.contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(features, weight)
        return functional.conv2d(features, weight, None, 1, 1, 1, len(weight))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        from regenerate.kernels import depthwise_cpu as cpu

        features, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        channels, height, width = features.shape[1:]
        to_features, to_weight = None, None
        if ctx.needs_input_grad[0]:
            to_features = conv2d_input(  # type: ignore[no-untyped-call]
                features.shape, weight, gradient, 1, 1, 1, channels
            )
        if ctx.needs_input_grad[1]:
            found = np.zeros((9, channels), np.float32)
            cpu.small_weight_gradient(_bits(features), _bits(gradient), height, width, found)
            to_weight = _as_weight(found)
        return to_features, to_weight


def _as_weight(taps: cpu.Singles) -> Tensor:
    """Return (9, channels) as weights (channels, 1, 3, 3), rounded."""
    by_channel = torch.from_numpy(taps).view(3, 3, 1, -1).permute(3, 2, 0, 1)
    return by_channel.to(torch.bfloat16)


def _bits(features: Tensor) -> cpu.Bits:
    """Return a ``channels_last`` map as (images, numbers of a map), without a copy."""
    flat = features.detach().permute(0, 2, 3, 1).flatten(1)
    bits: cpu.Bits = flat.view(torch.int16).numpy().view(np.uint16)
    return bits


def _taps(weight: Tensor) -> cpu.Singles:
    """Return weights (channels, 1, 3, 3) as (9, channels)."""
    taps: cpu.Singles = weight.detach().permute(2, 3, 1, 0).reshape(9, -1).float().numpy()
    return np.ascontiguousarray(taps)
