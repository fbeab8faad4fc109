"""What the formulas of several operators are made of, in NumPy and in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from act_bench.errors import ArgumentTypeError
from act_bench.functions.operators.deferred import np, special, torch

if TYPE_CHECKING:
    from torch import Tensor

    from act_bench.functions.operators.record import Array


GAUSSIAN_IS_ZERO: Final = 64.0
"""Beyond it exp(-x^2 / 2) is 0 in every dtype, while the slope of x^2 is finite."""


def vanishing_product(x: Array, factor: Array) -> Array:
    """Return x * factor for a factor that decays faster than x grows: its limit there is 0."""
    return np.where(factor == 0, np.copysign(0.0, x), x * factor)


def term(slope: Array, factor: Array) -> Array:
    """Return slope * factor, 0 for a constant argument even where the factor is no number."""
    product = slope * factor
    # Where it is one, the product all the same: JAX differentiates it once more. No -0 comes of it.
    still = np.where(np.isfinite(factor), product + 0.0, 0.0)
    return np.where(slope == 0, still, product)


def sigmoid_slope(x: Array) -> Array:
    """Return the derivative of the sigmoid, which cancels on neither side."""
    return special.expit(x) * special.expit(-x)


def step(low: float | Callable[[Array], Array], high: float) -> Callable[[Array], Array]:
    """Return a derivative that is ``low`` up to and at 0, ``high`` above; NaN stays NaN."""

    def slope(x: Array) -> Array:
        left = low(np.minimum(x, 0)) if callable(low) else low
        return np.where(np.isnan(x), np.nan, np.where(x > 0, high, left))

    return slope


def between(low: float, high: float, slope: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return a derivative that is ``slope`` from ``low`` to ``high``, 0 outside; NaN stays NaN."""

    def clamped(x: Array) -> Array:
        inside = slope(np.clip(x, low, high))
        return np.where((x < low) | (x > high), 0.0, inside)

    return clamped


def constant(x: Tensor, value: float | Tensor) -> Tensor:
    """Return a constant that stays in the graph of ``x``, with gradient zero.

    Without a path to the input a network could not be differentiated at all; ``0 * x`` would turn
    an infinite input into NaN.
    """
    return torch.where(torch.ones_like(x, dtype=torch.bool), value, x)


def finite(x: Tensor) -> Tensor:
    """Replace infinities by the largest finite numbers; NaN stays."""
    limits = torch.finfo(x.dtype)
    return x.clamp(limits.min, limits.max)


def identity_at_infinity(x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Return f(x) for an f that is 0 at minus infinity and x at infinity.

    Computed at infinity itself, its value or its slope would be inf * 0.
    """
    return torch.where(x == math.inf, x, function(finite(x)))


def floating(x: Tensor) -> Tensor:
    """Return a tensor as functions take it: integers and booleans in torch's default dtype.

    Raises
    ------
    ArgumentTypeError
        It is no tensor, or one that torch's operators do not take alike: complex, quantized, of
        eight bits, sparse or nested.
    """
    if not isinstance(x, torch.Tensor):
        raise ArgumentTypeError(
            f"expected a tensor, got {type(x).__name__}: torch.as_tensor(x) makes one of numbers"
        )
    if x.layout != torch.strided or x.is_nested or x.is_quantized:
        raise ArgumentTypeError(
            "expected a dense tensor, got a "
            f"{'nested' if x.is_nested else 'quantized' if x.is_quantized else 'sparse'} one: "
            "convert it, as with x.to_dense(), x.dequantize() or x.to_padded_tensor(0)"
        )
    if x.dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        return x
    if x.is_floating_point():
        raise ArgumentTypeError(
            f"expected float64, float32, bfloat16 or float16, got a tensor of {x.dtype}: convert "
            "it, as with x.float()"
        )
    if x.is_complex():
        raise ArgumentTypeError(
            f"expected real numbers, got a tensor of {x.dtype}: activation functions are of one "
            "real variable; apply them to x.real and x.imag"
        )
    return x.to(torch.get_default_dtype())


def is_half(x: Tensor) -> bool:
    """Return whether a tensor is of half precision, in which torch lacks some derivatives."""
    return x.dtype in (torch.bfloat16, torch.float16)
