"""What models, maps and adapters say of arguments that are not theirs."""

# mypy: disable-error-code="arg-type"
# Wrong types are given on purpose.

from __future__ import annotations

import math

import numpy as np
import pytest

from act_bench.errors import ArgumentError
from surrogates.adapters import FromStudy
from surrogates.embeddings import UmapSettings, umap_places
from surrogates.features import Part
from surrogates.optimizers import find_optimizer
from surrogates.protocol import SearchSpace
from surrogates.regressors import FailureAware, NeighboursRegressor


def space(count=5):
    names = ["relu(x)", "elu(x)", "tanh(x)", "erf(x)", "one(x)"][:count]
    return SearchSpace(range(count), [[name] for name in names], np.arange(count)[:, None])


def test_neighbours_cost_what_was_evaluated_however_many_are_asked_for():
    optimizer = find_optimizer("knn:neighbours=100000000")(space(), 0)
    asked = [optimizer.ask() for _ in range(5)]
    assert len(set(asked)) == 5


@pytest.mark.parametrize("directions", [["minimize"], ["maximize", "maximize"], ["minimize"] * 2])
def test_studies_of_another_direction_are_refused(directions):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=directions)
    with pytest.raises(ArgumentError, match=r"direction maximize.*got"):
        FromStudy(space(), study, lambda trial: "relu(x)")


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_maps_of_too_few_functions_are_refused(metric, count):
    with pytest.raises(ArgumentError, match=f"at least 4 functions for a map, got {count}"):
        umap_places([Part(np.zeros((count, 2)), metric)])


def test_settings_of_maps_are_numbers_of_python():
    assert UmapSettings(seed=np.int64(3)) == UmapSettings(seed=3)
    with pytest.raises(ArgumentError, match="seed must be a whole number"):
        UmapSettings(seed=True)


def model(chance=0.1):
    from sklearn.neighbors import KNeighborsClassifier

    return FailureAware(NeighboursRegressor(2), KNeighborsClassifier(2), chance=chance)


X = [[0.0], [1.0], [9.0]]


def test_scores_of_what_failed_may_be_nan():
    failed = np.array([False, False, True])
    plain = model().fit(X, [0.7, 0.9, 0.1], failed=failed)
    gaps = model().fit(X, [0.7, 0.9, math.nan], failed=failed)
    assert plain.predict(X).tolist() == gaps.predict(X).tolist()
    with pytest.raises(ValueError, match="NaN"):
        model().fit(X, [0.7, math.nan, 0.1], failed=failed)


@pytest.mark.parametrize("failed", [[0, 0, 1], [0.0, 0.0, 1.0], ["no", "no", "yes"], [None] * 3])
def test_failed_is_boolean(failed):
    with pytest.raises(ArgumentError, match="failed must be an array of booleans"):
        model().fit(X, [0.7, 0.9, 0.1], failed=failed)


def test_shapes_and_levels_are_checked():
    with pytest.raises(ArgumentError, match="failed must have the shape"):
        model().fit(X, [0.7, 0.9, 0.1], failed=[True, False])
    with pytest.raises(ArgumentError, match="chance must be a finite number"):
        model(math.nan).fit(X, [0.7, 0.9, 0.1])


@pytest.mark.parametrize("bad", [True, 2.5, 0])
def test_neighbours_of_a_regressor_are_a_whole_number(bad):
    with pytest.raises(ArgumentError, match="n_neighbors must be"):
        NeighboursRegressor(bad).fit(X, [0.7, 0.9, 0.1])
