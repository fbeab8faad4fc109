"""The operators: one record each, the spaces that have them, and a way to add your own.

The 27 unary and 7 binary operators are those of Bingham and Miikkulainen, *Efficient Activation
Function Optimization through Surrogate Modeling* (NeurIPS 2023, arXiv 2301.05785); the four n-ary
operators belong to the paper's large space, and ``elish``, ``leakyrelu``, ``mish`` and ``gelu`` to
its CoAtNet experiment. Six more clamp their arguments: they are in no table's space, and the GRAFS
search (:mod:`regenerate.grafs`) builds functions of them. Sixteen belong to the Swish space alone.

A record (:class:`Operator`) says all of an operator: its arity and formula, its value and
derivative in NumPy, its PyTorch form, the scale of its rounding errors, and its place in each
space. Importing this module imports the standard library only.

An operator of your own is spelled, evaluated, differentiated and trained like the others:

>>> import numpy as np
>>> import torch
>>> from act_bench import parse
>>> softcap = Operator(
...     "softcap",
...     1,
...     "3 * tanh(x / 3)",
...     numpy=lambda x: 3 * np.tanh(x / 3),
...     derivative=lambda x: 1 / np.cosh(x / 3) ** 2,
...     torch=lambda x: 3 * torch.tanh(x / 3),
... )
>>> with registered(softcap):  # or register(softcap), to keep it
...     f = parse("max(softcap(x),zero(x))")
...     f.to_numpy()([-1.0, 1.0, 30.0]).round(3).tolist()
[0.0, 0.965, 3.0]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from act_bench.errors import ArgumentError
from act_bench.functions.operators.binary import BINARY as _BINARY
from act_bench.functions.operators.binary import NARY as _NARY
from act_bench.functions.operators.clamped import BOUND
from act_bench.functions.operators.clamped import CLAMPED_BINARY as _CLAMPED_BINARY
from act_bench.functions.operators.clamped import CLAMPED_UNARY as _CLAMPED_UNARY
from act_bench.functions.operators.record import Operator
from act_bench.functions.operators.swish import BETA, SMALL
from act_bench.functions.operators.swish import SWISH_BINARY as _SWISH_BINARY
from act_bench.functions.operators.swish import SWISH_UNARY as _SWISH_UNARY
from act_bench.functions.operators.unary import UNARY as _UNARY

__all__ = [
    "ALL_OPERATORS",
    "BASELINES",
    "BETA",
    "BINARY",
    "BOUND",
    "CLAMPED_BINARY",
    "CLAMPED_UNARY",
    "COMMUTATIVE",
    "LEARNED",
    "NARY",
    "OPERATORS",
    "SMALL",
    "SPACE_UNARY",
    "SWISH_BINARY",
    "SWISH_OPERATORS",
    "SWISH_UNARY",
    "SYNONYMS",
    "UNARY",
    "Operator",
    "operators_of",
    "register",
    "registered",
    "unregister",
]

_OF_SWISH_ALONE: Final = (*_SWISH_UNARY, *_SWISH_BINARY)
_BUILT_IN: Final = (
    *(*_UNARY, *_BINARY, *_NARY, *_CLAMPED_UNARY, *_CLAMPED_BINARY),
    *_OF_SWISH_ALONE,
)
_all: Final = {operator.name: operator for operator in _BUILT_IN}
_grammar: Final = {
    name: operator for name, operator in _all.items() if operator not in _OF_SWISH_ALONE
}

OPERATORS: Final[Mapping[str, Operator]] = MappingProxyType(_grammar)
"""Every operator by its name, but those that the Swish space alone has; registered ones too."""

ALL_OPERATORS: Final[Mapping[str, Operator]] = MappingProxyType(_all)
"""What an expression may be built of, whichever grammar it was read with."""


def operators_of(space: str, arity: int | None) -> tuple[str, ...]:
    """Return the names of the operators of a space, in its order.

    Parameters
    ----------
    space : str
        ``paper`` (2,913 functions), ``large`` (with 31 unary operators), ``grafs``, ``swish``, or
        one that registered operators name.
    arity : int or None
        Number of arguments; None for the operators of two or more.

    Examples
    --------
    >>> operators_of("paper", 2)
    ('add', 'sub', 'mul', 'div', 'pow', 'max', 'min')
    """
    places = {
        name: operator.spaces[space]
        for name, operator in ALL_OPERATORS.items()
        if operator.arity == arity and space in operator.spaces
    }
    return tuple(sorted(places, key=lambda name: places[name]))


UNARY: Final = operators_of("large", 1)
"""The 31 unary operators, the paper's 27 first and in its order."""

