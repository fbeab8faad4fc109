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
    found = load_table(table, columns=columns)
    assert found.columns == columns
    trains = (found["validation_accuracy"] > TABLES[table].trained_score).fill_null(value=False)
    assert found.filter(trains)["estimate"].null_count() <= 2  # the mean decides, not the median
    several = found.filter(trains & (found["runs"] > 1))["estimate_std"].mean()
    assert several < found.filter(trains & (found["runs"] == 1))["estimate_std"].mean()
    assert found["limit_at_zero"].count() == 185


def test_estimates_are_of_the_recipe_s_own_rate() -> None:
    with pytest.raises(UnknownNameError, match="own rate"):
        load_table("mlp", rate="tuned", columns=["estimate"])
    assert load_table("mlp", rate="tuned", columns=["slope_at_zero"]).height == 2913
