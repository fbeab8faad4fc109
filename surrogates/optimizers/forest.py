"""Bayesian optimization with a random forest and expected improvement."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
from sklearn import config_context
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import Tags

from act_bench.arguments import whole_number
from act_bench.errors import ArgumentError
from surrogates.optimizers.model_based import Float, ModelBased, Positions, expected_improvement
from surrogates.search_space import SearchSpace

MOST_TREES: Final = 10_000
"""Their predictions for the paper's space, with room for offsets, take half a gigabyte."""
_DEEPEST: Final = 2**31 - 1
"""What scikit-learn takes for no limit."""
_PAIRWISE: Final = 128
"""Numbers that NumPy adds without halving them."""


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
        self._predictions = np.zeros((trees, len(space)))
        self._offsets = np.empty_like(self._predictions)
        self._draws = np.random.RandomState(0)  # what scikit-learn draws from; seeded for each tree
        self._tree = _Tree(max_features=1 / 3, max_depth=_DEEPEST, random_state=self._draws)
        self._regrown = regrown
        self._oldest = 0
        self._grown_for = 0

    def _acquisition(self, candidates: Positions) -> Float:
        trees = len(self._predictions)
        fresh = len(self._scores) - self._grown_for
        positions, scores = np.array(self._positions), np.array(self._scores)
        # Checking the parameters of a small tree takes longer than growing it.
        with config_context(skip_parameter_validation=True):
            for _ in range(min(trees, self._regrown * fresh) if self._grown_for else trees):
                self._predictions[self._oldest] = self._grow(positions, scores)
                self._oldest = (self._oldest + 1) % trees
        self._grown_for = len(scores)
        mean = _summed(self._predictions)
        mean /= trees
        offsets = np.subtract(self._predictions, mean, out=self._offsets)
        offsets *= offsets
        deviation = _summed(offsets)
        deviation /= trees
        np.sqrt(deviation, out=deviation)
        return expected_improvement(mean[candidates], deviation[candidates], scores.max())

    def _grow(self, positions: Positions, scores: Float) -> Float:
        """Grow a tree on a bootstrap sample; return its predictions for all functions."""
        sample = self._rng.integers(len(scores), size=len(scores))
        self._draws.seed(int(self._rng.integers(2**31)))
        tree = self._tree.fit(self._vectors[positions[sample]], scores[sample], check_input=False)
        predicted: Float = tree.tree_.predict(self._vectors)[:, 0]
        return predicted


def _summed(rows: Float) -> Float:
    """Return the sum of rows, (columns,), rounded as NumPy rounds the sum of one row's numbers.

    It adds every eighth, then the eight sums in pairs, then what is left over; of more than 128
    numbers it adds two halves. Predictions that differ in the order of trees only would be told
    apart by another order. Adding whole rows is faster than ``sum(axis=1)``.

    Examples
    --------
    >>> rows = np.random.default_rng(0).random((300, 5))
    >>> [bool((_summed(rows[:n]) == rows[:n].T.copy().sum(axis=1)).all()) for n in (2, 30, 300)]
    [True, True, True]
    """
    count = len(rows)
    if count > _PAIRWISE:
        half = count // 2 // 8 * 8
        return _summed(rows[:half]) + _summed(rows[half:])
    whole = count // 8 * 8
    if not whole:
        return np.asarray(np.add.reduce(rows, axis=0))
    sums = np.add.reduce(rows[:whole].reshape(-1, 8, rows.shape[1]), axis=0)
    while len(sums) > 1:
        sums = sums[0::2] + sums[1::2]
    total: Float = sums[0]
    for row in rows[whole:]:
        total += row
    return total


class _Tree(DecisionTreeRegressor):  # type: ignore[misc]
    """A tree that is grown again and again, and looks up once what scikit-learn asks of it."""

    @cached_property
    def _tags(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        return tags

    def __sklearn_tags__(self) -> Tags:
        return self._tags

    def __sklearn_is_fitted__(self) -> bool:
        return True
