"""Intervals of means over searches that end with few functions: by drawing searches and seeds."""

import numpy as np
import pytest

from act_bench import load_table
from act_bench.search.loading import load_data
from builders.reports.results import retrained
from builders.reports.results.uncertainty import (
    error_of_searches,
    error_of_seeds,
    interval,
    run_deviations,
    weights_of,
)


def test_searches_that_end_with_one_function_are_no_surer_than_its_seeds() -> None:
    """However many: the error is that of drawing the seeds of each function many times."""
    rng = np.random.default_rng(0)
    entries = [0] * 90 + [1] * 10
    deviations = np.array([0.02, 0.05, np.nan])
    there = np.array([[0, 1, 1], [0, 1, 0], [0, 0, 0]])
    weights = weights_of(entries, there)
    assert weights.sum() == pytest.approx(1.0)
    means = [
        0.9 * rng.normal(0.0, 0.02, (2, 100_000)).mean(axis=0),
        0.1 * rng.normal(0.0, 0.05, 100_000),
    ]
    assert error_of_seeds(weights, deviations) == pytest.approx(np.std(np.add(*means)), rel=0.02)


@pytest.mark.parametrize("kept", [1, 3])
def test_weights_of_runs_give_the_mean_of_the_searches(kept: int) -> None:
    rng = np.random.default_rng(1)
    by_seed = rng.normal(0.5, 0.1, (20, 4))
    ranked = [rng.permutation(20)[:6].tolist() for _ in range(30)]
    end = retrained.ended(by_seed, ranked, kept)
    assert (end.weights * by_seed).sum() == pytest.approx(end.scores.mean())
    assert end.weights[:, 0].sum() == 0.0  # the first seed is what the searches have seen
    assert set(np.flatnonzero(end.weights.sum(axis=1))) == set(end.entries)


def test_a_function_with_few_fresh_seeds_has_the_deviation_of_all_that_train() -> None:
    tuned = load_table("cnn", rate="tuned")
    found = run_deviations(load_data("cnn", rate="tuned"))
    np.testing.assert_array_equal(np.isfinite(found), (tuned["fresh_runs"] > 0).to_numpy())
    assert len(set(found[np.isfinite(found)].tolist())) == 1
    ten = load_table("mlp", rate="tuned").row(20, named=True)
    own = run_deviations(load_data("mlp", rate="tuned"))[20]
    assert own == ten["fresh_validation_accuracy_std"]


def test_an_interval_has_all_errors_and_one_search_has_none_that_is_known() -> None:
    low, high = interval(0.5, 0.003, 0.004)
    assert (high + low) / 2 == pytest.approx(0.5)
    assert (high - low) / 2 == pytest.approx(1.96 * 0.005)
    assert error_of_searches(np.array([0.7])) == 0.0
    assert error_of_searches(np.array([0.6, 0.8])) == pytest.approx(0.1)
