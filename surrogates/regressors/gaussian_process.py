"""The Gaussian process of :mod:`surrogates.gaussian_process` as a regressor on features."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from surrogates.gaussian_process import Posterior, most_likely

Float = NDArray[np.float64]


class DistanceProcessRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A Gaussian process whose covariance falls exponentially with one distance, or with two.

    Hyperparameters are the most likely on a grid; the deviation is that of the score without noise.

    Parameters
    ----------
    split : int or None
        Columns before it are compared by the Euclidean distance, as outputs are (Eq. 3), columns
        from it on by the Manhattan distance, as Fisher spectra are (Eq. 2). None: all Euclidean.

    Examples
    --------
    >>> X = np.arange(5.0)[:, None]
    >>> model = DistanceProcessRegressor().fit(X, X[:, 0])
    >>> mean, deviation = model.predict([[2.0], [2.5]], return_std=True)
    >>> mean.round(1).tolist(), bool(deviation[1] > deviation[0])
    ([2.0, 2.5], True)
    """

    def __init__(self, split: int | None = None) -> None:
        self.split = split

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Learn from the targets ``y``, (n,), of the features ``X``, (n, features)."""
        features, targets = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        if self.split is not None and not 0 <= self.split <= features.shape[1]:
            raise ValueError(
                f"split must lie in 0..{features.shape[1]}, the columns of X, got {self.split}"
            )
        self.features_, self.targets_ = features, np.asarray(targets, dtype=np.float64)
        self.hyperparameters_ = most_likely(self._distances(features, features), self.targets_)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Float | tuple[Float, Float]:  # noqa: N803
        """Return means and, if asked for, standard deviations: each (n,)."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=np.float64)
        known = len(self.features_)
        both = np.concatenate([self.features_, features])
        distances = self._distances(self.features_, both)
        posterior = Posterior(self.hyperparameters_, len(both))
        for place, target in enumerate(self.targets_):
            posterior.observe(place, [rows[place] for rows in distances], float(target))
        mean = posterior.mean()[known:]
        return (mean, posterior.deviation()[known:]) if return_std else mean

    def _distances(self, a: Float, b: Float) -> list[Float]:
        split = a.shape[1] if self.split is None else self.split
        found = []
        if split > 0:
            found.append(np.asarray(cdist(a[:, :split], b[:, :split], "euclidean")))
        if split < a.shape[1]:
            found.append(np.asarray(cdist(a[:, split:], b[:, split:], "cityblock")))
        return found
