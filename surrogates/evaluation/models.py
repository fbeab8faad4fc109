"""The models that are judged by name, and what one of your own must do.

Each maker returns a fresh model for some features; those of ``FAILURE_AWARE`` are told who failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from surrogates.features import Features

Float = NDArray[np.float64]


class Model(Protocol):
    """A regressor as in scikit-learn, with a deviation."""

    def fit(self, X: Float, y: Float) -> object:  # noqa: N803
        """Learn the targets (n,) of features (n, columns)."""
        ...

    def predict(self, X: Float, return_std: bool) -> tuple[Float, Float]:  # noqa: N803
        """Return means and standard deviations."""
        ...


@runtime_checkable
class LearnsFailure(Protocol):
    """A :class:`Model` that is told who diverged, such as ``FailureAware``."""

    chance: float

    def fit(self, X: Float, y: Float, failed: NDArray[np.bool_]) -> object:  # noqa: N803
        """Learn the targets (n,) of features (n, columns), and who failed (n,)."""
        ...

    def predict_failure(self, X: Float) -> Float:  # noqa: N803
        """Return the probability that each function fails: (n,)."""
        ...


Maker = Callable[[Features], Model]


def _knn(features: Features) -> Model:
    from surrogates.regressors import NeighboursRegressor

    model: Model = NeighboursRegressor(3, "uniform", split=features.split)
    return model


def _knn_distance(features: Features) -> Model:
    from surrogates.regressors import NeighboursRegressor

    model: Model = NeighboursRegressor(3, "distance", split=features.split)
    return model


def _forest(features: Features) -> Model:
    from surrogates.regressors import ForestRegressor

    del features
    model: Model = ForestRegressor(n_estimators=30, max_features="sqrt", random_state=0)
    return model


def _gp(features: Features) -> Model:
    from surrogates.regressors import DistanceProcessRegressor

    model: Model = DistanceProcessRegressor(split=features.split)
    return model


def _failure_aware(maker: Maker) -> Maker:
    """Return a maker of the mixture: a forest says who diverges, the model how good others are."""

    def make(features: Features) -> Model:
        from sklearn.ensemble import RandomForestClassifier

        from surrogates.regressors import FailureAware

        who = RandomForestClassifier(30, max_features="sqrt", random_state=0)
        model: Model = FailureAware(maker(features), who)
        return model

    return make


REGRESSORS: Final[dict[str, Maker]] = {
    "knn": _knn,
    "knn-distance": _knn_distance,
    "forest": _forest,
    "gp": _gp,
}
"""Name -> maker of a model for some features: the three nearest, the same weighted by distance, a
random forest of 30 trees, the Gaussian process. To judge another, pass it to :func:`evaluate`."""

FAILURE_AWARE: Final[dict[str, Maker]] = {
    f"{name}-failures": _failure_aware(maker) for name, maker in REGRESSORS.items()
}
"""The same where the chance level is not learned as a score: a classifier learns who diverges."""
