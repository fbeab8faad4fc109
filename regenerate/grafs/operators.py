"""The operators of the GRAFS cell: how each is spelled, and how it is computed while it is mixed.

Strack, Safari and Hutter, *Efficient Search for Customized Activation Functions with Gradient
Descent* (2024, arXiv 2408.06820), Figure 1: 23 unary and 9 binary operators, some with a constant
gamma that is fitted in the search and frozen after it.

**The rule of bounded outputs**, in search, retraining and evaluation alike: an operator that grows
faster than linearly clamps its arguments so that its own value stays within 10 of zero, the root
clamps so that its slope is finite, and a gamma stays within 10 of zero. It holds everywhere because
it is part of the notation: what is found is spelled with ``clamped_square`` where the cell had
x^2, and that operator is the same function wherever the expression goes. So a cell grows at most
linearly, whatever it is made of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import torch
from torch import Tensor

from act_bench.functions.expression import Expression, number
from act_bench.functions.operators import OPERATORS

Spell: TypeAlias = Callable[[tuple[Expression, ...], float], Expression]
Compute: TypeAlias = Callable[[tuple[Tensor, ...], Tensor], Tensor]

SIGNIFICANT_DIGITS: Final = 4
"""Of a fitted gamma when it is frozen: what is printed is the function, not nearly so."""


class CellOperator(NamedTuple):
    """One operator of the cell.

    Attributes
    ----------
    name : str
        As histories name it.
    paper : str
        As the paper prints it.
    spell : callable
        ``spell(arguments, gamma)``: the expression, in the notation of :func:`act_bench.parse`.
    compute : callable
        ``compute(arguments, gamma)``: the same function of tensors, gamma a tensor of shape ().
    initial : float or None
        First value of gamma; None for an operator that has none.
    """

    name: str
    paper: str
    spell: Spell
    compute: Compute
    initial: float | None = None


def frozen(gamma: float) -> Expression:
    """Return the constant that a fitted gamma becomes.

    Examples
    --------
    >>> str(frozen(0.123456))
    '0.1235'
    """
    return number(float(f"{gamma:.{SIGNIFICANT_DIGITS}g}"))


def _plain(paper: str, name: str) -> CellOperator:
    """Return an operator of the notation as one of the cell."""
    function = OPERATORS[name].implementation("torch")
    return CellOperator(
        name,
        paper,
        lambda arguments, _: Expression(name, *arguments),
        lambda arguments, _: function(*arguments),
    )


def _share(gamma: float) -> tuple[Expression, Expression]:
    """Return sigmoid(gamma) and what is left to 1, as constants."""
    weight = frozen(float(torch.sigmoid(torch.tensor(gamma, dtype=torch.float64))))
    return weight, frozen(1.0 - float(str(weight)))


def _spell_mix(arguments: tuple[Expression, ...], gamma: float) -> Expression:
    left, right = (
        Expression("mul", weight, argument)
        for weight, argument in zip(_share(gamma), arguments, strict=True)
    )
    return Expression("add", left, right)


def _compute_mix(arguments: tuple[Tensor, ...], gamma: Tensor) -> Tensor:
    left, right = arguments
    return torch.lerp(right, left, torch.sigmoid(gamma))


_ZERO: Final = number(0.0)

UNARY: Final = (
    CellOperator("identity", "x", lambda a, _: a[0], lambda a, _: a[0]),
    _plain("-x", "negative"),
    _plain("|x|", "abs"),
    _plain("x^2", "clamped_square"),
    _plain("x^3", "clamped_cube"),
    _plain("sqrt(x)", "clamped_sqrt"),
    CellOperator(
        "shift",
        "x + gamma",
        lambda a, gamma: Expression("add", a[0], frozen(gamma)),
        lambda a, gamma: a[0] + gamma,
        0.0,
    ),
    CellOperator(
        "scale",
        "gamma x",
        lambda a, gamma: Expression("mul", frozen(gamma), a[0]),
        lambda a, gamma: gamma * a[0],
        1.0,
    ),
    CellOperator(
        "constant",
        "gamma",
        lambda _, gamma: frozen(gamma),
        lambda a, gamma: gamma.expand_as(a[0]),
        1.0,
    ),
    _plain("exp(x)", "clamped_exp"),
    _plain("sinh(x)", "clamped_sinh"),
    _plain("tanh(x)", "tanh"),
    _plain("arcsinh(x)", "arcsinh"),
    _plain("arctan(x)", "arctan"),
    _plain("max(x, 0)", "relu"),
    CellOperator(
        "min_0",
        "min(x, 0)",
        lambda a, _: Expression("min", a[0], _ZERO),
        lambda a, _: a[0].clamp(max=0),
    ),
    _plain("sigmoid(x)", "sigmoid"),
    _plain("softplus(x)", "softplus"),
    _plain("erf(x)", "erf"),
    _plain("SiLU(x)", "swish"),
    _plain("GELU(x)", "gelu"),
    _plain("ELU(x)", "elu"),
    _plain("LeakyReLU(x)", "leakyrelu"),
)
"""The 23 unary operators."""

BINARY: Final = (
    _plain("x1 + x2", "add"),
    _plain("x1 - x2", "sub"),
    _plain("x1 x2", "clamped_mul"),
    _plain("max(x1, x2)", "max"),
    _plain("min(x1, x2)", "min"),
    CellOperator(
        "gate",
        "sigmoid(x1) x2",
        lambda a, _: Expression("mul", Expression("sigmoid", a[0]), a[1]),
        lambda a, _: torch.sigmoid(a[0]) * a[1],
    ),
    CellOperator(
        "mix",
        "sigmoid(gamma) x1 + (1 - sigmoid(gamma)) x2",
        _spell_mix,
        _compute_mix,
        0.0,
    ),
    CellOperator("left", "L", lambda a, _: a[0], lambda a, _: a[0]),
    CellOperator("right", "R", lambda a, _: a[1], lambda a, _: a[1]),
)
"""The 9 binary operators."""
