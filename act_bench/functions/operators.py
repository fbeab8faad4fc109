"""The operators of the search space: names, arities and formulas.

The 27 unary and 7 binary operators are those of Bingham and Miikkulainen, *Efficient Activation
Function Optimization through Surrogate Modeling* (NeurIPS 2023, arXiv 2301.05785); the four n-ary
operators belong to the paper's large space, and ``elish``, ``leakyrelu``, ``mish`` and ``gelu`` to
its CoAtNet experiment. Six more clamp their arguments: they are in no table's space, and the GRAFS
search (:mod:`regenerate.grafs`) builds functions of them. This module imports the standard library
only: how an operator is computed stands in :mod:`act_bench.functions.numeric` (float64) and
:mod:`act_bench.functions.differentiable` (PyTorch).
"""

from __future__ import annotations

from typing import Final, NamedTuple

MINIMUM_NARY_ARGUMENTS: Final = 2


class Operator(NamedTuple):
    """One operator.

    Attributes
    ----------
    name : str
        As it is spelled in an expression.
    arity : int or None
        Number of arguments; None for two or more.
    formula : str
        The definition, in terms of its argument ``x``, of ``u`` and ``v``, or of ``u_1 ... u_n``.

    Examples
    --------
    >>> OPERATORS["swish"].formula
    'x / (1 + exp(-x))'
    """

    name: str
    arity: int | None
    formula: str

    def accepts(self, count: int) -> bool:
        """Return whether the operator takes ``count`` arguments."""
        return count >= MINIMUM_NARY_ARGUMENTS if self.arity is None else count == self.arity

    @property
    def expected(self) -> str:
        """The arity in words, for messages."""
        if self.arity is None:
            return f"{MINIMUM_NARY_ARGUMENTS} or more arguments"
        return f"{self.arity} argument" + ("s" if self.arity > 1 else "")


# Klambauer et al. 2017, "Self-Normalizing Neural Networks", to float64 precision.
SELU_SCALE: Final = 1.0507009873554804934193349852946
SELU_ALPHA: Final = 1.6732632423543772848170429916717
LEAKY_SLOPE: Final = 0.01

# Strack, Safari and Hutter 2024 (GRAFS, arXiv 2408.06820): what grows faster than linearly clamps
# its arguments so that its value stays within +-BOUND; the root clamps so that its slope is finite.
BOUND: Final = 10.0
LARGEST_FACTOR: Final = 3.1622776601683793  # sqrt(BOUND)
LARGEST_CUBED: Final = 2.154434690031884  # BOUND^(1/3)
LARGEST_EXPONENT: Final = 2.302585092994046  # log(BOUND)
LARGEST_ANGLE: Final = 2.99822295029797  # arcsinh(BOUND)
LEAST_RADICAND: Final = 1e-3

_UNARY_FORMULAS: Final = {
    "zero": "0",
    "one": "1",
    "identity": "x",
    "negative": "-x",
    "abs": "|x|",
    "reciprocal": "1 / x",
    "square": "x^2",
    "exp": "exp(x)",
    "erf": "2 / sqrt(pi) * integral_0^x exp(-t^2) dt",
    "erfc": "1 - erf(x)",
    "sinh": "(exp(x) - exp(-x)) / 2",
    "cosh": "(exp(x) + exp(-x)) / 2",
    "tanh": "sinh(x) / cosh(x)",
    "expm1": "exp(x) - 1",
    "sigmoid": "1 / (1 + exp(-x))",
    "log_sigmoid": "log(1 / (1 + exp(-x)))",
    "arcsinh": "log(x + sqrt(x^2 + 1))",
    "arctan": "arctan(x)",
    "bessel_i0e": "exp(-|x|) * I_0(x)",
    "bessel_i1e": "exp(-|x|) * I_1(x)",
    "relu": "max(x, 0)",
    "elu": "x if x > 0 else exp(x) - 1",
    "selu": f"{SELU_SCALE:.6f} * (x if x > 0 else {SELU_ALPHA:.6f} * (exp(x) - 1))",
    "swish": "x / (1 + exp(-x))",
    "softplus": "log(1 + exp(x))",
    "softsign": "x / (1 + |x|)",
    "hard_sigmoid": "clip(0.2 * x + 0.5, 0, 1)",
    "elish": "x / (1 + exp(-x)) if x > 0 else (exp(x) - 1) / (1 + exp(-x))",
    "leakyrelu": f"x if x > 0 else {LEAKY_SLOPE} * x",
    "mish": "x * tanh(log(1 + exp(x)))",
    "gelu": "x * (1 + erf(x / sqrt(2))) / 2",
}
_BINARY_FORMULAS: Final = {
    "add": "u + v",
    "sub": "u - v",
    "mul": "u * v",
    "div": "u / v",
    "pow": "u^v",
    "max": "max(u, v)",
    "min": "min(u, v)",
}
_NARY_FORMULAS: Final = {
    "sum_n": "u_1 + ... + u_n",
    "prod_n": "u_1 * ... * u_n",
    "max_n": "max(u_1, ..., u_n)",
    "min_n": "min(u_1, ..., u_n)",
}
_CLAMPED_UNARY_FORMULAS: Final = {
    "clamped_square": "clip(x, -sqrt(10), sqrt(10))^2",
    "clamped_cube": "clip(x, -10^(1/3), 10^(1/3))^3",
    "clamped_sqrt": "sqrt(max(x, 0.001))",
    "clamped_exp": "exp(min(x, log(10)))",
    "clamped_sinh": "sinh(clip(x, -arcsinh(10), arcsinh(10)))",
}
_CLAMPED_BINARY_FORMULAS: Final = {
    "clamped_mul": "clip(u, -sqrt(10), sqrt(10)) * clip(v, -sqrt(10), sqrt(10))",
}

