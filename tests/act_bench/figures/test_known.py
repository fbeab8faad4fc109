"""The figure of well-known functions shows what the tables say, without selection."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

import act_bench
from act_bench.figures import Request, draw
from act_bench.figures.known import BEST, KNOWN, at_own_rate, at_tuned_rate
from act_bench.tables.catalogued.named import load_named


def test_values_are_the_estimates_and_the_best_is_chosen_by_validation():
    found = at_own_rate("cnn")
    columns = ["expression", "validation_accuracy", "estimate"]
    table = act_bench.load_table("cnn", fidelity="proxy", columns=columns)
    best = table.sort("validation_accuracy", descending=True, nulls_last=True).row(0, named=True)
    assert found[BEST].name == best["expression"]
    assert found[BEST].value == best["estimate"] < best["validation_accuracy"]
    elu = table.filter(pl.col("expression") == "add(zero(x),elu(x))")["estimate"][0]
    assert found["elu"].value == elu


def test_at_chance_there_is_no_interval():
    assert at_own_rate("resnet")["sigmoid"] == (0.1, 0.0, "")


def test_tuned_values_are_of_seeds_that_had_no_part_in_the_choice():
    found = at_tuned_rate("mlp")
    assert set(found) == {*KNOWN, BEST}
    (gelu,) = load_named("mlp").filter(pl.col("tuned"), name="gelu").iter_rows(named=True)
    assert found["gelu"].value == gelu["fresh_validation_accuracy"]
    runs = act_bench.load_runs("mlp", rate=0.4).filter(pl.col("entry") == 20, pl.col("seed") != 0)[
        "validation_accuracy"
    ]
    assert found["relu"].value == pytest.approx(runs.mean())
    half = 2.306 * runs.std() / np.sqrt(9)  # Student's t with eight degrees of freedom
    assert found["relu"].half == pytest.approx(half, rel=1e-3)


def test_a_table_with_one_rate_has_no_tuned_values(one_rate_table: str):
    assert at_tuned_rate(one_rate_table) == {}


def test_few_fresh_seeds_have_the_interval_of_all_and_none_are_left_out(monkeypatch):
    whole = act_bench.load_table("mlp", rate="tuned")
    fewer = pl.when(pl.col("entry") == 20).then(2).otherwise("fresh_runs").alias("fresh_runs")
    elu = whole.row(by_predicate=pl.col("expression") == "add(zero(x),elu(x))", named=True)
    none = pl.when(pl.col("entry") == elu["entry"]).then(0).otherwise("fresh_runs")
    table = whole.with_columns(fewer).with_columns(none.alias("fresh_runs"))
    monkeypatch.setattr("act_bench.tables.loaders.load_table", lambda *_, **__: table)
    found = at_tuned_rate("mlp")
    assert "elu" not in found
    trains = table.filter(pl.col("validation_accuracy") > 0.15, pl.col("fresh_runs") > 1)
    weights = trains["fresh_runs"] - 1
    squares = float((trains["fresh_validation_accuracy_std"] ** 2 * weights).sum() / weights.sum())
    sure = stats.t.ppf(0.975, int(weights.sum()))
    assert found["relu"].half == pytest.approx(sure * np.sqrt(squares / 2))
    assert found["tanh"] == at_tuned_rate("mlp")["tanh"]


@pytest.mark.parametrize("fresh_runs", [0, 1])
def test_a_rate_that_was_just_trained_has_few_fresh_seeds_or_none(monkeypatch, fresh_runs: int):
    """The best when tuned may have none, and a deviation needs two of some function."""
    whole = act_bench.load_table
    best = at_tuned_rate("mlp")[BEST].name

    def just_trained(*asked, **named):
        table = whole(*asked, **named)
        if named.get("rate") != "tuned":
            return table
        is_best = pl.col("expression") == best
        return table.with_columns(
            fresh_runs=pl.when(is_best).then(fresh_runs).otherwise(1),
            fresh_validation_accuracy_std=pl.lit(None, pl.Float64),
        )

    monkeypatch.setattr("act_bench.tables.loaders.load_table", just_trained)
    (axes,) = draw("known", Request(("mlp",))).axes
    heads = [text.get_text() for text in axes.texts if text.get_text().startswith("best: ")]
    shown = f"\ntuned: {best}" if fresh_runs else ""
    assert heads == [f"best: {at_own_rate('mlp')[BEST].name}{shown}"]
    assert at_tuned_rate("mlp")["relu"].half == 0


def test_panels_fit_the_data_and_say_what_is_beyond(one_rate_table: str):
    figure = draw("known", Request(("mlp", one_rate_table)))
    mlp, vit = figure.axes
    assert mlp.get_xlim()[0] > 0.8
    texts = {text.get_text() for text in mlp.texts}
    sigmoid = at_own_rate("mlp")["sigmoid"]
    assert f"{sigmoid.value:.2f} ± {sigmoid.half:.2f}" in texts
    assert any(text.startswith("best: ") for text in texts)
    assert [text.get_text().split("\n")[0] for text in vit.texts] == [
        f"best: {at_own_rate(one_rate_table)[BEST].name}"
    ]
    order = [label.get_text() for label in mlp.get_yticklabels()]
    assert order[0] == BEST
    assert order[-3:] == ["GELU", "Mish", "Leaky ReLU"], "last, for they are on one of the two"
