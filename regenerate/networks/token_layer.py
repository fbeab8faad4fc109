"""A transformer layer of tokens in bfloat16 on the CPU as one operation of autograd.

It computes what its modules compute, operation by operation, to the last bit. But a layer of small
maps is some forty operations for autograd to record, to call back and to pass views between, which
take longer than a tenth of the layer's time; here it is one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from regenerate.activations import TabulatedActivation, cpu
from regenerate.kernels.attention import attended, attended_backward

EPS = 1e-5
"""Added to the variance by ``functional.group_norm``."""


class Weights(NamedTuple):
    """What a layer learns, in the order of its operations.

    ``norm`` are scales and shifts ``(channels,)``; all others belong to 1x1 convolutions, ``(out,
    in, 1, 1)`` and ``(out,)``.
    """

    norm_1: Tensor
    norm_1_bias: Tensor
    project: Tensor
    project_bias: Tensor
    out: Tensor
    out_bias: Tensor
    norm_2: Tensor
    norm_2_bias: Tensor
    widen: Tensor
    widen_bias: Tensor
    narrow: Tensor
    narrow_bias: Tensor


def can_fuse(tokens: Tensor, weight: Tensor, activation: nn.Module) -> bool:
    """Return whether :func:`transformer_layer` can do it, and is of use: where gradients are.

    Of tokens in another order torch's norm takes its sums in another.
    """
    return (
        isinstance(activation, TabulatedActivation)
        and tokens.device.type == "cpu"
        and tokens.dtype == weight.dtype == torch.bfloat16
        and tokens.is_contiguous(memory_format=torch.channels_last)
        and torch.is_grad_enabled()
    )


def transformer_layer(tokens: Tensor, weights: Weights, packed: Tensor) -> Tensor:
    """Return ``t + narrow(f(widen(norm_2(t))))`` for ``t = tokens + out(attend(norm_1(tokens)))``.

    Parameters
    ----------
    tokens
        ``(n, channels, places, patches)`` bfloat16, ``channels_last``.
    weights
        bfloat16.
    packed
        ``(65_536,)`` int32, f and f' as ``TabulatedActivation.packed`` has them.
    """
    result: Tensor = _Layer.apply(tokens, packed, *weights)  # type: ignore[no-untyped-call]
    return result


class _Layer(torch.autograd.Function):
    """Rows below are ``(tokens of all images, channels)``; differentiable once."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, packed: Tensor, *all_weights: Tensor) -> Tensor:
        w = Weights(*all_weights)
        groups = tokens.shape[0] * tokens.shape[2]
        normed_1, *moments_1 = _normalize(tokens, w.norm_1, w.norm_1_bias)
        projected = _linear(normed_1, w.project, w.project_bias)
        attention, shares, context = attended(projected, groups)
        middle = tokens + _as_tokens(_linear(attention, w.out, w.out_bias), tokens)
        normed_2, *moments_2 = _normalize(middle, w.norm_2, w.norm_2_bias)
        inner = _linear(normed_2, w.widen, w.widen_bias)
        value, slope = torch.empty_like(inner), torch.empty_like(inner)
        cpu.value_and_slope(inner, packed, value, slope)
        ctx.shares, ctx.context = shares, context
        ctx.save_for_backward(
            tokens, normed_1, *moments_1, projected, attention,
            middle, normed_2, *moments_2, value, slope, *all_weights,
        )  # fmt: skip
        return middle + _as_tokens(_linear(value, w.narrow, w.narrow_bias), tokens)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        tokens, normed_1, mean_1, scale_1, projected, attention, *rest = ctx.saved_tensors
        middle, normed_2, mean_2, scale_2, value, slope, *all_weights = rest
        w = Weights(*all_weights)
        to_value, *of_narrow = _linear_backward(_rows(gradient), value, w.narrow)
        to_normed, *of_widen = _linear_backward(to_value * slope, normed_2, w.widen)
        to_middle, *of_norm_2 = _normalize_backward(to_normed, middle, mean_2, scale_2, w.norm_2)
        to_middle = gradient + to_middle
        to_attention, *of_out = _linear_backward(_rows(to_middle), attention, w.out)
        to_projected = attended_backward(projected, ctx.shares, ctx.context, to_attention)
        to_normed, *of_project = _linear_backward(to_projected, normed_1, w.project)
        to_tokens, *of_norm_1 = _normalize_backward(to_normed, tokens, mean_1, scale_1, w.norm_1)
        return (
            to_middle + to_tokens, None,
            *of_norm_1, *of_project, *of_out, *of_norm_2, *of_widen, *of_narrow,
        )  # fmt: skip


def _rows(tokens: Tensor) -> Tensor:
    return tokens.permute(0, 2, 3, 1).reshape(-1, tokens.shape[1])


def _as_tokens(rows: Tensor, like: Tensor) -> Tensor:
    n, _, places, patches = like.shape
    return rows.view(n, places, patches, -1).permute(0, 3, 1, 2)


def _linear(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.addmm(bias, rows, weight.flatten(1).t())


def _linear_backward(gradient: Tensor, rows: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    """Return the gradients of the rows, the weight and the bias."""
    to_weight = (gradient.t() @ rows).view(weight.shape)
    return gradient @ weight.flatten(1), to_weight, gradient.sum(0)


def _normalize(tokens: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
    """Return rows of mean 0 and variance 1 over an image, and the images' moments."""
    n, channels, places, patches = tokens.shape
    normed, mean, scale = torch.native_group_norm(
        tokens, weight, bias, n, channels, places * patches, 1, EPS
    )
    return _rows(normed), mean, scale


def _normalize_backward(
    rows: Tensor, tokens: Tensor, mean: Tensor, scale: Tensor, weight: Tensor
) -> tuple[Tensor, ...]:
    """Return the gradients of the tokens, the weight and the bias from that of the rows."""
    n, channels, places, patches = tokens.shape
    found: tuple[Tensor, ...] = torch.ops.aten.native_group_norm_backward(
        _as_tokens(rows, tokens), tokens, mean, scale, weight,
        n, channels, places * patches, 1, (True, True, True),
    )  # fmt: skip
    return found
