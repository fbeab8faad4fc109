"""Regressors of scores from features, for scikit-learn: each predicts a mean and a deviation.

They need ``pip install 'act-bench[surrogates]'``. ``predict(X, return_std=True)`` gives both.

A function that diverged has no accuracy, and two rules are offered for it. By the first its target
is the chance level of the table, ``Result.score``, and any regressor is fitted to all targets. By
the second, :class:`FailureAware`, a classifier learns who fails, a regressor learns the accuracy of
the others, and the prediction is that of the mixture.
"""

from surrogates.regressors.failures import FailureAware
from surrogates.regressors.forest import ForestRegressor
from surrogates.regressors.gaussian_process import DistanceProcessRegressor
from surrogates.regressors.knn import NeighboursRegressor

__all__ = ["DistanceProcessRegressor", "FailureAware", "ForestRegressor", "NeighboursRegressor"]