SPACE_UNARY: Final = operators_of("paper", 1)
"""The 27 unary operators of the 2,913-function space."""

BINARY: Final = operators_of("paper", 2)
"""The 7 binary operators."""

NARY: Final = operators_of("large", None)
"""The 4 operators that take two or more arguments."""

CLAMPED_UNARY: Final = operators_of("grafs", 1)
"""The 5 unary operators with a clamped argument, of the extended notation."""

CLAMPED_BINARY: Final = operators_of("grafs", 2)
"""The binary operator with clamped arguments, of the extended notation."""

SWISH_UNARY: Final = operators_of("swish", 1)
"""The 25 unary operators of the Swish space, in the paper's order."""

SWISH_BINARY: Final = operators_of("swish", 2)
"""The 10 binary operators of the Swish space, in the paper's order."""

SWISH_OPERATORS: Final[Mapping[str, Operator]] = MappingProxyType(
    {name: ALL_OPERATORS[name] for name in SWISH_UNARY + SWISH_BINARY}
)
"""The operator table of the Swish space: ``parse(text, SWISH_OPERATORS)``."""

LEARNED: Final = frozenset(operator.name for operator in _BUILT_IN if operator.learned)
"""Operators with a beta, which is learned; all of an expression share one per channel."""

COMMUTATIVE: Final = frozenset(operator.name for operator in _BUILT_IN if operator.commutative)
"""Operators whose arguments may be swapped without changing the function."""

PUBLISHED_SPACES: Final = frozenset(space for operator in _BUILT_IN for space in operator.spaces)
"""The spaces of the papers: their operators are settled."""


def register(operator: Operator) -> None:
    """Add an operator of your own to the notation, in this process.

    Parameters
    ----------
    operator : Operator
        With a new name, and what shall be computed with it: ``numpy`` alone for values;
        ``derivative`` to differentiate and to tabulate; ``torch`` to train.

    Raises
    ------
    ValueError
        The name is no name or is taken, the arity is below 1, or a published space is claimed.

    Examples
    --------
    >>> register(Operator("relu", 1, "max(x, 0)", numpy=abs))
    Traceback (most recent call last):
    ...
    act_bench.errors.ArgumentError: the name 'relu' is taken by max(x, 0): choose another
    """
    name = operator.name
    if not (name.isascii() and name.isidentifier()) or name == "x":
        raise ArgumentError(
            f"expected letters, digits and underscores, not beginning with a digit and not the "
            f"variable x, as the name of an operator, got {name!r}"
        )
    if name in ALL_OPERATORS:
        raise ArgumentError(f"the name {name!r} is taken by {_all[name].formula}: choose another")
    if operator.arity is not None and operator.arity < 1:
        raise ArgumentError(f"{name} must take at least 1 argument, got arity {operator.arity}")
    if claimed := PUBLISHED_SPACES.intersection(operator.spaces):
        raise ArgumentError(
            f"the operators of {', '.join(sorted(claimed))} are those of the papers: give "
            f"{name} to a space with another name, or to none"
        )
    _all[name] = _grammar[name] = operator


def unregister(name: str) -> None:
    """Take a registered operator out again; expressions of it can no longer be evaluated.

    Raises
    ------
    ValueError
        No operator of that name was registered.
    """
    if name not in ALL_OPERATORS or ALL_OPERATORS[name] in _BUILT_IN:
        raise ArgumentError(f"no operator {name!r} was registered: the built-in ones stay")
    del _all[name], _grammar[name]


@contextmanager
def registered(*operators: Operator) -> Iterator[None]:
    """Register operators for the length of a ``with`` block.

    Examples
    --------
    >>> with registered(Operator("half", 1, "x / 2", numpy=lambda x: x / 2)):
    ...     "half" in OPERATORS
    True
    >>> "half" in OPERATORS
    False
    """
    added: list[str] = []
    try:
        for operator in operators:
            register(operator)
            added.append(operator.name)
        yield
    finally:
        for name in added:
            unregister(name)


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
