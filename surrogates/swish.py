"""The space of the Swish paper, for optimizers: b(u(x),v(x)) over its own operators.

Ramachandran, Zoph and Le (*Searching for Activation Functions*, 2017, arXiv 1710.05941): 25 unary
and 10 binary operators, 6,250 expressions of one core unit. Functions with a learned beta differ
from those without, though they may start as the same, so expressions are taken as one function only
where they differ in the order of the arguments of a commutative operator: 4,450 functions.
"""

from __future__ import annotations

from functools import cache, cached_property

import numpy as np

from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators import COMMUTATIVE, SWISH_BINARY, SWISH_OPERATORS, SWISH_UNARY
from act_bench.spaces.paper import NotInSpaceError, finite_outputs, load_space
from surrogates.search_space import SearchSpace


class SwishSpace(SearchSpace):
    """The search space; ``entries`` are positions in :func:`enumerate_swish`, not those of tables.

    Examples
    --------
    >>> space = swish_space()
    >>> len(space), space.find("mul(sigmoid(x),identity(x))") == space.find("mul(x,sigmoid(x))")
    (4450, False)
    >>> space.find("mul(sigmoid(x),identity(x))") == space.find("mul(identity(x),sigmoid(x))")
    True
    """

    def _entry_of(self, expression: str) -> int:
        known = self.entry_of.get(expression)
        if known is None:
            known = self.entry_of.get(str(parse(expression, SWISH_OPERATORS)))
        if known is None:
            raise NotInSpaceError(expression, ())
        return known

    @cached_property
    def entry_of(self) -> dict[str, int]:
        """Position of each of the 6,250 expressions."""
        return {text: row for row, group in enumerate(self._spellings) for text in group}

    def _tree(self, spelling: str) -> Expression:
        return parse(spelling, SWISH_OPERATORS)


def enumerate_swish() -> tuple[str, ...]:
    """Return the 6,250 expressions; the binary operator changes slowest.

    Examples
    --------
    >>> names = enumerate_swish()
    >>> len(names), names[0], names[-1]
    (6250, 'add(identity(x),identity(x))', 'mix(beta(x),beta(x))')
    """
    return tuple(
        f"{b}({u}(x),{v}(x))" for b in SWISH_BINARY for u in SWISH_UNARY for v in SWISH_UNARY
    )


@cache
def swish_space() -> SwishSpace:
    """Return the space, computed once per process. Outputs are those before beta is learned.

    Beyond swapped arguments no identity is used: ``mul(relu(x),relu(x))`` and
    ``mul(relu(x),identity(x))`` are two functions here, though they have the same values.
    """
    spellings: dict[str, list[str]] = {}
    for text in enumerate_swish():
        spellings.setdefault(_ordered(parse(text, SWISH_OPERATORS)), []).append(text)
    names = [group[0] for group in spellings.values()]
    points = load_space().points
    outputs = finite_outputs(
        np.stack([parse(text, SWISH_OPERATORS).to_numpy()(points) for text in names])
    )

    return SwishSpace(range(len(names)), list(spellings.values()), outputs)


def _ordered(expression: Expression) -> str:
    left, right = map(str, expression.arguments)
    if expression.operator in COMMUTATIVE and right < left:
        left, right = right, left
    return f"{expression.operator}({left},{right})"
