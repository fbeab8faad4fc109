"""What a finer grid of rates would give: trained on mlp, where it takes seconds."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from act_bench.spaces.paper import load_space
from act_bench.tables.loaders import load_table
from act_bench.tables.runs import load_runs
from builders.reports.rates import grid
from builders.reports.studies.trainings import Resources
from regenerate.recipes import find
from regenerate.sweeps.executor import SerialExecutor
from regenerate.sweeps.sweep import shuffled


def test_the_functions_are_the_baselines_and_a_fair_sample_of_those_that_train() -> None:
    found = grid.functions("cnn", 10)
    assert len(found) == len(set(found)) == 18
    tuned = load_table("cnn", rate="tuned", columns=["expression", "validation_accuracy"])
    value = dict(tuned.rows())
    order = [t for t in shuffled(load_space().representatives) if (value[t] or 0) > 0.15]
    # Without the baselines among them they are the first of the order.
    assert found[8:] == [text for text in order if text not in found[:8]][:10]


def test_the_finer_grid_is_chosen_by_seed_0_and_judged_by_others(tmp_path: Path) -> None:
    texts = ["add(zero(x),tanh(x))"]
    made = grid.Grid(find("mlp", "full"), texts, tmp_path)
    assert made.added == (0.0707, 0.141, 0.283, 0.566, 1.13, 2.26)
    assert made.train(Resources(SerialExecutor())) == 0
    found = made.compared()
    runs = pl.concat([made.known, made.first.runs(tmp_path), made.fresh.runs(tmp_path)])
    for row in found.iter_rows(named=True):
        own = runs.filter(pl.col("expression") == row["expression"])
        first = own.filter(pl.col("seed") == 0).sort("validation_accuracy", nulls_last=False)
        best = first["validation_accuracy"][-1]
        at = own.filter(pl.col("seed") == 0, pl.col("learning_rate") == row["finer"])
        assert at["validation_accuracy"][0] == best
        assert (
            best
            >= load_runs("mlp", rate="all")
            .filter(pl.col("expression") == row["expression"], pl.col("seed") == 0)[
                "validation_accuracy"
            ]
            .max()
        )
        others = own.filter(
            pl.col("seed").is_in([1, 2]), pl.col("learning_rate") == row["finer"]
        ).unique("seed")
        assert row["at_finer"] == pytest.approx(others["validation_accuracy"].mean())
    text = grid.said(found, made)
    assert "Of 1 functions" in text
    before = sorted(tmp_path.rglob("*.parquet"))
    assert made.train(Resources(SerialExecutor())) == 0
    assert sorted(tmp_path.rglob("*.parquet")) == before
