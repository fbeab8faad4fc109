"""The named functions that are no expressions, as PyTorch modules: some learn a parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from act_bench.functions.operators import ALL_OPERATORS
from act_bench.functions.operators.formulas import (
    GAUSSIAN_IS_ZERO,
    finite,
    floating,
    identity_at_infinity,
    is_half,
)
from act_bench.functions.parameter import (
    GATE_IS_ONE,
    GOLU_IS_ZERO,
    TELU_IS_ZERO,
    XIELU_BETA,
    Named,
    Parameter,
)

Fixed: TypeAlias = Callable[[Tensor], Tensor]
Learned: TypeAlias = Callable[[Tensor, Tensor], Tensor]


class LearningActivation(torch.nn.Module):
    """An activation function for one layer, with what it learns.

    Parameters
    ----------
    learned : Parameter or None
        What is learned, if anything.
    shape : tuple of int
        Shape of the parameter; must broadcast against the layer's output. Where several numbers are
        learned, each has that shape, along a first axis.

    Attributes
    ----------
    parameter : torch.nn.Parameter or None
        Starts at the function's initial value. It trains with the weights, but weight decay would
        pull it to 0, which is another function: keep it out of that.
    """

    parameter: torch.nn.Parameter | None

    def __init__(self, learned: Parameter | None, shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        if learned is None:
            self.register_parameter("parameter", None)
        else:
            initial = torch.tensor(learned.initial)
            first = initial.shape  # () or, of several numbers, their count
            spread = initial.reshape(first + (1,) * len(shape)).expand(first + shape)
            self.parameter = torch.nn.Parameter(spread.clone())


class NamedActivation(LearningActivation):
    """A named function for one layer, with its learned parameter if it has one.

    Parameters
    ----------
    function : NamedFunction
        One of :data:`act_bench.functions.catalogue.CATALOGUE` without an expression.
    shape : tuple of int
        Shape of the parameter; must broadcast against the layer's output.

    Examples
    --------
    >>> from act_bench.functions.catalogue import find
    >>> crrelu = NamedActivation(find("crrelu"), shape=(3, 1, 1))
    >>> crrelu(torch.ones(2, 3, 4, 4)).sum().backward()
    >>> crrelu.parameter.grad.shape
    torch.Size([3, 1, 1])
    """

    def __init__(self, function: Named, shape: tuple[int, ...] = ()) -> None:
        super().__init__(function.parameter, shape)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to each element of ``x``: any floating dtype, which the result has.

        Integers and booleans are taken in torch's default dtype.
        """
        x = floating(x)
        wide = x.float() if is_half(x) else x  # rounded once, at the end
        if self.parameter is None:
            y = FIXED[self.function.name](wide)
        else:
            y = LEARNED[self.function.name](wide, self.parameter.to(wide.dtype))
        return y.to(x.dtype)

    def extra_repr(self) -> str:
        """Show the name in the printed network."""
        return self.function.name


_SINC: Final = ALL_OPERATORS["sinc"].implementation("torch")


def _crrelu(x: Tensor, eps: Tensor) -> Tensor:
    # Far out the formula, or its slope, would be inf * 0.
    bounded = x.clamp(-GAUSSIAN_IS_ZERO, GAUSSIAN_IS_ZERO)
    return torch.relu(x) + eps * (bounded * torch.exp(-torch.square(bounded) / 2))


def _prelu(x: Tensor, a: Tensor) -> Tensor:
    # Where x is not used it may be infinite, and 0 * inf the slope along a.
    return torch.where(x > 0, x, a * x.clamp(max=0))


def _swish_beta(x: Tensor, beta: Tensor) -> Tensor:
    bounded = finite(x)
    gate = torch.sigmoid(beta * bounded)
    # At infinity a straight line, or 0 where the gate is closed.
    return torch.where(x.isinf() & (gate > 0), x * gate.detach(), bounded * gate)


def _hard_swish(x: Tensor) -> Tensor:
    inside = x.clamp(-3, 3)
    return torch.where(x > 3, x, inside * (inside + 3) / 6)


def _squareplus(x: Tensor) -> Tensor:
    def inside(x: Tensor) -> Tensor:
        root = torch.hypot(x, torch.full_like(x, 2.0))
        left = x < 0
        # Either branch adds what does not cancel. The divisor of the one that is not taken must
        # not be 0, or its slope would be NaN.
        divisor = torch.where(left, root - x, 1.0)
        return torch.where(left, 2 / divisor, x / 2 + root / 2)

    return identity_at_infinity(x, inside)


def _golu(x: Tensor) -> Tensor:
    bounded = finite(x).clamp(min=GOLU_IS_ZERO)
    gate = torch.exp(-torch.exp(-bounded.clamp(max=GATE_IS_ONE)))
    return torch.where(x > GATE_IS_ONE, x, bounded * gate)


def _telu(x: Tensor) -> Tensor:
    bounded = finite(x).clamp(min=TELU_IS_ZERO)
    gate = torch.tanh(torch.exp(bounded.clamp(max=GATE_IS_ONE)))
    return torch.where(x > GATE_IS_ONE, x, bounded * gate)


def _xielu(x: Tensor, alphas: Tensor) -> Tensor:
    # Both stay positive through the softplus (Huang and Schlag 2024).
    positive, negative = functional.softplus(alphas[0]), XIELU_BETA + functional.softplus(alphas[1])
    right = x > 0
    up, down = torch.where(right, x, 0.0), torch.where(right, 0.0, x)
    rising = positive * torch.square(up) + XIELU_BETA * up
    return rising + negative * torch.expm1(down) + (XIELU_BETA - negative) * down


FIXED: Final[dict[str, Fixed]] = {
    "golu": _golu,
    "hard_swish": _hard_swish,
    "squareplus": _squareplus,
    "telu": _telu,
    "cos_minus_x": lambda x: torch.cos(x) - x,
    "min_x_sin": lambda x: torch.minimum(x, torch.sin(x)),
    "sinc_plus_x": lambda x: _SINC(x) + x,
}
"""The functions without a parameter, by name."""

LEARNED: Final[dict[str, Learned]] = {
    "crrelu": _crrelu,
    "prelu": _prelu,
    "swish_beta": _swish_beta,
    "xielu": _xielu,
}
"""The functions of x and a parameter, by name."""
