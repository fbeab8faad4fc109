"""Functions that fail: a classifier says who, a regressor how good the others are."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from act_bench.arguments import finite_number
from act_bench.errors import ArgumentError

Float = NDArray[np.float64]


class FailureAware(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    r"""A mixture: with probability p the function fails and is worth the chance level.

    With the regressor's mean m and deviation s for a function that does not fail, the score has

    .. math:: E = p c + (1 - p) m, \qquad V = (1 - p) s^2 + p (1 - p) (m - c)^2

    by the law of total variance.

    Parameters
    ----------
    regressor : estimator
        With ``predict(X, return_std=True)``; fitted to those that did not fail.
    classifier : estimator
        With ``predict_proba``; fitted to all.
    chance : float
        What a function that fails is worth.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from surrogates.regressors import NeighboursRegressor
    >>> model = FailureAware(NeighboursRegressor(2), KNeighborsClassifier(2), chance=0.1)
    >>> model = model.fit([[0.0], [1.0], [9.0]], [0.7, 0.9, 0.1], failed=[False, False, True])
    >>> model.predict([[0.5], [5.5]]).round(3).tolist()
    [0.8, 0.455]
    """

    def __init__(self, regressor: Any, classifier: Any, chance: float = 0.1) -> None:
        self.regressor = regressor
        self.classifier = classifier
        self.chance = chance

    def fit(self, X: ArrayLike, y: ArrayLike, failed: ArrayLike | None = None) -> Self:  # noqa: N803
        """Learn from features (n, features), scores (n,), and who failed (n,); default: none.

        The scores of those that failed count for nothing and may be NaN.

        Raises
        ------
        act_bench.errors.ArgumentError
            ``failed`` is not boolean or of another shape than the scores, or the chance level is
            no finite number; a ValueError.
        """
        finite_number(self.chance, "chance")
        if failed is not None:
            lost, given = np.asarray(failed), np.asarray(y)
            if lost.dtype != np.bool_:
                raise ArgumentError(
                    f"failed must be an array of booleans, got dtype {lost.dtype}; compare, as in "
                    "outcomes == 'diverged'"
                )
            if lost.shape != given.shape:
                raise ArgumentError(f"failed must have the shape {given.shape}, got {lost.shape}")
            y = np.where(lost, self.chance, given)
        features, scores = validate_data(self, X, y, y_numeric=True)
        if failed is None:
            lost = np.zeros(len(scores), np.bool_)
        # With one kind only there is nothing to classify, and without the other nothing to fit.
        self.failure_rate_ = float(lost.mean())
        self.classifier_ = self.regressor_ = None
        if 0 < self.failure_rate_ < 1:
            self.classifier_ = clone(self.classifier).fit(features, lost)
        if self.failure_rate_ < 1:
            self.regressor_ = clone(self.regressor).fit(features[~lost], scores[~lost])
        return self

    def predict_failure(self, X: ArrayLike) -> Float:  # noqa: N803
        """Return the probability that each function fails: (n,)."""
        check_is_fitted(self, "failure_rate_")
        features = validate_data(self, X, reset=False)
        if self.classifier_ is None:
            return np.full(len(features), self.failure_rate_)
        probabilities: Float = self.classifier_.predict_proba(features)[:, 1]
        return probabilities

    def predict(self, X: ArrayLike, return_std: bool = False) -> Float | tuple[Float, Float]:  # noqa: N803
        """Return means and, if asked for, standard deviations: each (n,)."""
        failing = self.predict_failure(X)
        if self.regressor_ is None:
            mean, deviation = np.full((2, len(failing)), [[self.chance], [0.0]])
        elif return_std:
            mean, deviation = self.regressor_.predict(X, return_std=True)
        else:
            mean, deviation = self.regressor_.predict(X), np.zeros(len(failing))
        expected: Float = failing * self.chance + (1 - failing) * mean
        if not return_std:
            return expected
        spread = failing * (1 - failing) * (mean - self.chance) ** 2
        return expected, np.sqrt((1 - failing) * deviation**2 + spread)
