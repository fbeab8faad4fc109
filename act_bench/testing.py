"""Strategies for tests with hypothesis: expressions to try your own code on.

Needs ``hypothesis``; nothing else in the package imports this module.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from act_bench.expression import Expression
from act_bench.operators import BINARY, NARY, UNARY


def expressions(
    unary: Sequence[str] = UNARY,
    binary: Sequence[str] = BINARY,
    nary: Sequence[str] = NARY,
    max_leaves: int = 8,
) -> st.SearchStrategy[Expression]:
    """Return a strategy that draws expressions of the grammar.

    Parameters
    ----------
    unary, binary, nary : sequence of str
        Names of the operators to draw from.
    max_leaves : int
        About how many times the variable occurs at most.

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(expressions(unary=("relu", "tanh")))
    ... def test_size(expression):
    ...     assert expression.size >= 1
    >>> test_size()
    """

    def grow(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        kinds: list[st.SearchStrategy[Expression]] = []
        if unary:
            kinds.append(st.builds(Expression, st.sampled_from(unary), inner))
        if binary:
            kinds.append(st.builds(Expression, st.sampled_from(binary), inner, inner))
        if nary:
            kinds.append(
                st.builds(
                    lambda name, arguments: Expression(name, *arguments),
                    st.sampled_from(nary),
                    st.lists(inner, min_size=2, max_size=4),
                )
            )
        return st.one_of(kinds)

    return st.recursive(st.just(Expression("x")), grow, max_leaves=max_leaves)
