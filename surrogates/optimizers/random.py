"""Random search without replacement: what every other search must beat."""

from __future__ import annotations

from act_bench.search.events import Result
from surrogates.optimizers.each_once import EachOnce
from surrogates.protocol import SearchSpace, generator


class RandomSearch(EachOnce):
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
        super().__init__(space, generator(seed).permutation(len(space)).tolist())

    def ask(self) -> str:
        """Return the next expression of the order."""
        return self._take(self._next())

    def tell(self, result: Result) -> None:
        """Learn nothing: the order was drawn beforehand."""
