"""What optimizers with a model share: random starts, then the functions the model ranks highest."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from act_bench.arguments import whole_number
from act_bench.search.events import Result
from surrogates.optimizers.each_once import EachOnce
from surrogates.protocol import SearchSpace, generator

Float = NDArray[np.float64]
Positions = NDArray[np.intp]


class ModelBased(EachOnce, ABC):
    """Asks for random functions, then for those the surrogate ranks highest.

    What diverged has the chance level as its score, for the model as for everybody. With the
    features ``fim`` or ``union``, functions without a valid Fisher spectrum are asked for last, in
    random order: no network with finite curvature at its start comes with them. What was asked for
    and not told yet is no candidate; the model knows nothing else of it. The random starts go on
    until two scores differ.

    A subclass returns acquisition values in ``_acquisition``, from ``_positions`` and ``_scores``.
    """

    def __init__(self, space: SearchSpace, seed: int, starts: int, features: str) -> None:
        starts = whole_number(starts, "starts", least=1)
        super().__init__(space)
        self._features = space.features(features)
        self._rng = generator(seed)
        order = self._rng.permutation(len(space))
        known = order[self._features.known[order]]
        self._starts: list[int] = known[:starts][::-1].tolist()
        self._positions: list[int] = []
        self._scores: list[float] = []

    def ask(self) -> str:
        """Return a random start, or the function of the highest acquisition; of equals a random."""
        if self._starts:
            return self._take(self._starts.pop())
        candidates = np.flatnonzero(self._open & self._features.known)
        # Equal scores, as where all starts diverged, teach a model nothing, and by the deviation
        # alone it would ask for one far corner of the space after the other.
        if candidates.size and len(set(self._scores)) > 1:
            acquisition = self._acquisition(candidates)
            candidates = candidates[acquisition == acquisition.max()]
        elif not candidates.size:
            candidates = self._left()
        # As rng.choice does, which takes five times as long.
        return self._take(int(candidates[self._rng.integers(candidates.size)]))

    def tell(self, result: Result) -> None:
        """Keep a score for the model."""
        learned = self._learned(result)
        if learned is not None and self._features.known[learned[0]]:
            self._positions.append(learned[0])
            self._scores.append(learned[1])

    @abstractmethod
    def _acquisition(self, candidates: Positions) -> Float:
        """Return what each candidate is worth asking for; at least two scores differ."""


def expected_improvement(mean: Float, deviation: Float, best: float) -> Float:
    r"""Return the expected improvement over the best score so far, for each prediction.

    .. math:: E[\max(f - b, 0)] = s \, (z \Phi(z) + \varphi(z)), \quad z = (m - b) / s

    (Jones, Schonlau and Welch, *Efficient Global Optimization of Expensive Black-Box Functions*,
    1998, Eq. 15.)

    Parameters
    ----------
    mean, deviation : array of shape (functions,)
        Of normal predictions; where a deviation is 0, the improvement is that of the mean.
    best : float

    Examples
    --------
    >>> expected_improvement(np.array([1.0, 1.0]), np.array([0.0, 1.0]), best=0.5).round(4).tolist()
    [0.5, 0.6978]
    """
    from scipy.special import ndtr

    gain = mean - best
    doubtful = deviation > 0
    sure = not doubtful.all()
    z = gain / (np.where(doubtful, deviation, 1.0) if sure else deviation)
    density = z * z
    density *= -0.5
    np.exp(density, out=density)
    density /= np.sqrt(2 * np.pi)
    improvement: Float = ndtr(z)
    improvement *= z
    improvement += density
    improvement *= deviation
    return np.where(doubtful, improvement, np.maximum(gain, 0.0)) if sure else improvement
