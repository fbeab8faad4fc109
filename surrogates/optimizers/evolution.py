"""Regularized evolution on expression trees: the fittest of a few breed, the oldest dies."""

from __future__ import annotations

from collections import deque

from act_bench.arguments import whole_number
from act_bench.errors import ArgumentError
from act_bench.search.events import Result
from surrogates.optimizers.each_once import EachOnce
from surrogates.protocol import SearchSpace, generator


class RegularisedEvolution(EachOnce):
    """Mutates the best of a random sample of the youngest functions.

    Ageing evolution of Real, Aggarwal, Huang and Le (*Regularized Evolution for Image Classifier
    Architecture Search*, AAAI 2019, Algorithm 1): the population is the last ``population``
    functions that were evaluated, at first random ones. Each step draws ``tournament`` of them at
    random, takes the best as a parent and asks for a mutation of it; once told, the mutation joins
    and the oldest leaves. A mutation is drawn at random from the functions one edit away from any
    spelling of the parent (:meth:`~surrogates.search_space.SearchSpace.neighbours`).

    Differences to the paper: a training has one result here, so no function is evaluated twice. Of
    the neighbours only those count that were not asked for; where there are none, the parent's
    place is taken by a random neighbour of it, and after ``patience`` such steps the next function
    in random order is asked for.

    Parameters
    ----------
    space : SearchSpace
    seed : int
        Of the first population, the tournaments and the mutations.
    population : int
        At least 1.
    tournament : int
        From 1, which is a random walk, to ``population``, which always breeds the best. The paper
        took 25 of 100 over 20,000 evaluations; the defaults are for about a hundred.
    patience : int
        Steps away from a parent whose neighbours were all asked for; at least 0.

    Examples
    --------
    >>> space = SearchSpace([0, 1], [["relu(x)"], ["elu(x)"]], [[0.0], [1.0]])
    >>> optimizer = RegularisedEvolution(space, seed=0, population=1, tournament=1)
    >>> sorted([optimizer.ask(), optimizer.ask()])
    ['elu(x)', 'relu(x)']
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        *,
        population: int = 20,
        tournament: int = 5,
        patience: int = 10,
    ) -> None:
        tournament = whole_number(tournament, "tournament")
        population = whole_number(population, "population")
        patience = whole_number(patience, "patience", least=0)
        if not 1 <= tournament <= population:
            raise ArgumentError(
                f"expected 1 <= tournament <= population, got {tournament} and {population}"
            )
        self._rng = generator(seed)
        super().__init__(space, self._rng.permutation(len(space)).tolist())
        self._tournament = tournament
        self._patience = patience
        # Positions and scores, the oldest first.
        self._population: deque[tuple[int, float]] = deque(maxlen=population)
        self._random_left = population

    def ask(self) -> str:
        """Return a random function while the population is small, then a mutation."""
        if self._random_left or not self._population:
            self._random_left = max(0, self._random_left - 1)
            return self._take(self._next())
        drawn = self._rng.choice(
            len(self._population), min(self._tournament, len(self._population)), replace=False
        )
        parent, _ = max((self._population[i] for i in drawn), key=lambda member: member[1])
        return self._take(self._mutation(parent))

    def tell(self, result: Result) -> None:
        """Let the function join the population, and the oldest leave it."""
        learned = self._learned(result)
        if learned is not None:
            self._population.append(learned)

    def _mutation(self, parent: int) -> int:
        for _ in range(1 + self._patience):
            neighbours = self._space.neighbours(parent)
            fresh = [p for p in neighbours if self._open[p]]
            if fresh:
                return fresh[self._rng.integers(len(fresh))]
            if not neighbours:
                break
            parent = neighbours[self._rng.integers(len(neighbours))]
        return self._next()
