"""What nearly all optimizers share: no function is asked for twice."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from act_bench.search.events import Result
from surrogates.protocol import SearchSpace, SpaceExhaustedError


class EachOnce:
    """Keeps which functions of a space nobody asked for yet.

    Parameters
    ----------
    space : SearchSpace
    order : iterable of int
        The positions in the order in which :meth:`_next` takes them. Default: an optimizer that
        only chooses among :meth:`_left` needs none.

    Attributes
    ----------
    _open : array of shape (functions,), bool
        Which functions were not asked for.
    """

    def __init__(self, space: SearchSpace, order: Iterable[int] = ()) -> None:
        self._space = space
        self._order = iter(order)
        self._open = np.ones(len(space), dtype=np.bool_)

    def _next(self) -> int:
        """Return the next function of the order that nobody asked for.

        Raises
        ------
        SpaceExhaustedError
            There is none.
        """
        for position in self._order:
            if self._open[position]:
                return position
        raise self._exhausted()

    def _left(self) -> NDArray[np.intp]:
        """Return all functions that nobody asked for, ascending.

        Raises
        ------
        SpaceExhaustedError
            There are none.
        """
        left = np.flatnonzero(self._open)
        if not left.size:
            raise self._exhausted()
        return left

    def _take(self, position: int) -> str:
        """Return the expression of a function, which is asked for with this."""
        self._open[position] = False
        return self._space.expressions[position]

    def _learned(self, result: Result) -> tuple[int, float] | None:
        """Return the position and score of a result; None where it teaches nothing."""
        position = self._space.position.get(result.entry)
        return None if position is None or result.score is None else (position, result.score)

    def _exhausted(self) -> SpaceExhaustedError:
        return SpaceExhaustedError(f"all {len(self._space)} functions were asked for")
