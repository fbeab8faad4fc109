"""A tree as a list of steps, and the one interpreter that every backend runs it with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, TypeAlias, TypeVar

from act_bench.functions.operators import ALL_OPERATORS

VARIABLE: Final = "x"

Steps: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]
"""One step a distinct subexpression: an operator, the variable or a number, and the indices of the
earlier steps that are its arguments. The last step is the whole."""

T = TypeVar("T")


class Tree(Protocol):
    """What a backend needs to know of an expression."""

    def steps(self) -> Steps:
        """Return the tree as a straight-line program."""
        ...


def interpret(
    steps: Steps,
    variable: T,
    constant: Callable[[float], T],
    apply: Callable[..., T],
) -> T:
    """Run a program.

    Parameters
    ----------
    steps
        As :meth:`act_bench.Expression.steps` gives them.
    variable
        The value of x: an array, a tensor, a value with its derivative, or with its error.
    constant : callable
        ``constant(number)``: the value of a number.
    apply : callable
        ``apply(operator, *arguments)``: the value of an operator, from its record and the values of
        its arguments. Operators of n arguments are applied to two, from the left.

    Examples
    --------
    >>> from act_bench import parse
    >>> steps = parse("add(mul(x,x),3)").steps()
    >>> interpret(steps, "x", str, lambda op, *values: f"{op.name}[{' '.join(values)}]")
    'add[mul[x x] 3.0]'
    """
    values: list[T] = []
    for name, inputs in steps:
        if name == VARIABLE:
            values.append(variable)
        elif not inputs:
            values.append(constant(float(name)))
        else:
            operator = ALL_OPERATORS[name]
            values.append(operator.apply(partial(apply, operator), [values[i] for i in inputs]))
    return values[-1]


def learns(steps: Steps) -> bool:
    """Return whether an operator of a program has a beta that is learned."""
    return any(inputs and ALL_OPERATORS[name].learned for name, inputs in steps)
