"""What the space of the Swish paper has beside the operators of the others.

Ramachandran, Zoph and Le 2017 (*Searching for Activation Functions*, arXiv 1710.05941).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from act_bench.functions.operators.deferred import jnp, np, special, torch
from act_bench.functions.operators.formulas import (
    GAUSSIAN_IS_ZERO,
    constant,
    finite,
    is_half,
    vanishing_product,
)
from act_bench.functions.operators.record import Operator

if TYPE_CHECKING:
    from jax import Array as JaxArray
    from torch import Tensor

    from act_bench.functions.operators.record import Array

BETA: Final = 1.0  # initial value of the learned beta: ours, it makes Swish-1; theirs is not known
SMALL: Final = 1e-7  # their epsilon, which the paper does not give: ours

_SINC_SERIES_BELOW: Final = 1e-2
_TORCH_SINC_SERIES_BELOW: Final = 0.25


def _sinc_slope(x: Array) -> Array:
    # cos(x)/x - sin(x)/x^2 cancels near 0; there its Taylor series is used.
    small = np.abs(x) < _SINC_SERIES_BELOW
    squared = np.square(np.where(small, x, 0.0))
    series = x * (-1 / 3 + squared * (1 / 30 - squared / 840))
    away = np.where(small, 1.0, x)
    direct = np.where(np.isinf(x), 0.0, (np.cos(away) - np.sin(away) / away) / away)
    return np.where(small, series, direct)


def _torch_sinc(x: Tensor) -> Tensor:
    # The slope cos(x)/x - sin(x)/x^2 cancels: in float32 torch.sinc has it wrong by 3e-4 at 3e-4.
    small = x.abs() < _TORCH_SINC_SERIES_BELOW
    squared = torch.square(torch.where(small, x, 0.0))
    series = torch.ones_like(x)
    for order in (10, 8, 6, 4, 2):
        series = 1 - squared / (order * (order + 1)) * series
    away = torch.where(small, 1.0, finite(x))
    return torch.where(small, series, torch.sin(away) / away)


def _gauss_gap(u: Array, v: Array) -> Array:
    return np.exp(-BETA * np.square(u - v))


def _gauss_gap_slopes(u: Array, v: Array) -> tuple[Array, Array]:
    slope = 2 * BETA * vanishing_product(u - v, _gauss_gap(u, v))
    return -slope, slope


def _torch_gauss_gap(beta: Tensor, u: Tensor, v: Tensor) -> Tensor:
    # The bound has a finite square, which the slope would multiply by 0.
    bound = math.sqrt(torch.finfo(u.dtype).max) / 2
    return torch.exp(-beta * torch.square((u - v).clamp(-bound, bound)))


def _jax_gauss_gap(beta: JaxArray, u: JaxArray, v: JaxArray) -> JaxArray:
    bound = math.sqrt(jnp.finfo(u.dtype).max) / 2  # as with torch
    return jnp.exp(-beta * jnp.square(jnp.clip(u - v, -bound, bound)))


def _torch_gauss(x: Tensor) -> Tensor:
    # exp(-x^2) is 0 long before the bound, where the slope of x^2 is still finite.
    return torch.exp(-torch.square(x.clamp(-GAUSSIAN_IS_ZERO, GAUSSIAN_IS_ZERO)))


def _gate(u: Array, v: Array) -> Array:
    # In float32 the sigmoid would underflow to 0, which times infinity is NaN.
    gate = special.expit(np.asarray(u, np.float64))
    return np.asarray(gate * v, np.result_type(u, v))


def _torch_gate(u: Tensor, v: Tensor) -> Tensor:
    if is_half(u):
        return _torch_gate(u.float(), v.float()).to(u.dtype)
    # What is left to 1 is the sigmoid of the negative: neither it nor the slope cancels. Where
    # torch's sigmoid underflows, exp does not yet.
    right = u > 0
    negative = torch.where(right, -u, u)
    less = torch.sigmoid(negative)
    less = torch.where(less == 0, torch.exp(negative), less)
    return torch.where(right, 1 - less, less) * v


def _jax_gate(u: JaxArray, v: JaxArray) -> JaxArray:
    # By the root of what underflows, twice: XLA takes subnormal numbers for 0.
    root = jnp.exp(-jnp.abs(u) / 2)
    return jnp.where(u > 0, v, v * root * root) / (1 + root * root)


def _gate_slopes(u: Array, v: Array) -> tuple[Array, Array]:
    root = 0.5 / np.cosh(u / 2)  # of the slope of the sigmoid
    return v * root * root, special.expit(u)


def _laplace_gap(u: Array, v: Array) -> Array:
    return np.exp(-BETA * np.abs(u - v))


def _laplace_gap_slopes(u: Array, v: Array) -> tuple[Array, Array]:
    value = _laplace_gap(u, v)
    return -BETA * np.sign(u - v) * value, BETA * np.sign(u - v) * value


def _div_eps_slopes(u: Array, v: Array) -> tuple[Array, Array]:
    return 1 / (v + SMALL), -(u / (v + SMALL)) / (v + SMALL)


SWISH_UNARY: Final = (
    Operator(
        "cube",
        1,
        "x^3",
        numpy=lambda x: x**3,
        derivative=lambda x: 3 * np.square(x),
        torch=lambda x: x**3,
        spaces={"swish": 4},
    ),
    Operator(
        "sqrt",
        1,
        "sqrt(x)",
        numpy=lambda x: np.sqrt(x),
        derivative=lambda x: 0.5 / np.sqrt(x),
        torch=lambda x: torch.sqrt(x),
        spaces={"swish": 5},
    ),
    Operator(
        "scale",
        1,
        "beta * x",
        numpy=lambda x: BETA * x,
        derivative=lambda x: np.full_like(x, BETA),
        torch=lambda beta, x: beta * x,
        jax=lambda beta, x: beta * x,
        learned=True,
        spaces={"swish": 6},
    ),
    Operator(
        "shift",
        1,
        "x + beta",
        numpy=lambda x: x + BETA,
        derivative=lambda x: np.ones_like(x),
        torch=lambda beta, x: x + beta,
        jax=lambda beta, x: x + beta,
        learned=True,
        spaces={"swish": 7},
    ),
    Operator(
        "log_abs",
        1,
        f"log(|x| + {SMALL:g})",
        numpy=lambda x: np.log(np.abs(x) + SMALL),
        derivative=lambda x: np.sign(x) / (np.abs(x) + SMALL),
        torch=lambda x: torch.log(x.abs() + SMALL),
        spaces={"swish": 8},
    ),
    Operator(
        "sin",
        1,
        "sin(x)",
        numpy=lambda x: np.sin(x),
        derivative=lambda x: np.cos(x),
        torch=lambda x: torch.sin(x),
        spaces={"swish": 10},
    ),
    Operator(
        "cos",
        1,
        "cos(x)",
        numpy=lambda x: np.cos(x),
        derivative=lambda x: -np.sin(x),
        torch=lambda x: torch.cos(x),
        spaces={"swish": 11},
    ),
    Operator(
        "sinc",
        1,
        "sin(x) / x",
        numpy=lambda x: np.where(np.isinf(x), 0.0, np.sinc(x / np.pi)),
        derivative=_sinc_slope,
        torch=_torch_sinc,
        spaces={"swish": 17},
    ),
    Operator(
        "min_zero",
        1,
        "min(x, 0)",
        numpy=lambda x: np.minimum(x, 0),
        derivative=lambda x: np.where(np.isnan(x), np.nan, np.where(x < 0, 1.0, 0.0)),
        torch=lambda x: torch.where(x >= 0, 0.0, x),
        spaces={"swish": 19},
    ),
    Operator(
        "gauss",
        1,
        "exp(-x^2)",
        numpy=lambda x: np.exp(-np.square(x)),
        derivative=lambda x: -2 * vanishing_product(x, np.exp(-np.square(x))),
        torch=_torch_gauss,
        spaces={"swish": 22},
    ),
    Operator(
        "beta",
        1,
        "beta",
        numpy=lambda x: np.full_like(x, BETA),
        derivative=lambda x: np.zeros_like(x),
        torch=lambda beta, x: constant(x, beta),
        jax=lambda beta, x: jnp.zeros_like(x) + beta,
        learned=True,
        spaces={"swish": 24},
    ),
)

SWISH_BINARY: Final = (
    Operator(
        "div_eps",
        2,
        f"u / (v + {SMALL:g})",
        numpy=lambda u, v: u / (v + SMALL),
        derivative=_div_eps_slopes,
        torch=lambda u, v: u / (v + SMALL),
        spaces={"swish": 3},
    ),
    Operator(
        "gate",
        2,
        "v / (1 + exp(-u))",
        numpy=_gate,
        derivative=_gate_slopes,
        torch=_torch_gate,
        jax=_jax_gate,
        spaces={"swish": 6},
    ),
    Operator(
        "gauss_gap",
        2,
        "exp(-beta * (u - v)^2)",
        numpy=_gauss_gap,
        derivative=_gauss_gap_slopes,
        torch=_torch_gauss_gap,
        jax=_jax_gauss_gap,
        commutative=True,
        learned=True,
        spaces={"swish": 7},
    ),
    Operator(
        "laplace_gap",
        2,
        "exp(-beta * |u - v|)",
        numpy=_laplace_gap,
        derivative=_laplace_gap_slopes,
        torch=lambda beta, u, v: torch.exp(-beta * torch.abs(u - v)),
        jax=lambda beta, u, v: jnp.exp(-beta * jnp.maximum(u - v, v - u)),  # slope 0 at 0
        commutative=True,
        learned=True,
        spaces={"swish": 8},
    ),
    Operator(
        "mix",
        2,
        "beta * u + (1 - beta) * v",
        numpy=lambda u, v: BETA * u + (1 - BETA) * v,
        derivative=lambda u, v: (np.full_like(u, BETA), np.full_like(v, 1 - BETA)),
        torch=lambda beta, u, v: beta * u + (1 - beta) * v,
        jax=lambda beta, u, v: beta * u + (1 - beta) * v,
        learned=True,
        spaces={"swish": 9},
    ),
)
