"""Bayesian optimization with a random forest and expected improvement."""

from __future__ import annotations

from typing import Final

import numpy as np
from sklearn import config_context
from sklearn.tree import DecisionTreeRegressor

from act_bench.arguments import whole_number
from act_bench.errors import ArgumentError
from surrogates.optimizers.model_based import Float, ModelBased, Positions, expected_improvement
from surrogates.protocol import SearchSpace

MOST_TREES: Final = 10_000
"""Their predictions for the paper's space take a quarter of a gigabyte."""


class RandomForestEI(ModelBased):
    """Asks for the function whose score is expected to improve most, by a random forest.

    Mean and deviation of a score are those of the trees' predictions, as in SMAC (Hutter, Hoos and
    Leyton-Brown, *Sequential Model-Based Optimization for General Algorithm Configuration*, LION
    2011). Each tree is grown on a bootstrap sample of the scores, and looks at a third of the
    features for each split (Breiman, *Random Forests*, 2001). Growing all of them anew for each
    score would take most of the time for little news: the oldest ``regrown`` trees are.

    Needs scikit-learn: ``pip install 'act-bench[surrogates]'``.

    Parameters
    ----------
    space : SearchSpace
    seed : int
        Of the random starts, the forest and the draws between equals.
    starts : int
        Random functions at first; at least 1.
    features : str
        What the trees split on: one of ``surrogates.features.FEATURES``.
    trees : int
        At least 2.
    regrown : int
        Trees that are grown anew for each score; from 1 to ``trees``.

    Examples
    --------
    >>> space = SearchSpace([0, 1], [["relu(x)"], ["elu(x)"]], [[0.0], [1.0]])
    >>> optimizer = RandomForestEI(space, seed=0, starts=2)
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
        trees: int = 30,
        regrown: int = 6,
    ) -> None:
        trees = whole_number(trees, "trees", most=MOST_TREES)
        regrown = whole_number(regrown, "regrown")
        if not 1 <= regrown <= trees or trees < 2:
            raise ArgumentError(
                f"expected 1 <= regrown <= trees and two trees, got {regrown}, {trees}"
            )
        super().__init__(space, seed, starts, features)
        self._vectors = np.ascontiguousarray(self._features.vectors(), dtype=np.float32)
        self._predictions = np.zeros((len(space), trees))
        self._draws = np.random.RandomState(0)  # what scikit-learn draws from; seeded for each tree
        self._regrown = regrown
        self._oldest = 0
        self._grown_for = 0

    def _acquisition(self, candidates: Positions) -> Float:
        trees = self._predictions.shape[1]
        fresh = len(self._scores) - self._grown_for
        positions, scores = np.array(self._positions), np.array(self._scores)
        # Checking the parameters of a small tree takes longer than growing it.
        with config_context(skip_parameter_validation=True):
            for _ in range(min(trees, self._regrown * fresh) if self._grown_for else trees):
                self._predictions[:, self._oldest] = self._grow(positions, scores)
                self._oldest = (self._oldest + 1) % trees
        self._grown_for = len(scores)
        mean, deviation = self._predictions.mean(axis=1), self._predictions.std(axis=1)
        return expected_improvement(mean[candidates], deviation[candidates], scores.max())

    def _grow(self, positions: Positions, scores: Float) -> Float:
        """Grow a tree on a bootstrap sample; return its predictions for all functions."""
        sample = self._rng.integers(len(scores), size=len(scores))
        self._draws.seed(int(self._rng.integers(2**31)))
        tree = DecisionTreeRegressor(max_features=1 / 3, random_state=self._draws)
        tree.fit(self._vectors[positions[sample]], scores[sample], check_input=False)
        predicted: Float = tree.tree_.predict(self._vectors)[:, 0]
        return predicted