# Ramachandran, Zoph and Le 2017 (Swish, arXiv 1710.05941): what their space has beside the above.
BETA: Final = 1.0  # initial value of the learned beta: ours, it makes Swish-1; theirs is not known
SMALL: Final = 1e-7  # their epsilon, which the paper does not give: ours
_SWISH_UNARY_FORMULAS: Final = {
    "cube": "x^3",
    "sqrt": "sqrt(x)",
    "scale": "beta * x",
    "shift": "x + beta",
    "log_abs": f"log(|x| + {SMALL:g})",
    "sin": "sin(x)",
    "cos": "cos(x)",
    "sinc": "sin(x) / x",
    "min_zero": "min(x, 0)",
    "gauss": "exp(-x^2)",
    "beta": "beta",
}
_SWISH_BINARY_FORMULAS: Final = {
    "div_eps": f"u / (v + {SMALL:g})",
    "gate": "v / (1 + exp(-u))",
    "gauss_gap": "exp(-beta * (u - v)^2)",
    "laplace_gap": "exp(-beta * |u - v|)",
    "mix": "beta * u + (1 - beta) * v",
}

UNARY: Final = tuple(_UNARY_FORMULAS)
"""The 31 unary operators, the paper's 27 first and in its order."""

SPACE_UNARY: Final = UNARY[:27]
"""The 27 unary operators of the 2,913-function space."""

BINARY: Final = tuple(_BINARY_FORMULAS)
"""The 7 binary operators."""

NARY: Final = tuple(_NARY_FORMULAS)
"""The 4 operators that take two or more arguments."""

CLAMPED_UNARY: Final = tuple(_CLAMPED_UNARY_FORMULAS)
"""The 5 unary operators with a clamped argument, of the extended notation."""

CLAMPED_BINARY: Final = tuple(_CLAMPED_BINARY_FORMULAS)
"""The binary operator with clamped arguments, of the extended notation."""

SWISH_UNARY: Final = (
    *("identity", "negative", "abs", "square", "cube", "sqrt", "scale", "shift", "log_abs", "exp"),
    *("sin", "cos", "sinh", "cosh", "tanh", "arcsinh", "arctan", "sinc", "relu", "min_zero"),
    *("sigmoid", "softplus", "gauss", "erf", "beta"),
)
"""The 25 unary operators of the Swish space, in the paper's order."""

SWISH_BINARY: Final = (
    *("add", "mul", "sub", "div_eps", "max", "min"),
    *("gate", "gauss_gap", "laplace_gap", "mix"),
)
"""The 10 binary operators of the Swish space, in the paper's order."""

LEARNED: Final = frozenset({"scale", "shift", "beta", "gauss_gap", "laplace_gap", "mix"})
"""Operators with a beta, which is learned; all of an expression share one a channel."""

COMMUTATIVE: Final = frozenset(
    {"add", "mul", "max", "min", *NARY, *CLAMPED_BINARY, "gauss_gap", "laplace_gap"}
)
"""Operators whose arguments may be swapped without changing the function."""

BASELINES: Final = (
    "elu(x)",
    "relu(x)",
    "selu(x)",
    "sigmoid(x)",
    "softplus(x)",
    "softsign(x)",
    "swish(x)",
    "tanh(x)",
)
"""The paper's eight baseline functions, in the order in which its search evaluates them."""

OPERATORS: Final[dict[str, Operator]] = {
    **{name: Operator(name, 1, formula) for name, formula in _UNARY_FORMULAS.items()},
    **{name: Operator(name, 2, formula) for name, formula in _BINARY_FORMULAS.items()},
    **{name: Operator(name, None, formula) for name, formula in _NARY_FORMULAS.items()},
    **{name: Operator(name, 1, formula) for name, formula in _CLAMPED_UNARY_FORMULAS.items()},
    **{name: Operator(name, 2, formula) for name, formula in _CLAMPED_BINARY_FORMULAS.items()},
}
"""Every operator by its name, but those that the Swish space alone has."""

_OWN_OF_SWISH: Final = {
    **{name: Operator(name, 1, formula) for name, formula in _SWISH_UNARY_FORMULAS.items()},
    **{name: Operator(name, 2, formula) for name, formula in _SWISH_BINARY_FORMULAS.items()},
}

SWISH_OPERATORS: Final[dict[str, Operator]] = {
    name: OPERATORS.get(name) or _OWN_OF_SWISH[name] for name in SWISH_UNARY + SWISH_BINARY
}
"""The operator table of the Swish space: ``parse(text, SWISH_OPERATORS)``."""

ALL_OPERATORS: Final[dict[str, Operator]] = {**OPERATORS, **_OWN_OF_SWISH}
"""What an expression may be built of, whichever grammar it was read with."""

SYNONYMS: Final = {
    "asinh": "arcsinh",
    "atan": "arctan",
    "divide": "div",
    "hardsigmoid": "hard_sigmoid",
    "i0e": "bessel_i0e",
    "i1e": "bessel_i1e",
    "id": "identity",
    "inverse": "reciprocal",
    "leaky_relu": "leakyrelu",
    "linear": "identity",
    "logistic": "sigmoid",
    "logsigmoid": "log_sigmoid",
    "maximum": "max",
    "minimum": "min",
    "minus": "negative",
    "multiply": "mul",
    "neg": "negative",
    "plus": "add",
    "power": "pow",
    "prod": "prod_n",
    "product": "prod_n",
    "silu": "swish",
    "subtract": "sub",
    "sum": "sum_n",
    "times": "mul",
}
"""Names that other libraries use, for suggestions only: the notation has one name a function."""
