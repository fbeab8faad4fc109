"""Nearest neighbours: functions that are near in the features train alike."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from act_bench.arguments import whole_number
from act_bench.functions.operators import BASELINES
from act_bench.search.events import Result
from surrogates.features import Features
from surrogates.optimizers.each_once import EachOnce
from surrogates.protocol import SearchSpace, generator

_DIGITS: Final = 12


class NearestNeighbours(EachOnce):
    """Asks for the baselines, then for the function whose nearest evaluated functions score best.

    The prediction of a function is the mean score of its ``neighbours`` nearest evaluated functions
    by the distance of the features, and the next to ask for has the highest prediction of those
    not asked for: the loop of the reference search (Bingham and Miikkulainen, NeurIPS 2023), here
    without UMAP unless the features say so. Of equal predictions, and there are many, one is drawn
    at random, so that it depends on the seed. A distance that ties with an earlier neighbour's
    counts as further.

    Functions without a valid Fisher spectrum, where the features need one, are asked for last, in
    random order, and are no neighbours.

    Parameters
    ----------
    space : SearchSpace
        Baselines that it does not hold are left out.
    seed : int
        Of the draws between equal predictions.
    neighbours : int
        How many are averaged; at least 1. While fewer have been evaluated, all of them.
    features : str
        One of ``surrogates.features.FEATURES``.

    Examples
    --------
    >>> space = SearchSpace([0, 1], [["elu(x)"], ["exp(x)"]], [[0.0], [1.0]])
    >>> optimizer = NearestNeighbours(space, seed=0)
    >>> optimizer.ask(), optimizer.ask()
    ('elu(x)', 'exp(x)')
    """

    def __init__(
        self, space: SearchSpace, seed: int, *, neighbours: int = 3, features: str = "outputs"
    ) -> None:
        self._neighbours = whole_number(neighbours, "neighbours", least=1)
        super().__init__(space)
        self._features = self._look(features)
        self._known = self._features.known
        self._rng = generator(seed)
        self._first = [p for text in reversed(BASELINES) if (p := space.find(text)) is not None]
        # By nearness, the distances and scores of each function's nearest evaluated functions; a
        # column is added with each evaluation, until there are as many as neighbours.
        self._distances = np.empty((len(space), 0))
        self._scores = np.empty((len(space), 0))

    def ask(self) -> str:
        """Return the next baseline, or the function with the best prediction."""
        while self._first:
            position = self._first.pop()
            if self._open[position]:
                return self._take(position)
        candidates = self._candidates()
        if candidates.size:
            predicted = self._predict()[candidates]
            candidates = candidates[predicted == predicted.max()]
        else:
            candidates = self._left()
        return self._take(int(self._rng.choice(candidates)))

    def tell(self, result: Result) -> None:
        """Let the function be a neighbour of all others."""
        learned = self._learned(result)
        if learned is None or not self._features.known[learned[0]]:
            return
        position, score = learned
        distances = self._features.distances(position)
        if self._scores.shape[1] < self._neighbours:
            self._distances = np.pad(self._distances, ((0, 0), (0, 1)), constant_values=np.inf)
            self._scores = np.pad(self._scores, ((0, 0), (0, 1)))
        # Only where it is nearer than the last of the neighbours: of equals the earlier one stays.
        rows = np.flatnonzero(distances < self._distances[:, -1])
        nearer = np.column_stack([self._distances[rows], distances[rows]])
        scores = np.column_stack([self._scores[rows], np.full(len(rows), score)])
        nearest = np.argsort(nearer, axis=1, kind="stable")[:, : self._scores.shape[1]]
        self._distances[rows] = np.take_along_axis(nearer, nearest, axis=1)
        self._scores[rows] = np.take_along_axis(scores, nearest, axis=1)

    def _look(self, features: str) -> Features:
        """Return the features by their name."""
        return self._space.features(features)

    def _candidates(self) -> NDArray[np.intp]:
        """Return the functions that the prediction chooses from; none: those that are left."""
        return np.flatnonzero(self._open & self._known)

    def _predict(self) -> NDArray[np.float64]:
        """Return the predicted score of each function: (functions,)."""
        if not self._scores.shape[1]:
            return np.zeros(len(self._space))
        # Rounded, so that equal means are equal in whatever order their terms were added.
        means: NDArray[np.float64] = self._scores.mean(axis=1)
        return means.round(_DIGITS)
