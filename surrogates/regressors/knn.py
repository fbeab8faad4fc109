"""Nearest neighbours: the mean of the few nearest targets, and how far they lie apart."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.validation import check_is_fitted, validate_data

from act_bench.arguments import whole_number
from act_bench.errors import ArgumentError
from surrogates.features import median_distance
from surrogates.regressors.distances import check_split, part_distances

Float = NDArray[np.float64]


class NeighboursRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The weighted mean and standard deviation of the nearest targets.

    The reference search takes the mean of three (Bingham and Miikkulainen, NeurIPS 2023).

    Parameters
    ----------
    n_neighbors : int
        At least 1; fewer are taken while there are fewer targets.
    weights : {"distance", "uniform"}
        By one over the distance, where targets at distance 0 outweigh all others; or all alike.
    metric : {"euclidean", "manhattan"}
    split : int or None
        Instead of the metric: columns before it are compared by the Euclidean distance, columns
        from it on by the Manhattan distance, and both are added, each in units of its median
        between targets.

    Examples
    --------
    >>> model = NeighboursRegressor(n_neighbors=2).fit([[0.0], [3.0]], [0.0, 0.9])
    >>> mean, deviation = model.predict([[1.0], [3.0]], return_std=True)
    >>> mean.round(3).tolist(), deviation.round(3).tolist()
    ([0.3, 0.9], [0.424, 0.0])
    """

    def __init__(
        self,
        n_neighbors: int = 3,
        weights: Literal["distance", "uniform"] = "distance",
        metric: Literal["euclidean", "manhattan"] = "euclidean",
        split: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.metric = metric
        self.split = split

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Keep the targets ``y``, (n,), of the features ``X``, (n, features)."""
        neighbors = whole_number(self.n_neighbors, "n_neighbors", least=1)
        if self.weights not in ("distance", "uniform"):
            raise ArgumentError(f"weights must be 'distance' or 'uniform', got {self.weights!r}")
        features, targets = validate_data(self, X, y, y_numeric=True)
        self.targets_ = np.asarray(targets, dtype=np.float64)
        self.count_ = min(neighbors, len(self.targets_))
        if self.split is None:
            self.index_ = NearestNeighbors(metric=self.metric, algorithm="brute").fit(features)
            return self
        check_split(self.split, features.shape[1])
        self.features_ = features.astype(np.float64)
        apart = part_distances(self.features_, self.features_, self.split)
        self.scales_ = [median_distance(distances) for distances in apart]
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Float | tuple[Float, Float]:  # noqa: N803
        """Return means and, if asked for, standard deviations: each (n,)."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False)
        distances, places = self._nearest(features, self.count_)
        weights = np.ones_like(distances)
        if self.weights == "distance":
            same = distances == 0
            weights = np.where(
                same.any(axis=1, keepdims=True), same, 1 / np.where(same, 1.0, distances)
            )
        weights = weights / weights.sum(axis=1, keepdims=True)
        targets = self.targets_[places]
        mean: Float = (weights * targets).sum(axis=1)
        if not return_std:
            return mean
        return mean, np.sqrt((weights * (targets - mean[:, None]) ** 2).sum(axis=1))

    def _nearest(self, features: Float, count: int) -> tuple[Float, NDArray[np.intp]]:
        """Return the distances and places of the nearest targets: each (n, count)."""
        if self.split is None:
            found: tuple[Float, NDArray[np.intp]] = self.index_.kneighbors(features, count)
            return found
        apart = part_distances(features.astype(np.float64), self.features_, self.split)
        total = np.sum([d / scale for d, scale in zip(apart, self.scales_, strict=True)], axis=0)
        places = np.argsort(total, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(total, places, axis=1), places
