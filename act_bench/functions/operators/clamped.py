"""Operators that clamp their arguments: no table's space has them, the GRAFS search needs them.

Strack, Safari and Hutter 2024 (GRAFS, arXiv 2408.06820): what grows faster than linearly clamps its
arguments so that its value stays within :data:`BOUND` of 0; the root clamps so that its slope is
finite.
"""

# Each tangent and each scale takes the same arguments, whichever it needs.
# ruff: noqa: ARG001
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from act_bench.functions.operators.deferred import np, torch
from act_bench.functions.operators.formulas import between, term
from act_bench.functions.operators.record import Operator

if TYPE_CHECKING:
    from torch import Tensor

    from act_bench.functions.operators.record import Array

BOUND: Final = 10.0
LARGEST_FACTOR: Final = 3.1622776601683793  # sqrt(BOUND)
LARGEST_CUBED: Final = 2.154434690031884  # BOUND^(1/3)
LARGEST_EXPONENT: Final = 2.302585092994046  # log(BOUND)
LARGEST_ANGLE: Final = 2.99822295029797  # arcsinh(BOUND)
LEAST_RADICAND: Final = 1e-3


def _factor(x: Array) -> Array:
    return np.clip(x, -LARGEST_FACTOR, LARGEST_FACTOR)


def _torch_factor(x: Tensor) -> Tensor:
    return x.clamp(-LARGEST_FACTOR, LARGEST_FACTOR)


def _product_tangent(u: Array, du: Array, v: Array, dv: Array, value: Array) -> Array:
    free_u, free_v = (np.abs(each) <= LARGEST_FACTOR for each in (u, v))
    return term(du * free_u, _factor(v)) + term(dv * free_v, _factor(u))


def _product_scale(u: Array, su: Array, v: Array, sv: Array, value: Array) -> Array:
    # The clamped factors are smaller: a bound all the same.
    return np.abs(v) * su + np.abs(u) * sv + np.abs(value)


CLAMPED_UNARY: Final = (
    Operator(
        "clamped_square",
        1,
        "clip(x, -sqrt(10), sqrt(10))^2",
        numpy=lambda x: np.square(_factor(x)),
        derivative=between(-LARGEST_FACTOR, LARGEST_FACTOR, lambda x: 2 * x),
        torch=lambda x: torch.square(_torch_factor(x)),
        spaces={"grafs": 0},
    ),
    Operator(
        "clamped_cube",
        1,
        "clip(x, -10^(1/3), 10^(1/3))^3",
        numpy=lambda x: np.clip(x, -LARGEST_CUBED, LARGEST_CUBED) ** 3,
        derivative=between(-LARGEST_CUBED, LARGEST_CUBED, lambda x: 3 * np.square(x)),
        torch=lambda x: x.clamp(-LARGEST_CUBED, LARGEST_CUBED) ** 3,
        spaces={"grafs": 1},
    ),
    Operator(
        "clamped_sqrt",
        1,
        "sqrt(max(x, 0.001))",
        numpy=lambda x: np.sqrt(np.maximum(x, LEAST_RADICAND)),
        derivative=between(LEAST_RADICAND, math.inf, lambda x: 0.5 / np.sqrt(x)),
        torch=lambda x: torch.sqrt(x.clamp(min=LEAST_RADICAND)),
        spaces={"grafs": 2},
    ),
    Operator(
        "clamped_exp",
        1,
        "exp(min(x, log(10)))",
        numpy=lambda x: np.exp(np.minimum(x, LARGEST_EXPONENT)),
        derivative=between(-math.inf, LARGEST_EXPONENT, lambda x: np.exp(x)),
        torch=lambda x: torch.exp(x.clamp(max=LARGEST_EXPONENT)),
        spaces={"grafs": 3},
    ),
    Operator(
        "clamped_sinh",
        1,
        "sinh(clip(x, -arcsinh(10), arcsinh(10)))",
        numpy=lambda x: np.sinh(np.clip(x, -LARGEST_ANGLE, LARGEST_ANGLE)),
        derivative=between(-LARGEST_ANGLE, LARGEST_ANGLE, lambda x: np.cosh(x)),
        torch=lambda x: torch.sinh(x.clamp(-LARGEST_ANGLE, LARGEST_ANGLE)),
        spaces={"grafs": 4},
    ),
)

CLAMPED_BINARY: Final = (
    Operator(
        "clamped_mul",
        2,
        "clip(u, -sqrt(10), sqrt(10)) * clip(v, -sqrt(10), sqrt(10))",
        numpy=lambda u, v: _factor(u) * _factor(v),
        torch=lambda u, v: _torch_factor(u) * _torch_factor(v),
        tangent=_product_tangent,
        scale=_product_scale,
        commutative=True,
        spaces={"grafs": 0},
    ),
)
