"""The inner part of separable attention (Mehta and Rastegari 2022, arXiv 2206.02680, Eq. 1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from regenerate.kernels import attention_cpu as cpu


def attend(projected: Tensor) -> Tensor:
    """Return the rectified values times the mean of the keys, weighted by softmax of the scores.

    Parameters
    ----------
    projected
        ``(n, 1 + 2 channels, places, patches)``: score, key and value of every token. Tokens at
        one place attend to each other over the patches.

    Returns
    -------
    ``(n, channels, places, patches)``.

    Examples
    --------
    >>> projected = torch.zeros(1, 3, 1, 2)
    >>> projected[0, 1] = torch.tensor([1.0, 3.0])  # keys, equal scores: their mean is 2
    >>> projected[0, 2] = torch.tensor([-1.0, 4.0])  # values
    >>> attend(projected).flatten()
    tensor([0., 8.])
    """
    channels = projected.shape[1] // 2
    if projected.device.type == "cpu" and projected.dtype == torch.bfloat16:
        result: Tensor = _Attend.apply(projected)  # type: ignore[no-untyped-call]
        return result
    scores, keys, values = projected.split_with_sizes((1, channels, channels), 1)
    context = (keys * scores.softmax(3)).sum(3, keepdim=True)
    return values.relu() * context


class _Attend(torch.autograd.Function):
    """`attend` in the loops of `regenerate.kernels.attention_cpu`; differentiable once."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor) -> Tensor:
        projected = projected.contiguous(memory_format=torch.channels_last)
        n, width, places, patches = projected.shape
        channels = width // 2
        shares = np.empty((n * places, patches), np.float32)
        context = np.empty((n * places, channels), np.float32)
        out = projected.new_empty((n, places, patches, channels))
        cpu.forward(_rows(projected.permute(0, 2, 3, 1)), shares, context, _rows(out))
        ctx.save_for_backward(projected)
        ctx.shares, ctx.context = shares, context
        return out.permute(0, 3, 1, 2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (projected,) = ctx.saved_tensors
        gradients = gradient.permute(0, 2, 3, 1).contiguous()
        rows = projected.permute(0, 2, 3, 1)
        to_rows = torch.empty_like(rows)
        cpu.backward(_rows(rows), ctx.shares, ctx.context, _rows(gradients), _rows(to_rows))
        return to_rows.permute(0, 3, 1, 2)


def _rows(tokens: Tensor) -> cpu.Bits:
    """Return ``(n, places, patches, numbers)`` as bits, one row per place, without a copy."""
    n, places = tokens.shape[:2]
    flat = tokens.detach().view(n * places, -1)
    bits: cpu.Bits = flat.view(torch.int16).numpy().view(np.uint16)
    return bits
