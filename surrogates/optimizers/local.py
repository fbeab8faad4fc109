"""Local search on the expression tree: walk from a good function to a better one beside it."""

from __future__ import annotations

import numpy as np

from act_bench.arguments import whole_number
from act_bench.search.events import Result
from surrogates.optimizers.each_once import EachOnce
from surrogates.protocol import SearchSpace, generator


class LocalSearch(EachOnce):
    """Climbs by first improvement from the best of a few random starts; restarts at each summit.

    Round by round: draw ``starts`` functions at random; stand on the best of them; try its
    neighbours, the functions one edit away from any of its spellings, in random order; step to a
    better one as soon as it is found. When no neighbour is left that was not asked for, the
    function is a local optimum, and a new round begins. No function is asked for twice, and a
    neighbour that is known to be better from an earlier round is stepped to without asking.

    First improvement, because one step down costs one evaluation and a neighbourhood costs tens of
    them; several starts, because many functions do not train at all and have nothing to climb.

    Parameters
    ----------
    space : SearchSpace
    seed : int
        Of the random starts and of the order of the neighbours.
    starts : int
        Random functions at the head of each round; at least 1.

    Examples
    --------
    >>> space = SearchSpace([0, 1], [["relu(x)"], ["elu(x)"]], [[0.0], [1.0]])
    >>> optimizer = LocalSearch(space, seed=0, starts=1)
    >>> sorted([optimizer.ask(), optimizer.ask()])
    ['elu(x)', 'relu(x)']
    """

    def __init__(self, space: SearchSpace, seed: int, *, starts: int = 10) -> None:
        starts = whole_number(starts, "starts", least=1)
        self._rng = generator(seed)
        super().__init__(space, self._rng.permutation(len(space)).tolist())
        self._scores: dict[int, float] = {}
        self._starts = starts
        self._left_to_draw = starts
        self._standing: int | None = None
        self._to_try: list[int] = []

    def ask(self) -> str:
        """Return a random start, or the next neighbour of where the search stands."""
        if self._left_to_draw == 0:
            while self._to_try:
                position = self._to_try.pop()
                if self._open[position]:
                    return self._take(position)
            self._standing = None
            self._left_to_draw = self._starts
        self._left_to_draw -= 1
        return self._take(self._next())

    def tell(self, result: Result) -> None:
        """Step to the function if it is better than where the search stands."""
        learned = self._learned(result)
        if learned is None:
            return
        position, score = learned
        self._scores[position] = score
        if self._standing is None or score > self._scores[self._standing]:
            self._stand_on(position)

    def _stand_on(self, position: int) -> None:
        """Stand on a function or, where neighbours are known to be better, on the best beyond."""
        while True:
            neighbours = self._space.neighbours(position)
            best = max(neighbours, key=self._known, default=position)
            if self._known(best) <= self._known(position):
                break
            position = best
        self._standing = position
        untried = [p for p in neighbours if self._open[p]]
        self._to_try = [untried[i] for i in self._rng.permutation(len(untried))]

    def _known(self, position: int) -> float:
        return self._scores.get(position, -np.inf)
