"""The unary operators of the paper: the 27 of its spaces, and the 4 of its CoAtNet experiment.

NumPy's values and derivatives lose no accuracy by cancellation, do not overflow where they are
finite, and reach their limits at infinity; they are the truth of the package. Where the native form
of PyTorch overflows on the way, cancels, or gives NaN at infinity, it is rewritten so that neither
its value nor its gradient does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from act_bench.functions.operators.deferred import functional, np, special, torch
from act_bench.functions.operators.formulas import (
    constant,
    finite,
    identity_at_infinity,
    is_half,
    sigmoid_slope,
    step,
    vanishing_product,
)
from act_bench.functions.operators.record import Operator

if TYPE_CHECKING:
    from torch import Tensor

    from act_bench.functions.operators.record import Array

# Klambauer et al. 2017, "Self-Normalizing Neural Networks", to float64 precision.
SELU_SCALE: Final = 1.0507009873554804934193349852946
SELU_ALPHA: Final = 1.6732632423543772848170429916717
LEAKY_SLOPE: Final = 0.01

_TWO_OVER_ROOT_PI: Final = 2 / math.sqrt(math.pi)
_ROOT_TWO_PI: Final = math.sqrt(2 * math.pi)
_BESSEL_SWITCH: Final = 60.0


def _sech_squared(x: Array) -> Array:
    return np.square(1 / np.cosh(x))


def _bessel_difference(size: Array) -> Array:
    """Return e^-z (I_1(z) - I_0(z)) for z >= 0, without cancellation.

    For large z both terms agree to 1/(2z), so the difference of their asymptotic expansions
    (Abramowitz and Stegun 9.7.1) is summed instead.
    """
    total = np.zeros_like(size)
    first, zeroth, power = 1.0, 1.0, np.ones_like(size)
    large = np.maximum(size, _BESSEL_SWITCH)
    for k in range(1, 12):
        first *= -(4 - (2 * k - 1) ** 2) / (8 * k)
        zeroth *= (2 * k - 1) ** 2 / (8 * k)
        power = power / large
        total = total + (first - zeroth) * power  # not in place: also of other arrays
    expansion = total / np.sqrt(2 * np.pi * large)
    return np.where(size > _BESSEL_SWITCH, expansion, special.i1e(size) - special.i0e(size))


def _bessel_i0e_slope(x: Array) -> Array:
    return np.sign(x) * _bessel_difference(np.abs(x))


def _bessel_i1e_slope(x: Array) -> Array:
    # I_1' = I_0 - I_1 / z; the function is odd, so its slope is even. I_1(z) / z -> 1/2 at 0.
    size = np.abs(x)
    ratio = np.where(size == 0, 0.5, special.i1e(size) / np.where(size == 0, 1, size))
    return -_bessel_difference(size) - ratio


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, special.expm1(np.minimum(x, 0)))


def _selu(x: Array) -> Array:
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * special.expm1(np.minimum(x, 0)))


def _swish(x: Array) -> Array:
    return vanishing_product(x, special.expit(x))


def _swish_slope(x: Array) -> Array:
    return special.expit(x) + vanishing_product(x, sigmoid_slope(x))


def _torch_swish(x: Tensor) -> Tensor:
    return identity_at_infinity(x, functional.silu)


def _softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def _torch_softplus(x: Tensor) -> Tensor:
    # Beyond 40, log(1 + e^x) = x to float64 precision; torch's own threshold of 20 is not.
    return functional.softplus(x, threshold=40)


def _softsign(x: Array) -> Array:
    return np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x)))


def _hard_sigmoid_slope(x: Array) -> Array:
    return np.where(np.isnan(x), np.nan, np.where(np.abs(x) <= 2.5, 0.2, 0))


def _elish(x: Array) -> Array:
    return np.where(x > 0, _swish(x), special.expm1(np.minimum(x, 0)) * special.expit(x))


def _elish_slope(x: Array) -> Array:
    negative = np.minimum(x, 0)
    left = special.expit(x) * np.exp(negative) + special.expm1(negative) * sigmoid_slope(x)
    return np.where(x > 0, _swish_slope(x), left)


def _torch_elish(x: Tensor) -> Tensor:
    left = torch.expm1(x.clamp(max=0)) * torch.sigmoid(x)
    return torch.where(x > 0, _torch_swish(x), left)


def _leakyrelu(x: Array) -> Array:
    return np.where(x > 0, x, LEAKY_SLOPE * x)


def _mish(x: Array) -> Array:
    return vanishing_product(x, np.tanh(_softplus(x)))


def _mish_slope(x: Array) -> Array:
    plus = _softplus(x)
    return np.tanh(plus) + vanishing_product(x, _sech_squared(plus) * special.expit(x))


def _gelu(x: Array) -> Array:
    # ndtr is computed from erfc: 1 + erf would cancel for negative x.
    return vanishing_product(x, special.ndtr(x))


def _gelu_slope(x: Array) -> Array:
    density = np.exp(-np.square(x) / 2) / _ROOT_TWO_PI
    return special.ndtr(x) + vanishing_product(x, density)


def _torch_gelu(x: Tensor) -> Tensor:
    # Through erfc: torch's own 1 + erf cancels for negative x.
    return identity_at_infinity(x, lambda x: x * (0.5 * torch.erfc(x * -(0.5**0.5))))


def _torch_bessel_i1e(x: Tensor) -> Tensor:
    # torch has no derivative of it in half precision; its values there are float32's, rounded.
    value: Tensor = torch.special.i1e(x.float() if is_half(x) else x)
    return value.to(x.dtype)


UNARY: Final = (
    Operator(
        "zero",
        1,
        "0",
        numpy=lambda x: np.zeros_like(x),
        derivative=lambda x: np.zeros_like(x),
        torch=lambda x: constant(x, 0.0),
        spaces={"paper": 0, "large": 0},
    ),
    Operator(
        "one",
        1,
        "1",
        numpy=lambda x: np.ones_like(x),
        derivative=lambda x: np.zeros_like(x),
        torch=lambda x: constant(x, 1.0),
        spaces={"paper": 1, "large": 1},
    ),
    Operator(
        "identity",
        1,
        "x",
        numpy=lambda x: np.copy(x),
        derivative=lambda x: np.ones_like(x),
        torch=lambda x: x,
        spaces={"paper": 2, "large": 2, "swish": 0},
    ),
    Operator(
        "negative",
        1,
        "-x",
        numpy=lambda x: np.negative(x),
        derivative=lambda x: np.full_like(x, -1),
        torch=lambda x: torch.neg(x),
        spaces={"paper": 3, "large": 3, "swish": 1},
    ),
    Operator(
        "abs",
        1,
        "|x|",
        numpy=lambda x: np.abs(x),
        derivative=lambda x: np.sign(x),
        torch=lambda x: torch.abs(x),
        spaces={"paper": 4, "large": 4, "swish": 2},
    ),
    Operator(
        "reciprocal",
        1,
        "1 / x",
        numpy=lambda x: 1 / x,
        derivative=lambda x: -np.square(1 / x),
        torch=lambda x: torch.reciprocal(x),
        vanishes=True,
        spaces={"paper": 5, "large": 5},
    ),
    Operator(
        "square",
        1,
        "x^2",
        numpy=lambda x: np.square(x),
        derivative=lambda x: 2 * x,
        torch=lambda x: torch.square(x),
        vanishes=True,
        spaces={"paper": 6, "large": 6, "swish": 3},
    ),
    Operator(
        "exp",
        1,
        "exp(x)",
        numpy=lambda x: np.exp(x),
        derivative=lambda x: np.exp(x),
        torch=lambda x: torch.exp(x),
        vanishes=True,
        spaces={"paper": 7, "large": 7, "swish": 9},
    ),
    Operator(
        "erf",
        1,
        "2 / sqrt(pi) * integral_0^x exp(-t^2) dt",
        numpy=lambda x: special.erf(x),
        derivative=lambda x: _TWO_OVER_ROOT_PI * np.exp(-np.square(x)),
        torch=lambda x: torch.erf(x),
        spaces={"paper": 8, "large": 8, "swish": 23},
    ),
    Operator(
        "erfc",
        1,
        "1 - erf(x)",
        numpy=lambda x: special.erfc(x),
        derivative=lambda x: -_TWO_OVER_ROOT_PI * np.exp(-np.square(x)),
        torch=lambda x: torch.erfc(x),
        vanishes=True,
        spaces={"paper": 9, "large": 9},
    ),
    Operator(
        "sinh",
        1,
        "(exp(x) - exp(-x)) / 2",
        numpy=lambda x: np.sinh(x),
        derivative=lambda x: np.cosh(x),
        torch=lambda x: torch.sinh(x),
        spaces={"paper": 10, "large": 10, "swish": 12},
    ),
    Operator(
        "cosh",
        1,
        "(exp(x) + exp(-x)) / 2",
        numpy=lambda x: np.cosh(x),
        derivative=lambda x: np.sinh(x),
        torch=lambda x: torch.cosh(x),
        spaces={"paper": 11, "large": 11, "swish": 13},
    ),
    Operator(
        "tanh",
        1,
        "sinh(x) / cosh(x)",
        numpy=lambda x: np.tanh(x),
        derivative=_sech_squared,
        torch=lambda x: torch.tanh(x),
        spaces={"paper": 12, "large": 12, "swish": 14},
    ),
    Operator(
        "expm1",
        1,
        "exp(x) - 1",
        numpy=lambda x: special.expm1(x),
        derivative=lambda x: np.exp(x),
        torch=lambda x: torch.expm1(x),
        spaces={"paper": 13, "large": 13},
    ),
    Operator(
        "sigmoid",
        1,
        "1 / (1 + exp(-x))",
        numpy=lambda x: special.expit(x),
        derivative=sigmoid_slope,
        torch=lambda x: torch.sigmoid(x),
        vanishes=True,
        spaces={"paper": 14, "large": 14, "swish": 20},
    ),
    Operator(
        "log_sigmoid",
        1,
        "log(1 / (1 + exp(-x)))",
        numpy=lambda x: special.log_expit(x),
        derivative=lambda x: special.expit(-x),
        torch=lambda x: functional.logsigmoid(x),
        vanishes=True,
        spaces={"paper": 15, "large": 15},
    ),
    Operator(
        "arcsinh",
        1,
        "log(x + sqrt(x^2 + 1))",
        numpy=lambda x: np.arcsinh(x),
        derivative=lambda x: 1 / np.hypot(1, x),
        torch=lambda x: torch.asinh(x),
        spaces={"paper": 16, "large": 16, "swish": 15},
    ),
    Operator(
        "arctan",
        1,
        "arctan(x)",
        numpy=lambda x: np.arctan(x),
        derivative=lambda x: 1 / (1 + np.square(x)),
        torch=lambda x: torch.atan(x),
        spaces={"paper": 17, "large": 17, "swish": 16},
    ),
    Operator(
        "bessel_i0e",
        1,
        "exp(-|x|) * I_0(x)",
        numpy=lambda x: special.i0e(x),
        derivative=_bessel_i0e_slope,
        torch=lambda x: torch.special.i0e(x),
        spaces={"paper": 18, "large": 18},
    ),
    Operator(
        "bessel_i1e",
        1,
        "exp(-|x|) * I_1(x)",
        numpy=lambda x: special.i1e(x),
        derivative=_bessel_i1e_slope,
        torch=_torch_bessel_i1e,
        spaces={"paper": 19, "large": 19},
    ),
    Operator(
        "relu",
        1,
        "max(x, 0)",
        numpy=lambda x: np.maximum(x, 0),
        derivative=step(0, 1),
        torch=lambda x: torch.relu(x),
        spaces={"paper": 20, "large": 20, "swish": 18},
    ),
    Operator(
        "elu",
        1,
        "x if x > 0 else exp(x) - 1",
        numpy=_elu,
        derivative=step(lambda x: np.exp(x), 1),
        torch=lambda x: functional.elu(x),
        spaces={"paper": 21, "large": 21},
    ),
    Operator(
        "selu",
        1,
        f"{SELU_SCALE:.6f} * (x if x > 0 else {SELU_ALPHA:.6f} * (exp(x) - 1))",
        numpy=_selu,
        derivative=step(lambda x: SELU_SCALE * SELU_ALPHA * np.exp(x), SELU_SCALE),
        torch=lambda x: functional.selu(x),
        spaces={"paper": 22, "large": 22},
    ),
    Operator(
        "swish",
        1,
        "x / (1 + exp(-x))",
        numpy=_swish,
        derivative=_swish_slope,
        torch=_torch_swish,
        vanishes=True,
        spaces={"paper": 23, "large": 23},
    ),
    Operator(
        "softplus",
        1,
        "log(1 + exp(x))",
        numpy=_softplus,
        derivative=lambda x: special.expit(x),
        torch=_torch_softplus,
        vanishes=True,
        spaces={"paper": 24, "large": 24, "swish": 21},
    ),
    Operator(
        "softsign",
        1,
        "x / (1 + |x|)",
        numpy=_softsign,
        derivative=lambda x: np.square(1 / (1 + np.abs(x))),
        torch=lambda x: functional.softsign(finite(x)),
        spaces={"paper": 25, "large": 25},
    ),
    Operator(
        "hard_sigmoid",
        1,
        "clip(0.2 * x + 0.5, 0, 1)",
        numpy=lambda x: np.clip(0.2 * x + 0.5, 0, 1),
        derivative=_hard_sigmoid_slope,
        torch=lambda x: (0.2 * x + 0.5).clamp(0, 1),
        spaces={"paper": 26, "large": 26},
    ),
    Operator(
        "elish",
        1,
        "x / (1 + exp(-x)) if x > 0 else (exp(x) - 1) / (1 + exp(-x))",
        numpy=_elish,
        derivative=_elish_slope,
        torch=_torch_elish,
        vanishes=True,
        spaces={"large": 27},
    ),
    Operator(
        "leakyrelu",
        1,
        f"x if x > 0 else {LEAKY_SLOPE} * x",
        numpy=_leakyrelu,
        derivative=step(LEAKY_SLOPE, 1),
        torch=lambda x: functional.leaky_relu(x, LEAKY_SLOPE),
        spaces={"large": 28},
    ),
    Operator(
        "mish",
        1,
        "x * tanh(log(1 + exp(x)))",
        numpy=_mish,
        derivative=_mish_slope,
        torch=lambda x: identity_at_infinity(x, functional.mish),
        vanishes=True,
        spaces={"large": 29},
    ),
    Operator(
        "gelu",
        1,
        "x * (1 + erf(x / sqrt(2))) / 2",
        numpy=_gelu,
        derivative=_gelu_slope,
        torch=_torch_gelu,
        vanishes=True,
        spaces={"large": 30},
    ),
)
"""In the order of the paper."""
