"""Random forest with the deviation of its trees."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.utils.validation import check_is_fitted, validate_data

Float = NDArray[np.float64]


class ForestRegressor(RandomForestRegressor):  # type: ignore[misc]
    """scikit-learn's random forest; the deviation is that of the trees' predictions.

    Such deviations are used for expected improvement in SMAC (Hutter, Hoos and Leyton-Brown, LION
    2011). The parameters are those of ``sklearn.ensemble.RandomForestRegressor``.

    Examples
    --------
    >>> model = ForestRegressor(n_estimators=10, random_state=0)
    >>> mean, deviation = model.fit([[0.0], [1.0]], [0.5, 0.5]).predict([[0.2]], return_std=True)
    >>> mean.tolist(), deviation.tolist()
    ([0.5], [0.0])
    """

    def predict(self, X: ArrayLike, return_std: bool = False) -> Float | tuple[Float, Float]:  # noqa: N803
        """Return means and, if asked for, standard deviations: each (n,)."""
        if not return_std:
            mean: Float = super().predict(X)
            return mean
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=np.float32)
        trees = np.array([tree.predict(features, check_input=False) for tree in self.estimators_])
        return trees.mean(axis=0), trees.std(axis=0)
