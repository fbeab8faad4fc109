"""The page of named functions: its p-values against SciPy's tests, and who is compared."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from scipy import stats

from act_bench.tables.catalogued.named import load_named
from act_bench.tables.rates import Spread
from act_bench.tables.registry import TABLES
from builders.reports import named


def row(mean: float, std: float, runs: int) -> named.Row:
    return {
        "fresh_runs": runs,
        "fresh_validation_accuracy": mean,
        "fresh_validation_accuracy_std": std,
    }


def test_p_values_are_those_of_welch_and_of_a_pooled_deviation() -> None:
    info, of_all = TABLES["cnn"], Spread(0.01, 30)
    many, other = row(0.55, 0.01, 9), row(0.56, 0.004, 6)
    welch = stats.ttest_ind_from_stats(0.55, 0.01, 9, 0.56, 0.004, 6, equal_var=False)
    assert named.p_value(many, other, info, of_all) == pytest.approx(welch.pvalue)
    few = row(0.54, 0.0, 2)
    t = 0.01 / (0.01 * np.sqrt(1 / 9 + 1 / 2))
    assert named.p_value(many, few, info, of_all) == pytest.approx(2 * stats.t.sf(t, 30))


def test_functions_outside_the_space_that_train_are_compared_with_the_best_baseline() -> None:
    info = TABLES["cnn"]
    tuned = load_named("cnn").filter("tuned")
    found = named.compared(tuned, info, Spread(0.006, 300))
    fresh = "fresh_validation_accuracy"
    assert found.baseline["name"] == "swish"
    trains = tuned.filter(pl.col("entry").is_null(), pl.col(fresh) > info.trained_score)
    assert set(found.difference) == set(trains["name"])
    gelu = trains.row(by_predicate=pl.col("name") == "gelu", named=True)
    assert found.difference["gelu"] == pytest.approx(gelu[fresh] - found.baseline[fresh])
    printed = CliRunner().invoke(named.main).output
    assert "## mlp" in printed
    assert "| GELU (`gelu`) |" in printed.split("## cnn")[1]
    assert "Diverged at every rate: LeakyReLU(0.5)^2, ReLU^2." in printed
