"""The 7 binary operators of the paper, and the 4 of two or more arguments in its large space."""

# Each tangent and each scale takes the same arguments, whichever it needs.
# ruff: noqa: ARG001, ARG005
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from act_bench.functions.operators.deferred import np, torch
from act_bench.functions.operators.formulas import term
from act_bench.functions.operators.record import Operator

if TYPE_CHECKING:
    from torch import Tensor

    from act_bench.functions.operators.record import Array


def _sum_scale(u: Array, su: Array, v: Array, sv: Array, value: Array) -> Array:
    return su + sv + np.abs(value)


def _selection_scale(u: Array, su: Array, v: Array, sv: Array, value: Array) -> Array:
    # max and min move no further than the argument that moves most.
    return np.maximum(np.maximum(su, sv), np.abs(value))


def _max_tangent(u: Array, du: Array, v: Array, dv: Array, value: Array) -> Array:
    return np.where(u == v, (du + dv) / 2, np.where(u > v, du, dv))


def _min_tangent(u: Array, du: Array, v: Array, dv: Array, value: Array) -> Array:
    return np.where(u == v, (du + dv) / 2, np.where(u < v, du, dv))


def _div_scale(u: Array, su: Array, v: Array, sv: Array, value: Array) -> Array:
    size = np.abs(value)
    return (su + size * sv) / np.abs(v) + size


def _pow_tangent(u: Array, du: Array, v: Array, dv: Array, value: Array) -> Array:
    # v u^(v-1) u' + u^v log(u) v'; for u <= 0 the second term is taken as 0, as u^v is a
    # number there only for isolated or constant v.
    by_base = np.where(v == 0, 0, v * np.power(u, v - 1))
    by_exponent = np.where(u > 0, value * np.log(np.where(u > 0, u, 1)), 0)
    return term(du, by_base) + term(dv, by_exponent)


def _torch_pow(u: Tensor, v: Tensor) -> Tensor:
    # Along the exponent torch has log(u) for the slope: NaN for u < 0, where it is taken as 0.
    positive = u > 0
    moved = torch.pow(torch.where(positive, u, 1.0), v)
    fixed = torch.pow(torch.where(positive, 1.0, u), v.detach())
    return torch.where(positive, moved, fixed)


def _pow_scale(u: Array, su: Array, v: Array, sv: Array, value: Array) -> Array:
    base, exponent = np.abs(u), np.abs(v)
    return np.abs(value) * (exponent * su / base + np.abs(np.log(base)) * sv + 1)


_SUM: Final = Operator(
    "add",
    2,
    "u + v",
    numpy=lambda u, v: np.add(u, v),
    torch=lambda u, v: torch.add(u, v),
    tangent=lambda u, du, v, dv, value: du + dv,
    scale=_sum_scale,
    commutative=True,
    spaces={"paper": 0, "large": 0, "swish": 0},
)
_PRODUCT: Final = Operator(
    "mul",
    2,
    "u * v",
    numpy=lambda u, v: np.multiply(u, v),
    derivative=lambda u, v: (v, u),
    torch=lambda u, v: torch.mul(u, v),
    commutative=True,
    vanishes=True,
    spaces={"paper": 2, "large": 2, "swish": 1},
)
_MAXIMUM: Final = Operator(
    "max",
    2,
    "max(u, v)",
    numpy=lambda u, v: np.maximum(u, v),
    torch=lambda u, v: torch.maximum(u, v),
    tangent=_max_tangent,
    scale=_selection_scale,
    commutative=True,
    spaces={"paper": 5, "large": 5, "swish": 4},
)
_MINIMUM: Final = Operator(
    "min",
    2,
    "min(u, v)",
    numpy=lambda u, v: np.minimum(u, v),
    torch=lambda u, v: torch.minimum(u, v),
    tangent=_min_tangent,
    scale=_selection_scale,
    commutative=True,
    spaces={"paper": 6, "large": 6, "swish": 5},
)

BINARY: Final = (
    _SUM,
    Operator(
        "sub",
        2,
        "u - v",
        numpy=lambda u, v: np.subtract(u, v),
        torch=lambda u, v: torch.sub(u, v),
        tangent=lambda u, du, v, dv, value: du - dv,
        scale=_sum_scale,
        spaces={"paper": 1, "large": 1, "swish": 2},
    ),
    _PRODUCT,
    Operator(
        "div",
        2,
        "u / v",
        numpy=lambda u, v: np.divide(u, v),
        torch=lambda u, v: torch.div(u, v),
        tangent=lambda u, du, v, dv, value: term(du, 1 / v) - term(dv, value / v),
        scale=_div_scale,
        vanishes=True,
        spaces={"paper": 3, "large": 3},
    ),
    Operator(
        "pow",
        2,
        "u^v",
        numpy=lambda u, v: np.power(u, v),
        torch=_torch_pow,
        tangent=_pow_tangent,
        scale=_pow_scale,
        vanishes=True,
        spaces={"paper": 4, "large": 4},
    ),
    _MAXIMUM,
    _MINIMUM,
)
"""In the order of the paper."""

NARY: Final = (
    replace(_SUM, name="sum_n", arity=None, formula="u_1 + ... + u_n", spaces={"large": 0}),
    replace(_PRODUCT, name="prod_n", arity=None, formula="u_1 * ... * u_n", spaces={"large": 1}),
    replace(_MAXIMUM, name="max_n", arity=None, formula="max(u_1, ..., u_n)", spaces={"large": 2}),
    replace(_MINIMUM, name="min_n", arity=None, formula="min(u_1, ..., u_n)", spaces={"large": 3}),
)
"""In the order of the paper; each is a binary one, folded."""
