"""Expressions as PyTorch modules, composed of native operators.

The values agree with :mod:`act_bench.functions.numeric` to the accuracy of the input's dtype.
Operators whose native form overflows on the way, cancels, or gives NaN at infinity are rewritten
here so that neither their value nor their gradient does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from act_bench.functions.expression import VARIABLE, Expression
from act_bench.functions.operators import (
    BETA,
    LARGEST_ANGLE,
    LARGEST_CUBED,
    LARGEST_EXPONENT,
    LARGEST_FACTOR,
    LEAKY_SLOPE,
    LEARNED,
    LEAST_RADICAND,
    SMALL,
)

Unary: TypeAlias = Callable[[Tensor], Tensor]
Binary: TypeAlias = Callable[[Tensor, Tensor], Tensor]


class ActivationModule(torch.nn.Module):
    """An expression as a module.

    Parameters
    ----------
    expression : Expression
        What to compute. Equal subexpressions are computed once.
    shape : tuple of int
        Of the learned parameter; must broadcast against the layer's output.

    Attributes
    ----------
    parameter : torch.nn.Parameter or None
        The beta of an expression of the Swish space; None where none is learned.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> f = ActivationModule(parse("mul(x,sigmoid(x))"))
    >>> x = torch.zeros(2, 3, requires_grad=True)
    >>> f(x).sum().backward()
    >>> x.grad.unique().tolist()
    [0.5]
    """

    parameter: torch.nn.Parameter | None

    def __init__(self, expression: Expression, shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.expression = expression
        if expression.learns:
            self.parameter = torch.nn.Parameter(torch.full(shape, BETA))
        else:
            self.register_parameter("parameter", None)
        self._program: list[tuple[Callable[..., Tensor], int, tuple[int, ...]]] = [
            (self._function(operator) if inputs else _leaf(operator), len(inputs), inputs)
            for operator, inputs in expression.steps()
        ]

    def _function(self, operator: str) -> Callable[..., Tensor]:
        if operator not in LEARNED:
            return OPERATORS[operator]
        formula = LEARNED_OPERATORS[operator]

        def with_beta(u: Tensor, *rest: Tensor) -> Tensor:
            assert self.parameter is not None  # noqa: S101 - the expression learns
            return formula(self.parameter.to(u.dtype), u, *rest)

        return with_beta

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to each element of ``x``: any shape, any floating dtype.

        Half precision is rounded after each operator; once, at the end, if the function learns, as
        with the tables of functions that do not.
        """
        half = x.dtype in (torch.bfloat16, torch.float16)
        wide = x.float() if half and self.parameter is not None else x
        results: list[Tensor] = []
        for function, arity, inputs in self._program:
            if arity == 0:
                results.append(function(wide))
            elif arity == 1:
                results.append(function(results[inputs[0]]))
            else:
                results.append(reduce(function, [results[i] for i in inputs]))
        return results[-1].to(x.dtype)

    def extra_repr(self) -> str:
        """Show the expression in the printed network."""
        return str(self.expression)


def _keep(x: Tensor) -> Tensor:
    return x


def _leaf(operator: str) -> Unary:
    """Return what the variable, or a number, makes of the input."""
    return _keep if operator == VARIABLE else partial(_constant, value=float(operator))


def _constant(x: Tensor, value: float) -> Tensor:
    """Return a constant that stays in the graph of ``x``, with gradient zero.

    Without a path to the input a network could not be differentiated at all; ``0 * x`` would turn
    an infinite input into NaN.
    """
    return torch.where(torch.ones_like(x, dtype=torch.bool), value, x)


def _finite(x: Tensor) -> Tensor:
    """Replace infinities by the largest finite numbers; NaN stays."""
    limits = torch.finfo(x.dtype)
    return x.clamp(limits.min, limits.max)


def _not_minus_infinity(x: Tensor) -> Tensor:
    """Replace minus infinity by the lowest number, where f(-inf) would be inf * 0."""
    return x.clamp(min=torch.finfo(x.dtype).min)


def _swish(x: Tensor) -> Tensor:
    return functional.silu(_not_minus_infinity(x))


def _softplus(x: Tensor) -> Tensor:
    # Beyond 40, log(1 + e^x) = x to float64 precision; torch's own threshold of 20 is not.
    return functional.softplus(x, threshold=40)


def _elish(x: Tensor) -> Tensor:
    left = torch.expm1(x.clamp(max=0)) * torch.sigmoid(x)
    return torch.where(x > 0, _swish(x), left)


