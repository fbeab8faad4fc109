"""The activation module: look up f and f', multiply by the saved f' on the way back."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import nn

from act_bench.errors import ArgumentTypeError
from regenerate.activations.tabulation import Tables


class TabulatedActivation(nn.Module):
    """Any activation function of bfloat16 tensors at the cost of a table look-up.

    Parameters
    ----------
    tables
        f and f' as made by `regenerate.activations.tabulate`.

    Notes
    -----
    The forward pass reads f(x) and f'(x) with one look-up and saves f'(x); the backward pass is one
    product. Where the slope is infinite or NaN so is the gradient: the run diverges, as it would
    with composed operators.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> from regenerate.activations import tabulate
    >>> cube = TabulatedActivation(tabulate(parse("mul(x,square(x))")))
    >>> x = torch.tensor([2.0, -1.0], dtype=torch.bfloat16, requires_grad=True)
    >>> y = cube(x)
    >>> y.sum().backward()
    >>> y.tolist(), x.grad.tolist()
    ([8.0, -1.0], [12.0, 3.0])
    """

    value: torch.Tensor
    packed: torch.Tensor

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        # Signed views: torch has few operators for unsigned integers, and none is needed.
        value = torch.from_numpy(tables.value.view(np.int16).copy())
        packed = torch.from_numpy(tables.packed.view(np.int32).copy())
        self.register_buffer("value", value, persistent=False)
        self.register_buffer("packed", packed, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return f(x), bfloat16 of the shape and memory format of ``x``.

        Raises
        ------
        TypeError
            If ``x`` is not bfloat16.
        """
        if x.dtype != torch.bfloat16:
            raise ArgumentTypeError(
                f"a tabulated activation takes bfloat16, got {x.dtype}; cast the input, or use "
                "Expression.to_torch() for other formats"
            )
        if not (x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)):
            x = x.contiguous()
        if torch.is_grad_enabled() and x.requires_grad:
            result: torch.Tensor = _LookUp.apply(x, self.packed)  # type: ignore[no-untyped-call]
            return result
        return _value(x, self.value)


class _LookUp(torch.autograd.Function):
    """f with f' as its derivative; differentiable once."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, packed: torch.Tensor) -> torch.Tensor:
        value, slope = _value_and_slope(x, packed)
        ctx.save_for_backward(slope)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (slope,) = ctx.saved_tensors
        return gradient * slope, None


def _value(x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    if gathers(x):
        return _gathered(x, table)
    value = torch.empty_like(x)
    if x.is_cuda:
        from regenerate.activations import triton_kernels as kernels

        kernels.value(x, table, value)
    else:
        from regenerate.activations import cpu

        cpu.value(x, table, value)
    return value


def _value_and_slope(x: torch.Tensor, packed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if gathers(x):
        # The value is the lower half of each pair, which all GPUs and their hosts store first.
        value, slope = packed.view(torch.int16).view(-1, 2).unbind(1)
        return _gathered(x, value), _gathered(x, slope)
    value, slope = torch.empty_like(x), torch.empty_like(x)
    if x.is_cuda:
        from regenerate.activations import triton_kernels as kernels

        kernels.value_and_slope(x, packed, value, slope)
    else:
        from regenerate.activations import cpu

        cpu.value_and_slope(x, packed, value, slope)
    return value, slope


def gathers(x: torch.Tensor) -> bool:
    """Return whether torch's own gather must do.

    So it is on GPUs without Triton, as on Windows, and on all devices for which there is no kernel.
    """
    return x.device.type != "cpu" and not (x.is_cuda and _has_triton())


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def _gathered(x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    return table[x.view(torch.int16).long() & 0xFFFF].view(torch.bfloat16)
