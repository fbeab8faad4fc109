"""Random search without replacement: what every other search must beat."""

from __future__ import annotations

import numpy as np

from act_bench.search.events import Result
from surrogates.protocol import SearchSpace, SpaceExhaustedError


class RandomSearch:
    """Asks for the functions of a space in random order, each once.

    What it finds is known exactly: see :mod:`surrogates.exact`.

    Parameters
    ----------
    space : SearchSpace
    seed : int
        Of the order.

    Examples
    --------
    >>> space = SearchSpace([0, 1], [["relu(x)"], ["elu(x)"]], [[0.0], [1.0]])
    >>> optimizer = RandomSearch(space, seed=0)
    >>> sorted([optimizer.ask(), optimizer.ask()])
    ['elu(x)', 'relu(x)']
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._expressions = space.expressions
        order: list[int] = np.random.default_rng(seed).permutation(len(space)).tolist()
        self._order = iter(order)

    def ask(self) -> str:
        """Return the next expression of the order."""
        for position in self._order:
            return self._expressions[position]
        raise SpaceExhaustedError(f"all {len(self._expressions)} functions were asked for")

    def tell(self, result: Result) -> None:
        """Learn nothing: the order was drawn beforehand."""
