"""The Gaussian process of :mod:`surrogates.gaussian_process` as a regressor on features."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cholesky, solve_triangular
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from act_bench.errors import ArgumentError
from surrogates.gaussian_process import correlation, most_likely
from surrogates.regressors.distances import check_split, part_distances

Float = NDArray[np.float64]


class DistanceProcessRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A Gaussian process whose covariance falls exponentially with one distance, or with two.

    Hyperparameters are the most likely on a grid; the deviation is that of the score without noise.

    Parameters
    ----------
    split : int or None
        Columns before it are compared by the Euclidean distance, as outputs are (Eq. 3), columns
        from it on by the Manhattan distance, as Fisher spectra are (Eq. 2). None: all Euclidean.
    learn_from : int
        Hyperparameters are learned from at most so many targets, evenly spaced, for the time that
        takes grows with the cube of their number. Predictions use all targets.

    Examples
    --------
    >>> X = np.arange(5.0)[:, None]
    >>> model = DistanceProcessRegressor().fit(X, X[:, 0])
    >>> mean, deviation = model.predict([[2.0], [2.5]], return_std=True)
    >>> mean.round(1).tolist(), bool(deviation[1] > deviation[0])
    ([2.0, 2.5], True)
    """

    def __init__(self, split: int | None = None, learn_from: int = 300) -> None:
        self.split = split
        self.learn_from = learn_from

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Learn from the targets ``y``, (n,), of the features ``X``, (n, features)."""
        features, targets = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        check_split(self.split, features.shape[1])
        if self.learn_from < 1:
            raise ArgumentError(f"learn_from must be at least 1, got {self.learn_from}")
        self.features_, self.targets_ = features, np.asarray(targets, dtype=np.float64)
        count = min(self.learn_from, len(features))
        some = np.linspace(0, len(features) - 1, count).round().astype(int)
        apart = part_distances(features[some], features[some], self.split)
        self.hyperparameters_ = most_likely(apart, self.targets_[some])
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Float | tuple[Float, Float]:  # noqa: N803
        """Return means and, if asked for, standard deviations: each (n,)."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=np.float64)
        known, (lengths, noise) = self.features_, self.hyperparameters_
        among = correlation(part_distances(known, known, self.split), lengths)
        across = correlation(part_distances(known, features, self.split), lengths)
        factor = cholesky(among + noise * np.eye(len(known)), lower=True)
        # As in Posterior, with all observations at once.
        rows = solve_triangular(factor, across, lower=True)
        one = solve_triangular(factor, np.ones(len(known)), lower=True)
        y = solve_triangular(factor, self.targets_, lower=True)
        center = float(one @ y / (one @ one))
        rest = y - center * one
        mean: Float = center + rest @ rows
        if not return_std:
            return mean
        unexplained = np.maximum(1.0 - (rows * rows).sum(axis=0), 0.0)
        return mean, np.sqrt(float(rest @ rest) / len(known) * unexplained)