def _factor(x: Tensor) -> Tensor:
    return x.clamp(-LARGEST_FACTOR, LARGEST_FACTOR)


_SERIES_BELOW: Final = 0.25


def sinc(x: Tensor) -> Tensor:
    """Return sin(x) / x; near 0, where its slope would cancel, by its Taylor series.

    Examples
    --------
    >>> sinc(torch.tensor([0.0, torch.pi])).round(decimals=6).abs().tolist()
    [1.0, 0.0]
    """
    # The slope cos(x)/x - sin(x)/x^2 cancels: in float32 torch.sinc has it wrong by 3e-4 at 3e-4.
    small = x.abs() < _SERIES_BELOW
    squared = torch.square(torch.where(small, x, 0.0))
    series = torch.ones_like(x)
    for order in (10, 8, 6, 4, 2):
        series = 1 - squared / (order * (order + 1)) * series
    away = torch.where(small, 1.0, _finite(x))
    return torch.where(small, series, torch.sin(away) / away)


def _gelu(x: Tensor) -> Tensor:
    # Through erfc: torch's own 1 + erf cancels for negative x.
    bounded = _not_minus_infinity(x)
    return bounded * (0.5 * torch.erfc(bounded * -(0.5**0.5)))


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


_UNARY: Final[dict[str, Unary]] = {
    "zero": lambda x: _constant(x, 0.0),
    "one": lambda x: _constant(x, 1.0),
    "identity": _keep,
    "negative": torch.neg,
    "abs": torch.abs,
    "reciprocal": torch.reciprocal,
    "square": torch.square,
    "exp": torch.exp,
    "erf": torch.erf,
    "erfc": torch.erfc,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "expm1": torch.expm1,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": functional.logsigmoid,
    "arcsinh": torch.asinh,
    "arctan": torch.atan,
    "bessel_i0e": torch.special.i0e,
    "bessel_i1e": torch.special.i1e,
    "relu": torch.relu,
    "elu": functional.elu,
    "selu": functional.selu,
    "swish": _swish,
    "softplus": _softplus,
    "softsign": lambda x: functional.softsign(_finite(x)),
    "hard_sigmoid": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "elish": _elish,
    "leakyrelu": lambda x: functional.leaky_relu(x, LEAKY_SLOPE),
    "mish": lambda x: functional.mish(_not_minus_infinity(x)),
    "gelu": _gelu,
    "clamped_square": lambda x: torch.square(_factor(x)),
    "clamped_cube": lambda x: x.clamp(-LARGEST_CUBED, LARGEST_CUBED) ** 3,
    "clamped_sqrt": lambda x: torch.sqrt(x.clamp(min=LEAST_RADICAND)),
    "clamped_exp": lambda x: torch.exp(x.clamp(max=LARGEST_EXPONENT)),
    "clamped_sinh": lambda x: torch.sinh(x.clamp(-LARGEST_ANGLE, LARGEST_ANGLE)),
    "cube": lambda x: x**3,
    "sqrt": torch.sqrt,
    "log_abs": lambda x: torch.log(x.abs() + SMALL),
    "sin": torch.sin,
    "cos": torch.cos,
    "sinc": sinc,
    "min_zero": lambda x: x - torch.relu(x),
    "gauss": lambda x: torch.exp(-torch.square(x)),
}
_BINARY: Final[dict[str, Binary]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "pow": power,
    "max": torch.maximum,
    "min": torch.minimum,
    "sum_n": torch.add,
    "prod_n": torch.mul,
    "max_n": torch.maximum,
    "min_n": torch.minimum,
    "clamped_mul": lambda u, v: _factor(u) * _factor(v),
    "div_eps": lambda u, v: u / (v + SMALL),
    "gate": lambda u, v: torch.sigmoid(u) * v,
}
LEARNED_OPERATORS: Final[dict[str, Callable[..., Tensor]]] = {
    "scale": lambda beta, u: beta * u,
    "shift": lambda beta, u: u + beta,
    "beta": lambda beta, u: torch.where(torch.ones_like(u, dtype=torch.bool), beta, u),
    "gauss_gap": lambda beta, u, v: torch.exp(-beta * torch.square(u - v)),
    "laplace_gap": lambda beta, u, v: torch.exp(-beta * torch.abs(u - v)),
    "mix": lambda beta, u, v: beta * u + (1 - beta) * v,
}
"""The operators with a learned beta, which they take first."""

OPERATORS: Final[dict[str, Callable[..., Tensor]]] = {**_UNARY, **_BINARY}
"""Each operator on tensors; those of n arguments take two, and are folded from the left."""
