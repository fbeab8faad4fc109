"""The power of two tensors, with gradients that vanish where their first factor does."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Power(torch.autograd.Function):
    """u^v with gradients that vanish where their first factor does.

    torch.pow gives NaN for the gradient of ``u ** one(u)`` at negative u: log(u) times zero.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(u: Tensor, v: Tensor) -> Tensor:
        return torch.pow(u, v)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor]:
        (grad,) = grad_outputs
        u, v, value = ctx.saved_tensors
        one = torch.ones_like(u)
        # Both factors are masked before the product, so that no 0 * inf arises.
        flat = v == 0
        base_slope = torch.where(flat, 0 * one, v * power(torch.where(flat, one, u), v - 1))
        positive = u > 0
        log_base = torch.where(positive, torch.log(torch.where(positive, u, one)), 0 * one)
        exponent_slope = torch.where(positive, value, 0 * one) * log_base
        return grad * base_slope, grad * exponent_slope


def power(u: Tensor, v: Tensor) -> Tensor:
    """Return u^v elementwise, differentiable for constant exponents at negative bases as well.

    Parameters
    ----------
    u, v : Tensor
        Of one shape and dtype.

    Examples
    --------
    >>> u = torch.tensor([-2.0], requires_grad=True)
    >>> power(u, torch.full_like(u, 3.0)).backward()
    >>> u.grad.tolist()
    [12.0]
    """
    result: Tensor = _Power.apply(u, v)  # type: ignore[no-untyped-call]  # torch has no types for it
    return result
