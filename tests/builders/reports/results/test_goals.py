"""Goals count by canonical class, and the page gives them by evaluations and by the clock."""

import sys

import numpy as np
import polars as pl

from act_bench.functions.operators import BASELINES
from act_bench.search.loading import load_data
from act_bench.tables.registry import TABLES
from builders.reports import goals
from builders.reports.results.goals import goals_of, trainings


def test_a_respelling_of_a_baseline_beats_no_baseline():
    data = load_data("cnn")
    space = data.space
    _, goal = goals_of(data, margin=0.0)
    best = max(data.score(space.resolve(text).entry) for text in BASELINES)
    respelling = space.entry_of["min(abs(x),expm1(x))"]  # ELU, trained once more
    elu = space.resolve("elu(x)").entry
    assert space.canonical_class[respelling] == space.canonical_class[elu]
    assert data.score(respelling) > best
    assert not goal.reaches[respelling]
    assert all(data.score(int(entry)) > best for entry in np.flatnonzero(goal.reaches))


def test_the_page_says_each_goal_by_evaluations_and_by_the_clock(tmp_path, monkeypatch):
    asked = ["--table", "mlp", "--trials", "2", "--evaluations", "40"]
    monkeypatch.setattr(sys, "argv", ["goals", *asked, "--docs", str(tmp_path)])
    goals.main()
    found = pl.read_csv(tmp_path / "studies" / "results" / "goals.csv")
    assert found.height == 3 * 3
    data = load_data("mlp")
    all_of_them = TABLES["mlp"].spectrum_s * len(data.covered) / trainings(data)
    beyond = found.filter((pl.col("table") == "mlp") & (pl.col("goal") == "beats-baselines"))
    stored, pool, first = (beyond.filter(pl.col("spectra") == way) for way in goals.WAYS)
    assert stored["evaluations"].to_list() == first["evaluations"].to_list()
    difference = (first["clock"] - stored["clock"]).to_numpy()
    np.testing.assert_allclose(difference, all_of_them, atol=0.01)
    assert (pool["clock"].to_numpy() > pool["evaluations"].to_numpy()).all()
    page = (tmp_path / "studies" / "results" / "goals.md").read_text()
    assert page.count("| near the best |") == 1
    assert "| none |" not in page
    empty = pl.when(pl.col("goal") == "beats-baselines").then(0).otherwise(pl.col("classes"))
    page = goals.page(found.with_columns(classes=empty), 2, 40)
    assert "| `mlp` | better than every baseline | 0.0036 | none |" in page
    assert "Of the 1 goals below that something reaches" in page
