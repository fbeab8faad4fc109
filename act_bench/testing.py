"""To test your own code: strategies that draw expressions, and checks of an optimizer.

Nothing else in the package imports this module. The strategies need ``hypothesis``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from act_bench.errors import ArgumentError
from act_bench.functions.expression import Expression
from act_bench.functions.operators import BINARY, NARY, UNARY

if TYPE_CHECKING:
    from hypothesis import strategies as st

    from surrogates.protocol import Optimizer, SearchSpace


def check_optimizer(
    factory: Callable[[SearchSpace, int], Optimizer],
    *,
    evaluations: int = 40,
    seed: int = 1,
    exhausts: bool = True,
) -> None:
    """Check that an optimizer keeps the rules of the benchmark.

    It searches made-up data over a part of the real space. What is checked:

    - **budget**: it makes as many evaluations as it may, without asking again and again for what it
      knows; and repeats are charged once.
    - **determinism**: the same seed asks for the same, bit by bit, whatever the global random state
      and whatever another search did with the space.
    - **peeking**: when every value that it did not query is another, and test too, it asks for the
      same.
    - **pending asks**: four asks may come before their results, told in reverse order.
    - **missing results**: a result without a score breaks nothing.
    - **exhaustion**: of few functions all are trained, and then ``SpaceExhaustedError`` is raised.

    Parameters
    ----------
    factory : callable
        ``factory(space, seed)`` makes the optimizer; see ``surrogates.protocol``.
    evaluations : int
        Of each search, at most 500.
    seed : int
        Given to the factory.
    exhausts : bool
        False leaves out the last check, for what draws with replacement.

    Raises
    ------
    surrogates.conformance.ConformanceError
        A rule is broken, an AssertionError: the message says which, and how it was seen.

    Examples
    --------
    >>> from surrogates.optimizers import RandomSearch
    >>> check_optimizer(RandomSearch)
    """
    from surrogates.conformance import check

    if not _AT_ONCE <= evaluations <= _MOST:
        raise ArgumentError(f"evaluations must lie in {_AT_ONCE}..{_MOST}, got {evaluations}")
    check(factory, evaluations, seed, exhausts)


_AT_ONCE = 4
_MOST = 500


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
    from hypothesis import strategies as st

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
