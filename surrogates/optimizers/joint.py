"""Search over functions and learning rates together, with the optimizers that search functions.

The pairs of a function and a rate form a search space like any other: its members are known by the
function's features and by the logarithm of the rate. An optimizer searches it as it is, and
:class:`Joint` says for each pair which function it is, trained at which rate. Every training is
charged, so that tuning has its price.
"""

from __future__ import annotations

from functools import partial, update_wrapper

import numpy as np

from act_bench.search.events import Partial, Result, Setting
from surrogates.choices import Choices
from surrogates.features import Features, Part
from surrogates.optimizers.aquasurf import AQuaSurF
from surrogates.optimizers.gaussian_process import GaussianProcessEI
from surrogates.optimizers.knn import NearestNeighbours
from surrogates.optimizers.random import RandomSearch
from surrogates.protocol import Factory, Optimizer, SearchSpace


class RateSpace(SearchSpace):
    """The pairs of the functions of a space and its learning rates.

    Pair ``p`` is function ``p // len(rates)`` at rate ``p % len(rates)``; its number stands for the
    entry, and its spelling is that of the function with the rate behind an ``@``.

    Parameters
    ----------
    space : SearchSpace
        The functions, and its ``rates``; without any it has one, the benchmark's own.

    Examples
    --------
    >>> functions = SearchSpace([4], [["relu(x)"]], [[0.0]], rates=(0.1, 0.2))
    >>> pairs = RateSpace(functions)
    >>> pairs.expressions, pairs.find("relu(x)@0.2")
    (('relu(x)@0.1', 'relu(x)@0.2'), 1)
    """

    def __init__(self, space: SearchSpace) -> None:
        self.functions = space
        self.pair_rates: tuple[float | None, ...] = space.rates or (None,)
        count = len(self.pair_rates)
        super().__init__(
            range(len(space) * count),
            [[_spelling(text, rate)] for text in space.expressions for rate in self.pair_rates],
            np.repeat(space.outputs, count, axis=0),
            meter=space.meter,
        )

    def question(self, pair: int) -> Partial:
        """Return the function and the rate of a pair."""
        function, rate = divmod(pair, len(self.pair_rates))
        return Partial(self.functions.expressions[function], rate=self.pair_rates[rate])

    def pair_of(self, result: Result) -> int | None:
        """Return the pair that a result is of; None if its function is not in the space."""
        function = self.functions.position.get(result.entry)
        if function is None:
            return None
        rates = self.pair_rates
        if len(rates) == 1:
            return function
        asked = result.learning_rate
        nearest = min(range(len(rates)), key=lambda i: abs((rates[i] or 0.0) - (asked or 0.0)))
        return function * len(rates) + nearest

    def find(self, expression: str) -> int | None:
        """Return the position of a pair by its spelling; of a function at the benchmark's rate."""
        text, _, rate = expression.partition("@")
        function = self.functions.find(text)
        if function is None:
            return None
        rates = self.pair_rates
        place = self.functions.own_rate if not rate else float(rate)
        found = next((i for i, each in enumerate(rates) if each == place), 0)
        return function * len(rates) + found

    def _make(self, name: str, choices: Choices) -> Features:
        """Return the functions' features, repeated, and the logarithm of the rate beside them."""
        plain, count = self.functions.features(name, choices), len(self.pair_rates)
        parts = [Part(part.vectors, part.metric, repeats=count) for part in plain.parts]
        if count > 1:
            octaves = np.log2(np.array(self.pair_rates, dtype=np.float64))
            parts.append(Part(np.tile(octaves, len(self.functions))[:, None], "euclidean"))
        return Features(tuple(parts), np.repeat(plain.known, count))

    @property
    def _functions(self) -> int:
        return len(self.functions)

    def together(self, position: int) -> tuple[int, ...]:
        """Return the pairs of the same function."""
        first = position - position % len(self.pair_rates)
        return tuple(range(first, first + len(self.pair_rates)))

    def neighbours(self, position: int) -> tuple[int, ...]:
        """Return the function's neighbours at the same rate, and itself at the next rates."""
        count = len(self.pair_rates)
        function, rate = divmod(position, count)
        others = {other * count + rate for other in self.functions.neighbours(function)}
        beside = {position + step for step in (-1, 1) if 0 <= rate + step < count}
        return tuple(sorted(others | beside))


def _spelling(text: str, rate: float | None) -> str:
    return text if rate is None else f"{text}@{rate:g}"


class Joint:
    """An optimizer that asks for functions at rates: see the module.

    Parameters
    ----------
    make : Factory
        Of an optimizer that asks for whole trainings.
    space : SearchSpace
        The functions; its rates are those that may be asked for.
    seed : int
    settings
        Those of the optimizer.
    """

    searches_rates = True

    def __init__(self, make: Factory, space: SearchSpace, seed: int, **settings: Setting) -> None:
        self._space = RateSpace(space)
        self._optimizer: Optimizer = make(self._space, seed, **settings)

    def ask(self) -> str | Partial:
        """Return the function of the pair that the optimizer asks for, and its rate."""
        asked = self._optimizer.ask()
        pair = self._space.find(asked if isinstance(asked, str) else asked.expression)
        assert pair is not None  # noqa: S101  (it asked for one of the space)
        question = self._space.question(pair)
        return question.expression if question.rate is None else question

    def tell(self, result: Result) -> None:
        """Tell the optimizer the result of the pair."""
        pair = self._space.pair_of(result)
        if pair is not None:
            self._optimizer.tell(result._replace(entry=pair))


def jointly(make: Factory) -> Factory:
    """Return the factory of the same optimizer over functions and rates; same settings.

    Examples
    --------
    >>> functions = SearchSpace([4], [["relu(x)"]], [[0.0]], rates=(0.1, 0.2))
    >>> optimizer = jointly(RandomSearch)(functions, seed=0)
    >>> sorted([optimizer.ask().rate, optimizer.ask().rate])
    [0.1, 0.2]
    """
    return update_wrapper(partial(Joint, make), make)


RandomSearchAtRates = jointly(RandomSearch)
NearestNeighboursAtRates = jointly(NearestNeighbours)
GaussianProcessAtRates = jointly(GaussianProcessEI)
AQuaSurFAtRates = jointly(AQuaSurF)
