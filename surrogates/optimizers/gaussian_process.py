"""Bayesian optimization with a Gaussian process: expected improvement and Thompson sampling."""

from __future__ import annotations

from typing import Final

import numpy as np

from act_bench.arguments import whole_number
from surrogates.gaussian_process import Posterior, most_likely
from surrogates.optimizers.model_based import Float, ModelBased, Positions, expected_improvement
from surrogates.search_space import SearchSpace

_GROWTH: Final = 1.25


class _GaussianProcess(ModelBased):
    """Keeps a posterior up to date; learns hyperparameters anew with a quarter more scores."""

    def __init__(self, space: SearchSpace, seed: int, starts: int, features: str) -> None:
        super().__init__(space, seed, starts, features)
        self._posterior: Posterior | None = None
        self._observed = 0
        self._next_fit = 1.0

    def _current(self) -> Posterior:
        parts = self._features.parts
        if self._posterior is None or len(self._scores) >= self._next_fit:
            positions = np.array(self._positions)
            apart = [np.array([p.distances(i)[positions] for i in positions]) for p in parts]
            found = most_likely(apart, np.array(self._scores))
            if self._posterior is None:
                self._posterior = Posterior(found, len(self._space))
            else:
                self._posterior.restart(found)
            self._observed = 0
            self._next_fit = _GROWTH * len(self._scores)
        fresh = self._positions[self._observed :]
        if fresh:
            distances = [[part.distances(i) for i in fresh] for part in parts]
            self._posterior.observe(fresh, distances, self._scores[self._observed :])
        self._observed = len(self._scores)
        return self._posterior


class GaussianProcessEI(_GaussianProcess):
    """Asks for the function whose score is expected to improve most on the best so far.

    The model is that of :mod:`surrogates.gaussian_process`; its hyperparameters are learned anew
    whenever a quarter more scores are known.

    Parameters
    ----------
    space : SearchSpace
    seed : int
        Of the random starts and of the draws between equals.
    starts : int
        Random functions at first; at least 1.
    features : str
        What distances are computed from: one of ``surrogates.features.FEATURES``.

    Examples
    --------
    >>> space = SearchSpace([0, 1], [["relu(x)"], ["elu(x)"]], [[0.0], [1.0]])
    >>> optimizer = GaussianProcessEI(space, seed=0, starts=2)
    >>> sorted([optimizer.ask(), optimizer.ask()])
    ['elu(x)', 'relu(x)']
    """

    def __init__(
        self, space: SearchSpace, seed: int, *, starts: int = 10, features: str = "outputs"
    ) -> None:
        super().__init__(space, seed, starts, features)

    def _acquisition(self, candidates: Positions) -> Float:
        posterior = self._current()
        mean, deviation = posterior.mean()[candidates], posterior.deviation()[candidates]
        return expected_improvement(mean, deviation, max(self._scores))


class GaussianProcessThompson(_GaussianProcess):
    """Draws the scores of many functions from the posterior, and asks for the best of the draw.

    Thompson sampling: a function is asked for as often as it is likely to be the best, so that
    several asks before their results differ by themselves (Kandasamy et al., *Parallelised Bayesian
    Optimization via Thompson Sampling*, AISTATS 2018). The draw is exact, and over a random subset
    of the functions, for its cost grows with the cube of their number.

    Parameters
    ----------
    space : SearchSpace
    seed : int
        Of everything random.
    starts : int
        Random functions at first; at least 1.
    features : str
        What distances are computed from: one of ``surrogates.features.FEATURES``.
    subset : int
        Functions of which the scores are drawn; at least 1.

    Examples
    --------
    >>> space = SearchSpace([0, 1], [["relu(x)"], ["elu(x)"]], [[0.0], [1.0]])
    >>> optimizer = GaussianProcessThompson(space, seed=0, starts=2)
    >>> sorted([optimizer.ask(), optimizer.ask()])
    ['elu(x)', 'relu(x)']
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        *,
        starts: int = 10,
        features: str = "outputs",
        subset: int = 300,
    ) -> None:
        subset = whole_number(subset, "subset", least=1)
        super().__init__(space, seed, starts, features)
        self._subset = subset
        self._room = np.empty((0, 0, 0))  # where distances are made, again and again

    def _acquisition(self, candidates: Positions) -> Float:
        posterior = self._current()
        drawn = self._rng.permutation(len(candidates))[: self._subset]
        some = candidates[drawn]
        parts = self._features.parts
        if self._room.shape[1] != len(some):
            self._room = np.empty((len(parts), len(some), len(some)))
        distances = [
            p.between(some, half=True, out=r) for p, r in zip(parts, self._room, strict=True)
        ]
        worth = np.full(len(candidates), -np.inf)
        worth[drawn] = posterior.sample(some, distances, self._rng)
        return worth
