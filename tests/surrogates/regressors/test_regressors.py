"""Regressors: scikit-learn's own checks, other ways to the same numbers, and failures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from act_bench.search.loading import load_data
from surrogates.gaussian_process import Posterior, correlation
from surrogates.protocol import SearchSpace
from surrogates.regressors import (
    DistanceProcessRegressor,
    FailureAware,
    ForestRegressor,
    NeighboursRegressor,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((80, 4))
Y = np.sin(X[:, 0]) + 0.1 * RNG.standard_normal(80)
NEW = RNG.standard_normal((30, 4))
MODELS = [
    NeighboursRegressor(),
    NeighboursRegressor(5, "uniform", "manhattan"),
    ForestRegressor(n_estimators=10, random_state=0),
    DistanceProcessRegressor(),
    DistanceProcessRegressor(split=2),
    DistanceProcessRegressor(learn_from=20),
    NeighboursRegressor(split=2),
    FailureAware(NeighboursRegressor(), KNeighborsClassifier(3)),
]
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


@pytest.mark.parametrize("model", [NeighboursRegressor(), DistanceProcessRegressor()])
def test_scikit_learns_checks(model: Any) -> None:
    check_estimator(model, on_skip=None)


@each_model
def test_they_clone_and_stand_in_pipelines(model: Any) -> None:
    copy = clone(model)
    shown = {name: value for name, value in model.get_params().items() if "__" not in name}
    assert {n: str(v) for n, v in shown.items()} == {n: str(copy.get_params()[n]) for n in shown}
    pipeline = make_pipeline(StandardScaler(), copy).fit(X, Y)
    scaler = StandardScaler().fit(X)
    alone = clone(model).fit(scaler.transform(X), Y)
    np.testing.assert_array_equal(pipeline.predict(NEW), alone.predict(scaler.transform(NEW)))


@each_model
def test_mean_is_the_same_with_and_without_deviation(model: Any) -> None:
    fitted = clone(model).fit(X, Y)
    mean, deviation = fitted.predict(NEW, return_std=True)
    np.testing.assert_allclose(mean, fitted.predict(NEW), rtol=1e-12)
    assert mean.shape == deviation.shape == (30,)
    assert (deviation >= 0).all()
    assert np.corrcoef(mean, np.sin(NEW[:, 0]))[0, 1] > 0.5


@pytest.mark.parametrize("weights", ["distance", "uniform"])
def test_neighbours_are_those_of_scikit_learn(weights: Any) -> None:
    mine = NeighboursRegressor(3, weights).fit(X, Y)
    peer = KNeighborsRegressor(3, weights=weights).fit(X, Y)
    np.testing.assert_allclose(mine.predict(NEW), peer.predict(NEW), rtol=1e-6)
    np.testing.assert_allclose(mine.predict(X[:5]), peer.predict(X[:5]))


def test_neighbours_deviation_is_that_of_the_three_nearest() -> None:
    _, deviation = NeighboursRegressor(3, "uniform").fit(X, Y).predict(NEW, return_std=True)
    nearest = np.argsort(cdist(NEW, X), axis=1)[:, :3]
    np.testing.assert_allclose(deviation, Y[nearest].std(axis=1))


def test_neighbours_by_two_distances_are_those_of_their_sum_in_medians() -> None:
    model = NeighboursRegressor(3, "uniform", split=1).fit(X, Y)
    total = np.zeros((30, 80))
    for a, b, metric in ((X[:, :1], NEW[:, :1], "euclidean"), (X[:, 1:], NEW[:, 1:], "cityblock")):
        among, between = (cdist(each, a, metric) for each in (a, b))
        total += between / np.median(among[among > 0])
    expected = Y[np.argsort(total, axis=1)[:, :3]].mean(axis=1)
    np.testing.assert_allclose(model.predict(NEW), expected)


def test_the_process_with_all_at_once_is_that_of_one_after_the_other() -> None:
    model = DistanceProcessRegressor().fit(X, Y)
    both = np.concatenate([X, NEW])
    posterior = Posterior(model.hyperparameters_, len(both))
    for place, target in enumerate(Y):
        posterior.observe([place], [cdist(both, both)[[place]]], [float(target)])
    mean, deviation = model.predict(NEW, return_std=True)
    np.testing.assert_allclose(mean, posterior.mean()[80:], rtol=1e-9)
    np.testing.assert_allclose(deviation, posterior.deviation()[80:], rtol=1e-7)


def test_the_forests_deviation_is_that_of_its_trees() -> None:
    model = ForestRegressor(n_estimators=7, random_state=1).fit(X, Y)
    _, deviation = model.predict(NEW, return_std=True)
    trees = [tree.predict(NEW.astype(np.float32)) for tree in model.estimators_]
    np.testing.assert_allclose(deviation, np.std(trees, axis=0))


def test_the_process_with_two_distances_solves_with_their_product() -> None:
    model = DistanceProcessRegressor(split=1).fit(X, Y)
    lengths, noise = model.hyperparameters_

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return correlation(
            [cdist(a[:, :1], b[:, :1]), cdist(a[:, 1:], b[:, 1:], "cityblock")], lengths
        )

    inverse = np.linalg.inv(covariance(X, X) + noise * np.eye(80))
    center = inverse.sum(axis=0) @ Y / inverse.sum()
    expected = center + covariance(NEW, X) @ inverse @ (Y - center)
    np.testing.assert_allclose(model.predict(NEW), expected, rtol=1e-8)


def test_mixture_is_that_of_draws() -> None:
    failed = X[:, 1] > 0.7
    model = FailureAware(NeighboursRegressor(), RandomForestClassifier(20, random_state=0), 0.1)
    model.fit(X, np.where(failed, 0.1, Y), failed=failed)
    mean, deviation = model.predict(NEW, return_std=True)
    p = model.predict_failure(NEW)
    alive, spread = NeighboursRegressor().fit(X[~failed], Y[~failed]).predict(NEW, return_std=True)
    draws = np.where(
        RNG.random((40_000, 30)) < p, 0.1, alive + spread * RNG.standard_normal((40_000, 30))
    )
    np.testing.assert_allclose(mean, draws.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(deviation, draws.std(axis=0), atol=0.02)
    assert p[NEW[:, 1] > 1].mean() > 0.6 > p[NEW[:, 1] < 0].mean()


def test_all_or_none_may_fail() -> None:
    model = FailureAware(NeighboursRegressor(), KNeighborsClassifier(3), 0.1)
    mean, deviation = model.fit(X, Y, failed=np.ones(80, bool)).predict(NEW, return_std=True)
    assert set(mean) == {0.1}
    assert set(deviation) == {0.0}
    np.testing.assert_array_equal(
        model.fit(X, Y).predict(NEW), NeighboursRegressor().fit(X, Y).predict(NEW)
    )


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (NeighboursRegressor(0), "n_neighbors"),
        (NeighboursRegressor(3, "squared"), "weights"),  # type: ignore[arg-type]
        (DistanceProcessRegressor(5), r"0\.\.4"),
        (DistanceProcessRegressor(learn_from=0), "learn_from"),
        (NeighboursRegressor(split=5), r"0\.\.4"),
    ],
)
def test_settings_out_of_range_are_refused(model: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        model.fit(X, Y)
    with pytest.raises(ValueError, match="shape"):
        FailureAware(NeighboursRegressor(), KNeighborsClassifier()).fit(X, Y, failed=[True])


def test_they_rank_the_functions_of_the_table() -> None:
    """With 300 of the entries of mlp, each ranks the others far better than chance."""
    from scipy.stats import spearmanr

    data = load_data("mlp")
    vectors = SearchSpace.of(data).features("outputs").vectors()
    scores = np.array([data.score(entry) for entry in data.covered])
    order = np.random.default_rng(0).permutation(len(scores))
    train, rest = order[:300], order[300:]
    for model in (MODELS[0], MODELS[2], MODELS[3]):
        fitted = clone(model).fit(vectors[train], scores[train])
        assert spearmanr(fitted.predict(vectors[rest]), scores[rest]).statistic > 0.65
