"""Judging models: metrics against other ways to them, splits that pair, and the plain answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.stats import kendalltau, norm, spearmanr

from act_bench.search.benchmark_data import BenchmarkData
from act_bench.tables.spectra import load_spectra
from surrogates.evaluation import (
    FAILURE_AWARE,
    METRICS,
    REGRESSORS,
    available_features,
    evaluate,
    judge,
    summarize,
    union_gains,
    verdict,
)
from surrogates.features import Features

MakeData = Callable[..., BenchmarkData]
Float = NDArray[np.float64]


class Recorder:
    """A model that knows nothing, and keeps what it was shown."""

    seen: list[tuple[int, float, int]]

    def __init__(self, seen: list[tuple[int, float, int]]) -> None:
        self.seen = seen

    def fit(self, X: Float, y: Float) -> Self:  # noqa: N803
        self.known, self.mean = len(X), float(y.mean())
        return self

    def predict(self, X: Float, return_std: bool) -> tuple[Float, Float]:  # noqa: N803
        assert return_std
        self.seen.append((self.known, self.mean, len(X)))
        return np.full(len(X), self.mean), np.full(len(X), 0.3)


@pytest.fixture(scope="module")
def data(make_data: MakeData) -> BenchmarkData:
    return make_data(table="mlp")


def test_metrics_of_predictions() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(200).round(2)  # with ties
    deviation = rng.uniform(0.05, 0.4, 200)
    mean = scores + deviation * rng.standard_normal(200)
    trained = rng.random(200) < 0.6
    found = judge(mean, deviation, scores, trained)
    assert found["spearman"] == pytest.approx(spearmanr(mean, scores).statistic)
    assert found["kendall"] == pytest.approx(kendalltau(mean, scores).statistic)
    assert found["spearman_trained"] == pytest.approx(
        spearmanr(mean[trained], scores[trained]).statistic
    )
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((mean - scores) ** 2)))
    low, high = norm.interval(0.9, mean, deviation)
    assert found["coverage_90"] == pytest.approx(((low <= scores) & (scores <= high)).mean())
    best = scores[np.argsort(mean)[::-1][:20]].max()
    assert found["top20_regret"] == pytest.approx(scores.max() - best)
    # These are as calibrated as 200 can be; half the deviation is far from it.
    assert found["calibration_error"] is not None
    assert found["calibration_error"] < 0.05
    sharper = judge(mean, deviation / 2, scores, trained)["calibration_error"]
    assert sharper is not None
    assert sharper > 0.1


def test_a_deviation_of_zero_holds_only_what_is_exact() -> None:
    scores = np.linspace(0, 1, 40)
    mean = scores + np.where(np.arange(40) < 10, 0.0, 0.1)
    found = judge(mean, np.zeros(40), scores, scores >= 0)
    assert found["coverage_90"] == 0.25


def test_equal_predictions_have_no_rank_correlation() -> None:
    found = judge(np.zeros(30), np.ones(30), np.arange(30.0), np.arange(30) > 3)
    assert found["spearman"] is found["kendall"] is found["spearman_trained"] is None


def test_splits_are_the_same_for_all_features_and_of_functions_that_have_them(
    data: BenchmarkData,
) -> None:
    seen: list[tuple[int, float, int]] = []
    rows = evaluate(
        data,
        ["umap-outputs", "umap-fim"],
        {"none": lambda features: Recorder(seen)},
        sizes=[10, 30, 5000],
        splits=3,
    )
    valid = int(load_spectra("mlp").valid.sum())
    assert rows.height == len(seen) == 2 * 2 * 3
    assert seen[:6] == seen[6:]  # the same targets for both features
    assert [(known, others) for known, _, others in seen[:6:3]] == [
        (10, valid - 10),
        (30, valid - 30),
    ]
    assert len({mean for _, mean, _ in seen[:3]}) == 3
    again = evaluate(
        data, ["umap-fim"], {"none": lambda features: Recorder(seen)}, sizes=[30], splits=[2]
    )
    assert seen[-1] == seen[5]
    assert again["split"].to_list() == [2]


def test_each_regressor_learns_something_from_each_feature(data: BenchmarkData) -> None:
    names = ["outputs", "umap-union"]
    rows = evaluate(data, names, sizes=[100], splits=2)
    assert set(rows["regressor"]) == set(REGRESSORS)
    assert (rows.filter(pl.col("features") == "outputs")["spearman"] > 0.2).all()
    assert rows["rmse"].is_between(0, 0.6).all()
    summary = summarize(rows)
    assert summary.height == len(names) * len(REGRESSORS) * len(METRICS)
    assert (summary["low"] <= summary["mean"]).all()
    assert (summary["mean"] <= summary["high"]).all()


class FailureRecorder(Recorder):
    """The same, of what a model that learns who fails is told."""

    chance = 0.0

    def fit(self, X: Float, y: Float, failed: NDArray[np.bool_]) -> Self:  # type: ignore[override]  # noqa: N803
        assert np.array_equal(y[failed], np.full(failed.sum(), self.chance))
        assert failed.any()
        assert not failed.all()
        return super().fit(X, y)

    def predict_failure(self, X: Float) -> Float:  # noqa: N803
        return np.zeros(len(X))


def test_models_that_learn_who_fails_are_told(data: BenchmarkData) -> None:
    seen: list[tuple[int, float, int]] = []
    recorder: Any = lambda _: FailureRecorder(seen)  # noqa: E731
    evaluate(data, ["outputs"], {"own": recorder}, sizes=[100], splits=1)
    assert len(seen) == 1
    rows = evaluate(data, ["outputs"], FAILURE_AWARE, sizes=[100], splits=2)
    assert set(rows["regressor"]) == {f"{name}-failures" for name in REGRESSORS}
    assert (rows["spearman"] > 0.2).all()


def test_a_table_without_spectra_is_judged_by_outputs(make_data: MakeData, bare_table: str) -> None:
    bare = make_data(table=bare_table)
    assert available_features(bare) == ("outputs", "umap-outputs")
    rows = evaluate(bare, regressors={"knn": REGRESSORS["knn"]}, sizes=[10], splits=2)
    assert set(rows["features"]) == {"outputs", "umap-outputs"}
    assert union_gains(rows).height == 0


def test_unknown_features_and_sizes_that_leave_nothing_are_refused(data: BenchmarkData) -> None:
    with pytest.raises(ValueError, match="got magic"):
        evaluate(data, ["magic"])
    with pytest.raises(ValueError, match="too few to learn from 2900"):
        evaluate(data, ["outputs"], sizes=[2900])


def _rows(better: float, other: float) -> pl.DataFrame:
    """Three features whose Spearman correlations differ by amounts that hardly vary."""
    rng = np.random.default_rng(0)
    made = [
        {
            "table": "mlp",
            "features": name,
            "regressor": regressor,
            "size": 10,
            "split": split,
            "spearman": value + 0.01 * rng.random(),
        }
        for regressor in ("knn", "gp")
        for name, value in (("outputs", 0.5), ("fim", other), ("union", better))
        for split in range(8)
    ]
    return pl.DataFrame(made)


@pytest.mark.parametrize(
    ("union", "fim", "says"),
    [
        (0.7, 0.6, "better than either: ahead of both in 2 of 2 comparisons, behind one in 0"),
        (0.4, 0.3, "not better than either: ahead of both in 0 of 2 comparisons, behind one in 2"),
        (0.55, 0.55, "sometimes better than either: ahead of both in 0"),
    ],
)
def test_the_answer_is_plain(union: float, fim: float, says: str) -> None:
    gains = union_gains(_rows(union, fim))
    assert gains["against"].to_list() == ["outputs", "outputs", "fim", "fim"]
    assert gains["gain"].to_list() == pytest.approx(
        [union - 0.5, union - 0.5, union - fim, union - fim], abs=0.01
    )
    (sentence,) = verdict(gains)
    assert says in sentence
    assert sentence.startswith("mlp, raw: the union is ")


def test_features_know_where_their_metric_changes(data: BenchmarkData) -> None:
    from surrogates.protocol import SearchSpace

    space = SearchSpace.of(data)
    splits = {name: _split(space.features(name)) for name in ("outputs", "fim", "union")}
    assert splits == {"outputs": (80, 80), "fim": (0, 384), "union": (80, 464)}


def _split(features: Features) -> tuple[int, int]:
    return features.split, features.vectors().shape[1]
