"""What an optimizer is, and what it may know.

An optimizer asks for an expression and is told its :class:`~act_bench.search.events.Result`,
again and again. It is made from a :class:`~surrogates.search_space.SearchSpace` and a seed. A
search space holds what is known before any training, and an optimizer holds nothing else but what
it was told: there is no way from it to the values of entries that were not queried, nor to test.

All that an optimizer is written with can be imported from here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Protocol

import numpy as np

from act_bench.arguments import whole_number
from act_bench.errors import ActBenchError, ExitCode
from act_bench.search.events import Partial, Result, Setting
from surrogates.search_space import SearchSpace

__all__ = [
    "Factory",
    "Optimizer",
    "SearchSpace",
    "SpaceExhaustedError",
    "generator",
    "settings_of",
]


class SpaceExhaustedError(ActBenchError, RuntimeError):
    """Every function of the search space was asked for."""

    exit_code = ExitCode.NO


class Optimizer(Protocol):
    """Chooses what to train next.

    Several asks may come before their results are told, in any order, as with parallel workers. An
    optimizer takes all randomness from its seed: the same seed and the same results give the same
    asks.
    """

    def ask(self) -> str | Partial:
        """Return the expression to train next; a ``Partial`` says for how many epochs.

        Raises
        ------
        SpaceExhaustedError
            There is nothing left to ask for.
        """
        ...

    def tell(self, result: Result) -> None:
        """Learn the result of an expression that was asked for."""
        ...


Factory = Callable[..., Optimizer]
"""``factory(space, seed, **settings)``; each setting is keyword-only and has a default."""


def generator(seed: int) -> np.random.Generator:
    """Return the generator that an optimizer takes all randomness from.

    Raises
    ------
    act_bench.errors.ArgumentError
        The seed is no whole number, or below 0; a ValueError.
    """
    return np.random.default_rng(whole_number(seed, "seed", least=0))


def settings_of(factory: Callable[..., object]) -> dict[str, Setting]:
    """Return the settings of a factory with their defaults: its keyword-only parameters.

    Examples
    --------
    >>> from surrogates.optimizers import OPTIMIZERS
    >>> settings_of(OPTIMIZERS["knn"])
    {'neighbours': 3, 'features': 'outputs'}
    """
    parameters = inspect.signature(factory).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
