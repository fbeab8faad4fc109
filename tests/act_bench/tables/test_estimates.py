"""Shrunken estimates: better than the measurement, honest about their error, and where they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from act_bench import load_table
from act_bench.tables.estimates import estimates, noise_variance, shrink
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import UnknownNameError

TRAINED = 0.15


def measured(entries: int, noise: float, offset: float = 0.0, seed: int = 0):
    """Truths of a skewed kind, and runs: one seed each, three for the best and for some."""
    rng = np.random.default_rng(seed)
    truth = 0.55 - rng.gamma(2.0, 0.03, entries).clip(0, 0.35)
    scores = truth[:, None] + rng.normal(0, noise, (entries, 3))
    scores[:, 0] += offset
    best = np.argsort(-scores[:, 0])[: entries // 10]
    several = np.union1d(best, rng.choice(entries, entries // 20, replace=False))
    alone = np.setdiff1d(np.arange(entries), several)
    scores[alone, 1:] = np.nan
    return truth, scores, alone


def test_estimates_are_nearer_and_know_how_near() -> None:
    truth, scores, alone = measured(1000, 0.012, offset=0.007)
    found = shrink(scores, TRAINED)
    assert found.offset == pytest.approx(0.007, abs=0.004)  # three of its own errors
    error = found.mean[alone] - truth[alone]
    assert np.sqrt(np.mean(error**2)) < 0.93 * np.sqrt(
        np.mean((scores[alone, 0] - truth[alone]) ** 2)
    )
    standardized = error / found.std[alone]
    assert 0.85 < np.sqrt(np.mean(standardized**2)) < 1.2
    assert (found.std[np.isfinite(scores).all(axis=1)].mean()) < found.std[alone].mean()


def test_without_noise_the_estimate_is_the_measurement() -> None:
    truth, scores, _ = measured(400, 1e-5)
    np.testing.assert_allclose(shrink(scores, TRAINED).mean, truth, atol=1.5e-3)


def test_what_does_not_train_and_tables_of_one_seed_have_none() -> None:
    _, scores, _ = measured(300, 0.01)
    scores[7] = [0.1, 0.11, 0.1]
    scores[8] = np.nan
    found = shrink(scores, TRAINED)
    assert np.isnan(found.mean[[7, 8]]).all()
    assert np.isfinite(np.delete(found.mean, [7, 8])).all()
    assert np.isnan(shrink(scores[:, :1], TRAINED).mean).all()


def test_noise_is_that_of_the_level() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.normal(0.2, 0.05, (60, 2)), rng.normal(0.8, 0.01, (60, 2))
    found = np.sqrt(noise_variance(np.concatenate([low, high]), np.array([0.2, 0.8])))
    np.testing.assert_allclose(found, [0.05, 0.01], rtol=0.3)


def test_a_loss_is_estimated_in_its_own_direction() -> None:
    truth, scores, _ = measured(300, 0.01)
    loss = dataclasses.replace(
        TABLES["mlp"],
        metric="validation_loss",
        higher_is_better=False,
        floor=-1.85,
    )
    entry, seed = np.nonzero(np.isfinite(scores))
    runs = pl.DataFrame(
        {"entry": entry, "seed": seed, "validation_loss": 2.0 - scores[entry, seed]}
    )
    found = estimates(runs, loss, len(scores))
    assert np.corrcoef(found["estimate"].to_numpy(), 2.0 - truth)[0, 1] > 0.95


@pytest.mark.parametrize("table", ["cnn", "vit"])
def test_the_loader_has_them_beside_the_measurement(table: str) -> None:
    columns = ["validation_accuracy", "runs", "estimate", "estimate_std", "limit_at_zero"]
    found = load_table(table, columns=columns, rate="own")
    assert found.columns == columns
    trains = (found["validation_accuracy"] > TABLES[table].trained_score).fill_null(value=False)
    assert found.filter(trains)["estimate"].null_count() <= 2  # the mean decides, not the median
    several = found.filter(trains & (found["runs"] > 1))["estimate_std"].mean()
    assert several < found.filter(trains & (found["runs"] == 1))["estimate_std"].mean()
    assert found["limit_at_zero"].count() == 185


def test_from_some_further_seeds_on_their_mean_is_the_estimate() -> None:
    rng = np.random.default_rng(3)
    scores = rng.normal(0.5, 0.03, (200, 1)) + rng.normal(0, 0.01, (200, 7))
    scores[:, 0] += 0.02  # as if it had chosen something
    scores[50:, 3:] = np.nan
    found, pooled = shrink(scores, TRAINED, own_from=5), shrink(scores, TRAINED)
    further = scores[:50, 1:]
    np.testing.assert_allclose(found.mean[:50], further.mean(axis=1))
    np.testing.assert_allclose(found.std[:50], further.std(axis=1, ddof=1) / np.sqrt(6))
    np.testing.assert_array_equal(found.mean[50:], pooled.mean[50:])
    assert np.abs(found.mean[:50] - pooled.mean[:50]).max() > 0.001


def test_estimates_are_of_one_rate_or_of_the_tuned_view() -> None:
    with pytest.raises(UnknownNameError, match="in the tuned view only"):
        load_table("cnn", rate=0.1, columns=["estimate"])
    assert load_table("mlp", rate="tuned", columns=["slope_at_zero"]).height == 2913


@pytest.mark.parametrize("table", ["mlp", "cnn"])
def test_estimates_of_the_tuned_view_do_not_believe_the_seed_that_chose(table: str) -> None:
    fresh = "fresh_validation_accuracy"
    columns = ["validation_accuracy", fresh, "fresh_runs", "fresh_diverged_runs"]
    columns += ["estimate", "estimate_std", "limit_at_zero"]
    found = load_table(table, rate="tuned", columns=columns)
    assert found.columns == columns
    # A fresh run that diverged counts as a guess in the mean, and not in the estimate.
    several = pl.col("fresh_runs") > 1, pl.col("fresh_diverged_runs") == 0
    known = found.filter(*several, pl.col("estimate").is_not_null())
    best = known.sort("validation_accuracy", descending=True).head(100)
    measured, estimate, mean, std = best.select(
        "validation_accuracy", "estimate", fresh, "estimate_std"
    ).to_numpy().T  # fmt: skip
    assert abs((estimate - mean).mean()) < 0.4 * (measured - mean).mean()
    alone = found.filter(pl.col("fresh_runs") == 0, pl.col("estimate").is_not_null())
    if table == "cnn":
        one, estimate, spread = alone.select(
            "validation_accuracy", "estimate", "estimate_std"
        ).to_numpy().T  # fmt: skip
        assert (estimate < one).mean() > 0.9
        assert spread.mean() > std.mean()
    else:
        np.testing.assert_allclose(estimate, mean)
