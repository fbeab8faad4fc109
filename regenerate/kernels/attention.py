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
        n, _, places, patches = projected.shape
        out, ctx.shares, ctx.context = attended(projected.permute(0, 2, 3, 1), n * places)
        ctx.save_for_backward(projected)
        return out.view(n, places, patches, -1).permute(0, 3, 1, 2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (projected,) = ctx.saved_tensors
        gradients = gradient.permute(0, 2, 3, 1).contiguous()
        rows = projected.permute(0, 2, 3, 1)
        return attended_backward(rows, ctx.shares, ctx.context, gradients).permute(0, 3, 1, 2)


def attended(rows: Tensor, groups: int) -> tuple[Tensor, cpu.Singles, cpu.Singles]:
    """Return attention of bfloat16 rows on the CPU, and what its gradient needs.

    Parameters
    ----------
    rows
        ``(..., 1 + 2 channels)``, one for each token, without gaps, group after group.
    groups
        How many groups of tokens that attend to each other there are.

    Returns
    -------
    ``(tokens, channels)``, and the weights ``(groups, tokens of a group)`` and means of keys
    ``(groups, channels)``.
    """
    channels = rows.shape[-1] // 2
    tokens = rows.numel() // rows.shape[-1]
    shares = np.empty((groups, tokens // groups), np.float32)
    context = np.empty((groups, channels), np.float32)
    out = rows.new_empty((tokens, channels))
    cpu.forward(_bits(rows, groups), shares, context, _bits(out, groups))
    return out, shares, context


def attended_backward(
    rows: Tensor, shares: cpu.Singles, context: cpu.Singles, gradients: Tensor
) -> Tensor:
    """Return the gradient of the rows of :func:`attended` from that of its result, both gapless."""
    groups, to_rows = len(shares), torch.empty_like(rows)
    cpu.backward(
        _bits(rows, groups), shares, context, _bits(gradients, groups), _bits(to_rows, groups)
    )
    return to_rows


def _bits(rows: Tensor, groups: int) -> cpu.Bits:
    """Return rows as bits, a line for each group, without a copy."""
    flat = rows.detach().view(groups, -1)
    bits: cpu.Bits = flat.view(torch.int16).numpy().view(np.uint16)
    return bits
