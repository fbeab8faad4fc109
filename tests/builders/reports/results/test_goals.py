"""Goals count by canonical class, and the page gives them by evaluations and by the clock."""

import sys

import numpy as np
import polars as pl
import pytest

from act_bench import load_runs, load_table
from act_bench.functions.operators import BASELINES
from act_bench.search.loading import load_data
from act_bench.tables.registry import TABLES
from builders.reports import goals
from builders.reports.results import goals as results_goals
from builders.reports.results.goals import goal_noise, goals_of, trainings


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
    assert found.height == 2 * 3 * 3, "two views, three goals, three ways"
    assert found["rate"].unique(maintain_order=True).to_list() == ["own", "tuned"]
    data = load_data("mlp")
    all_of_them = TABLES["mlp"].spectrum_s * len(data.covered) / trainings(data)
    beyond = found.filter(pl.col("rate") == "own", pl.col("goal") == "beats-baselines")
    stored, pool, first = (beyond.filter(pl.col("spectra") == way) for way in goals.WAYS)
    assert stored["evaluations"].to_list() == first["evaluations"].to_list()
    difference = (first["clock"] - stored["clock"]).to_numpy()
    np.testing.assert_allclose(difference, all_of_them, atol=0.01)
    assert (pool["clock"].to_numpy() > pool["evaluations"].to_numpy()).all()
    page = (tmp_path / "studies" / "results" / "goals.md").read_text()
    assert page.count("| near the best |") == 2
    assert page.count("| `mlp`, tuned | better than every baseline |") == 2
    assert "| none |" not in page
    empty = pl.when(pl.col("goal") == "beats-baselines").then(0).otherwise(pl.col("classes"))
    page = goals.page(found.with_columns(classes=empty), 2, 40)
    assert "| `mlp` | better than every baseline | 0.0036 | none |" in page
    assert "Of the 2 goals below that something reaches" in page


def test_the_page_says_how_many_of_the_best_have_fresh_seeds(monkeypatch) -> None:
    rows = pl.read_csv("docs/studies/results/goals.csv")
    monkeypatch.setattr(goals, "best_with_fresh", {"mlp": 1719, "cnn": 281}.get)
    monkeypatch.setattr(goals, "load_data", lambda table, rate: table)
    said = goals.page(rows.filter(pl.col("table").is_in(["mlp", "cnn"])), 2, 40)
    assert "chose the rate: 1,719 on `mlp`, 281 on `cnn`.\n" in said
    own = goals.page(rows.filter(pl.col("rate") == "own"), 2, 40)
    assert "is in no goal.\n" in own


def test_a_tuned_view_without_fresh_seeds_of_baselines_has_no_goals(monkeypatch) -> None:
    data = load_data("cnn", rate="tuned")
    fresh = results_goals.fresh_scores(data)
    swish = data.space.resolve("swish(x)").entry
    monkeypatch.setattr(
        results_goals, "fresh_scores", lambda *_: fresh.filter(pl.col("entry") != swish)
    )
    assert not results_goals.has_goals(data)


def test_in_the_tuned_view_goals_go_by_seeds_that_chose_no_rate() -> None:
    data = load_data("cnn", rate="tuned")
    columns = ["entry", "learning_rate", "seed", "validation_accuracy"]
    chosen = dict(load_table("cnn", rate="tuned", columns=["entry", "learning_rate"]).rows())
    fresh: dict[int, list[float]] = {}
    for entry, rate, seed, value in load_runs("cnn", columns=columns, rate="all").rows():
        if seed and chosen[entry] == rate:
            fresh.setdefault(entry, []).append(0.1 if value is None else value)  # as if it guessed
    means: dict[int, list[float]] = {}
    for entry, values in fresh.items():
        if data.outcome[entry] == "ok":
            means.setdefault(data.space.canonical_class[entry], []).append(float(np.mean(values)))
    worth = {number: np.mean(values) for number, values in means.items()}
    baselines = {data.space.canonical_class[data.space.resolve(text).entry] for text in BASELINES}
    least = max(worth[number] for number in baselines) + goal_noise(data).value
    near, beyond = goals_of(data)
    better = {number for number in worth if worth[number] >= least} - baselines
    reached = np.flatnonzero(beyond.reaches)
    assert {data.space.canonical_class[entry] for entry in reached} == better
    assert near.least == pytest.approx(max(worth.values()) - goal_noise(data).value)
