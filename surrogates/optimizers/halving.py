"""Successive halving and Hyperband: many trainings are begun, and the best go on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from math import ceil

from act_bench.arguments import whole_number
from act_bench.search.events import Partial, Result
from surrogates.optimizers.each_once import EachOnce
from surrogates.protocol import SearchSpace, generator


def rungs(epochs: int, reduction: int) -> list[int]:
    """Return after how many epochs trainings are compared, ascending.

    Examples
    --------
    >>> rungs(8, 2), rungs(8, 3), rungs(1, 3)
    ([1, 2, 4, 8], [1, 3, 8], [1])
    """
    found = [epochs]
    while found[-1] > 1:
        found.append(ceil(found[-1] / reduction))
    return found[::-1]


class _Bracket:
    """Functions that are trained to one rung after another, each time fewer of them."""

    def __init__(self, positions: Sequence[int], levels: Sequence[int], reduction: int) -> None:
        self.queue = list(positions)
        self._levels = list(levels)
        self._reduction = reduction
        self._awaited = len(self.queue)
        self._scores: dict[int, float] = {}

    @property
    def epochs(self) -> int:
        """How far the functions of the queue are trained."""
        return self._levels[0]

    @property
    def over(self) -> bool:
        """Whether nothing is left to train, nor awaited."""
        return not self._awaited

    def tell(self, position: int, score: float | None) -> dict[int, float]:
        """Take note of a score; once the rung is complete, return those that do not go on."""
        self._awaited -= 1
        if score is not None:
            self._scores[position] = score
        if self._awaited or len(self._levels) == 1:
            return {}
        # A sort is stable: of equals those that finished first go on.
        ranked = sorted(self._scores, key=lambda p: -self._scores[p])
        kept = max(1, len(ranked) // self._reduction)
        stopped = {p: self._scores[p] for p in ranked[kept:]}
        self.queue = ranked[:kept]
        self._awaited = len(self.queue)
        self._scores = {}
        self._levels = self._levels[1:]
        return stopped


class Hyperband(EachOnce):
    """Races brackets of random functions, from many that start short to few that start long.

    Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar (*Hyperband: A Novel Bandit-Based Approach to
    Hyperparameter Optimization*, JMLR 2018, Algorithm 1), over epochs: trainings are compared after
    about 1/reduction^k of their epochs, and of each rung the best 1/reduction go on. The next
    bracket begins when the workers would have to wait for the results of the last one. When no
    function is left to begin with, those that were stopped are trained to the end, the furthest and
    best first.

    Parameters
    ----------
    space : SearchSpace
        With learning curves.
    seed : int
        Of the order in which functions are begun.
    reduction : int
        One in how many continues; at least 2. Both papers recommend 3 or 4.

    Examples
    --------
    >>> space = SearchSpace([0], [["relu(x)"]], [[0.0]], epochs=3)
    >>> Hyperband(space, seed=0).ask()
    Partial(expression='relu(x)', epochs=1, rate=None)
    """

    def __init__(self, space: SearchSpace, seed: int, *, reduction: int = 3) -> None:
        reduction = whole_number(reduction, "reduction", least=2)
        super().__init__(space, generator(seed).permutation(len(space)).tolist())
        self._reduction = reduction
        self._plans = cycle(self._brackets(rungs(space.epochs, reduction)))
        self._racing: list[_Bracket] = []
        self._running: dict[int, _Bracket | None] = {}
        self._stopped: dict[int, tuple[int, float]] = {}  # position -> epochs and score

    def ask(self) -> str | Partial:
        """Return the next function of the first bracket that has one to train."""
        bracket = next((bracket for bracket in self._racing if bracket.queue), None)
        if bracket is None and self._open.any():
            count, levels = next(self._plans)
            drawn = list(islice(self._order, count))
            self._open[drawn] = False
            bracket = _Bracket(drawn, levels, self._reduction)
            self._racing.append(bracket)
        if bracket is not None:
            return self._start(bracket.queue.pop(0), bracket, bracket.epochs)
        if self._stopped:
            furthest = max(self._stopped, key=lambda p: self._stopped[p])
            del self._stopped[furthest]
            return self._start(furthest, None, self._space.epochs)
        raise self._exhausted()

    def tell(self, result: Result) -> None:
        """Let the function's bracket go on when its rung is complete."""
        position = self._space.position.get(result.entry)
        bracket = None if position is None else self._running.pop(position, None)
        if position is None or bracket is None:
            return
        epochs = bracket.epochs
        for stopped, score in bracket.tell(position, result.score).items():
            self._stopped[stopped] = (epochs, score)
        if bracket.over:
            self._racing.remove(bracket)

    def _start(self, position: int, bracket: _Bracket | None, epochs: int) -> str | Partial:
        self._running[position] = bracket
        expression = self._space.expressions[position]
        return expression if epochs == self._space.epochs else Partial(expression, epochs)

    def _brackets(self, levels: list[int]) -> list[tuple[int, list[int]]]:
        """Return of each bracket with how many functions it begins, and its rungs."""
        most = len(levels)
        return [
            (ceil(most * self._reduction ** (n - 1) / n), levels[-n:]) for n in range(most, 0, -1)
        ]


class SuccessiveHalving(Hyperband):
    """Races random functions in brackets that all start with the shortest trainings.

    Jamieson and Talwalkar (*Non-stochastic Best Arm Identification and Hyperparameter
    Optimization*, AISTATS 2016): the first bracket of :class:`Hyperband`, again and again. The
    parameters are the same.

    Examples
    --------
    >>> space = SearchSpace([0], [["relu(x)"]], [[0.0]], epochs=3)
    >>> SuccessiveHalving(space, seed=0).ask()
    Partial(expression='relu(x)', epochs=1, rate=None)
    """

    def _brackets(self, levels: list[int]) -> list[tuple[int, list[int]]]:
        return super()._brackets(levels)[:1]
