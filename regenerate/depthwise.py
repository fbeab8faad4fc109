"""Depthwise 3x3 convolutions, fast on CPUs too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from regenerate import depthwise_cpu as cpu


class DepthwiseConv2d(nn.Conv2d):
    """A 3x3 convolution of every channel on its own, padded by a pixel, without a bias.

    For bfloat16 on the CPU it runs in the loops of `regenerate.depthwise_cpu`, else as torch does.

    Parameters
    ----------
    channels
        In and out.
    stride
        1 or 2.

    Examples
    --------
    >>> DepthwiseConv2d(8, 2)(torch.zeros(1, 8, 5, 5)).shape
    torch.Size([1, 8, 3, 3])
    """

    def __init__(self, channels: int, stride: int) -> None:
        if stride not in (1, 2):
            raise ValueError(f"a depthwise convolution has stride 1 or 2, got {stride}")
        super().__init__(channels, channels, 3, stride, 1, groups=channels, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(n, channels, height / stride, width / stride)``, rounded up."""
        if features.device.type == "cpu" and features.dtype == self.weight.dtype == torch.bfloat16:
            result: Tensor = _Depthwise.apply(features, self.weight, self.stride[0])  # type: ignore[no-untyped-call]
            return result
        return super().forward(features)


class _Depthwise(torch.autograd.Function):
    """The convolution in the loops of `regenerate.depthwise_cpu`; differentiable once."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, stride: int) -> Tensor:
        features = features.contiguous(memory_format=torch.channels_last)
        n, channels, height, width = features.shape
        sides = cpu.out_side(height, stride), cpu.out_side(width, stride)
        out = torch.empty(
            (n, channels, *sides), dtype=torch.bfloat16, memory_format=torch.channels_last
        )
        maps, taps, to = _bits(features), _taps(weight), _bits(out)
        _over_images(n, lambda part: cpu.forward(maps[part], taps, height, width, stride, to[part]))
        ctx.save_for_backward(features, weight)
        ctx.stride = stride
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        stride: int = ctx.stride
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        n, channels, height, width = features.shape
        gradients, maps, taps = _bits(gradient), _bits(features), _taps(weight)
        to_features, to_weight = None, None
        if ctx.needs_input_grad[0]:
            to_features = torch.empty_like(features)
            to, turned = _bits(to_features), np.ascontiguousarray(taps[::-1])

            def for_features(part: slice) -> None:
                if stride == 1:
                    cpu.forward(gradients[part], turned, height, width, 1, to[part])
                else:
                    cpu.input_gradient_2(gradients[part], taps, height, width, to[part])

            _over_images(n, for_features)
        if ctx.needs_input_grad[1]:
            found = np.zeros((9, channels), np.float32)
            cpu.weight_gradient(maps, gradients, height, width, stride, found)
            to_weight = torch.from_numpy(found).view(3, 3, 1, channels).permute(3, 2, 0, 1)
            to_weight = to_weight.to(torch.bfloat16)
        return to_features, to_weight, None


def _bits(features: Tensor) -> cpu.Bits:
    """Return a ``channels_last`` map as (images, numbers of a map), without a copy."""
    flat = features.detach().permute(0, 2, 3, 1).flatten(1)
    bits: cpu.Bits = flat.view(torch.int16).numpy().view(np.uint16)
    return bits


def _taps(weight: Tensor) -> cpu.Singles:
    """Return weights (channels, 1, 3, 3) as (9, channels)."""
    taps: cpu.Singles = weight.detach().permute(2, 3, 1, 0).reshape(9, -1).float().numpy()
    return np.ascontiguousarray(taps)


def _over_images(count: int, work: Callable[[slice], None]) -> None:
    """Do the images one after the other; a run has one thread, see ``regenerate.sweep``."""
    work(slice(0, count))
