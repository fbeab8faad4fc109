"""The operators in mpmath, at 60 digits: the reference of the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath

from act_bench.functions.expression import Expression

mp = mpmath.mp.clone()
mp.dps = 60
SELU_SCALE = mp.mpf("1.0507009873554804934193349852946")
SELU_ALPHA = mp.mpf("1.6732632423543772848170429916717")


def _erfc(z: Any) -> Any:
    # Beyond 1000 it is below 10^-400000, and mpmath refuses much larger arguments.
    return mp.erfc(min(z, mp.mpf(1000)))


UNARY: dict[str, Callable[[Any], Any]] = {
    "zero": lambda x: mp.mpf(0),
    "one": lambda x: mp.mpf(1),
    "identity": lambda x: x,
    "negative": lambda x: -x,
    "abs": abs,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "exp": mp.exp,
    "erf": mp.erf,
    "erfc": _erfc,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "expm1": mp.expm1,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "log_sigmoid": lambda x: -mp.log1p(mp.exp(-x)),
    "arcsinh": mp.asinh,
    "arctan": mp.atan,
    "bessel_i0e": lambda x: mp.exp(-abs(x)) * mp.besseli(0, x),
    "bessel_i1e": lambda x: mp.exp(-abs(x)) * mp.besseli(1, x),
    "relu": lambda x: max(x, mp.mpf(0)),
    "elu": lambda x: x if x > 0 else mp.expm1(x),
    "selu": lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mp.expm1(x)),
    "swish": lambda x: x / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "hard_sigmoid": lambda x: min(max(x / 5 + mp.mpf("0.5"), mp.mpf(0)), mp.mpf(1)),
    "elish": lambda x: x / (1 + mp.exp(-x)) if x > 0 else mp.expm1(x) / (1 + mp.exp(-x)),
    "leakyrelu": lambda x: x if x > 0 else x / 100,
    "mish": lambda x: x * mp.tanh(mp.log1p(mp.exp(x))),
    "gelu": lambda x: x * _erfc(-x / mp.sqrt(2)) / 2,
}


def exact(expression: Expression, x: Any) -> Any:
    """Return the value at a number of ``mp``; ValueError where a power is complex."""
    arguments = [exact(argument, x) for argument in expression.arguments]
    match expression.operator:
        case "x":
            return x
        case "add" | "sum_n":
            return sum(arguments[1:], arguments[0])
        case "sub":
            return arguments[0] - arguments[1]
        case "mul" | "prod_n":
            return mp.fprod(arguments)
        case "div":
            return arguments[0] / arguments[1]
        case "pow":
            power = mp.power(*arguments)
            if isinstance(power, mp.mpc):
                raise ValueError("complex")
            return power
        case "max" | "max_n":
            return max(arguments)
        case "min" | "min_n":
            return min(arguments)
        case name:
            return UNARY[name](arguments[0])
