"""f(BN(x) + shortcut) of bfloat16 tensors on the CPU, in two passes forward and two backward.

The same without f, for the batch normalizations that no activation function follows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from act_bench.errors import ArgumentError
from regenerate.activations import normalized_cpu as cpu
from regenerate.activations.module import TabulatedActivation
from regenerate.activations.normalized_cpu import Singles


def can_fuse(x: Tensor, norm: nn.BatchNorm2d, activation: nn.Module | None) -> bool:
    """Return whether :func:`normalized_look_up` can do it.

    It can for a tabulated activation, or none, of bfloat16 numbers on the CPU, in training, and in
    evaluation where no gradient is wanted. An activation that somebody listens to is called.
    """
    return (
        (activation is None or isinstance(activation, TabulatedActivation))
        and not (activation is not None and activation._forward_pre_hooks)
        and x.device.type == "cpu"
        and x.dtype == torch.bfloat16
        and norm.weight.dtype == torch.float32
        and (norm.training or not torch.is_grad_enabled())
    )


def normalized_look_up(
    x: Tensor, shortcut: Tensor | None, norm: nn.BatchNorm2d, activation: TabulatedActivation | None
) -> Tensor:
    """Return f(BN(x) + shortcut), rounded once before f and not in between.

    In training the batch's mean and variance are used, and the running statistics are moved.

    Parameters
    ----------
    x
        ``(n, channels, height, width)`` bfloat16.
    shortcut
        The same shape; None adds nothing.
    norm
        With float32 parameters and running statistics.
    activation
        The tables of f and f'; None stands for the identity.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> from regenerate.activations import tabulate
    >>> relu = TabulatedActivation(tabulate(parse("relu(x)")))
    >>> x = torch.tensor([1.0, 3.0], dtype=torch.bfloat16).view(2, 1, 1, 1)
    >>> normalized_look_up(x, None, nn.BatchNorm2d(1), relu).flatten().tolist()
    [0.0, 1.0]

    Raises
    ------
    ValueError
        If ``norm`` has no running statistics.
    """
    x = _dense(x)
    added = None if shortcut is None else _dense(shortcut)
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ArgumentError(
            "normalized_look_up needs a batch normalization with running statistics"
        )
    size, channels = x.numel(), x.shape[1]
    at, added_at = x.data_ptr(), _at(added)
    weight_at, bias_at = norm.weight.data_ptr(), norm.bias.data_ptr()
    if norm.training:
        total = cpu.sum_in_rows(
            size, channels, lambda start, stop: cpu.sums(at, start, stop, channels)
        )
        found = cpu.statistics(total, at, size, channels)
        # None is torch's word for the average over all batches, which is not kept here.
        momentum = 0.1 if norm.momentum is None else norm.momentum
        cpu.track(found, mean.data_ptr(), variance.data_ptr(), size // channels, momentum)
        mean_at, variance_at = found.ctypes.data, found.ctypes.data + 4 * channels
    else:
        mean_at, variance_at = mean.data_ptr(), variance.data_ptr()
    rows = cpu.normalizing(mean_at, variance_at, weight_at, bias_at, channels, norm.eps)
    if norm.training:
        result: Tensor = _NormalizedLookUp.apply(  # type: ignore[no-untyped-call]
            x,
            added,
            norm.weight,
            norm.bias,
            None if activation is None else activation.packed,
            found,
            rows,
            norm.eps,
        )
        return result
    value = torch.empty_like(x)
    table_at, value_at = _at(None if activation is None else activation.value), value.data_ptr()
    cpu.in_rows(
        size,
        channels,
        lambda start, stop: cpu.evaluation(at, added_at, rows, table_at, value_at, start, stop),
    )
    return value


class _NormalizedLookUp(torch.autograd.Function):
    """f(BN(x) + shortcut), with the batch's mean and variance in ``found``; differentiable once."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        shortcut: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        packed: Tensor | None,
        found: Singles,
        rows: Singles,
        eps: float,
    ) -> Tensor:
        del bias  # is in the rows
        value, slope = torch.empty_like(x), None if packed is None else torch.empty_like(x)
        at, packed_at, added_at = x.data_ptr(), _at(packed), _at(shortcut)
        value_at, slope_at = value.data_ptr(), _at(slope)
        cpu.in_rows(
            x.numel(),
            x.shape[1],
            lambda start, stop: cpu.forward(
                at, added_at, rows, packed_at, value_at, slope_at, start, stop
            ),
        )
        ctx.save_for_backward(x, slope, weight)
        ctx.found, ctx.eps, ctx.has_shortcut = found, eps, shortcut is not None
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, slope, weight = ctx.saved_tensors
        gradient = _dense(gradient)
        size, channels, found = x.numel(), x.shape[1], ctx.found
        at, slope_at, gradient_at = x.data_ptr(), _at(slope), gradient.data_ptr()
        total = cpu.sum_in_rows(
            size,
            channels,
            lambda start, stop: cpu.gradient_sums(gradient_at, slope_at, at, found, start, stop),
        )
        of_parameters, rows = cpu.gradient_rows(
            total, found, weight.data_ptr(), size // channels, ctx.eps
        )
        to_x = torch.empty_like(x)
        to_shortcut: Tensor | None = None
        if ctx.has_shortcut:  # whose gradient, without an activation, is the gradient
            to_shortcut = gradient if slope is None else torch.empty_like(x)
        to_x_at, to_shortcut_at = to_x.data_ptr(), 0 if slope is None else _at(to_shortcut)
        cpu.in_rows(
            size,
            channels,
            lambda start, stop: cpu.backward(
                gradient_at, slope_at, at, rows, to_x_at, to_shortcut_at, start, stop
            ),
        )
        of_weight, of_bias = torch.from_numpy(of_parameters)
        return to_x, to_shortcut, of_weight, of_bias, None, None, None, None


def _at(x: Tensor | None) -> int:
    """Return a tensor's address, 0 for one that is not there."""
    return 0 if x is None else x.data_ptr()


def _dense(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
