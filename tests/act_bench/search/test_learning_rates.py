"""Learning rates in loaders, searches and traces, on made-up runs at other rates of the mlp."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import act_bench
from act_bench.files import manifest
from act_bench.search.events import Partial
from act_bench.search.trace import read_trace
from act_bench.search.verify import verify
from act_bench.spaces.paper import load_space
from act_bench.tables.configurations import configurations
from act_bench.tables.rates import (
    RATE_COLUMNS,
    TUNED_COLUMNS,
    choose_view,
    load_rates,
    table_rates,
)
from act_bench.tables.schema import ENTRY_COLUMNS, METRICS, RUN_COLUMNS, UnknownNameError, names
from builders.embedded import BuildError
from builders.rates import build
from regenerate.data import load
from regenerate.recipes import find
from regenerate.recipes.rates import same_at_every_rate, with_rate
from regenerate.runs import parts
from regenerate.runs.certificate import find_record
from regenerate.runs.run import Run

RECIPE = find("mlp", "full")
RATES = (0.1, 0.2, 0.4)
SEEDS = (0, 1, 2)
EMBEDDED = Path(manifest.DATA_FOLDER)


def made_up(rate: float, digits: str) -> list[Run]:
    """A run of every entry and seed that is not the same at every rate; a tenth diverges."""
    own = act_bench.load_runs("mlp", columns=["entry", "seed", "outcome", "images_seen"])
    fixed = {
        (entry, seed)
        for entry, seed, outcome, images in own.rows()
        if same_at_every_rate(RECIPE, outcome, images)
    }
    rng = np.random.default_rng(int(1000 * rate))
    recipe = with_rate(RECIPE, rate)
    runs = []
    for entry, expression in enumerate(load_space().representatives):
        for seed in SEEDS:
            value, cost, lost = rng.random(), rng.uniform(0.1, 0.2), rng.random() < 0.1
            if (entry, seed) in fixed:
                continue
            metrics = dict.fromkeys(METRICS, None if lost else float(value))
            curve = () if lost else tuple(np.float32(value * e / 8).item() for e in range(1, 9))
            runs.append(
                Run(
                    expression=expression,
                    entry=entry,
                    fidelity="full",
                    seed=seed,
                    learning_rate=rate,
                    outcome="diverged" if lost else "ok",
                    **metrics,
                    train_loss_curve=curve,
                    validation_loss_curve=curve,
                    validation_accuracy_curve=curve,
                    runtime_s=cost,
                    images_seen=1000,
                    device="cpu",
                    recipe_sha=recipe.sha,
                    versions=json.dumps({"data": digits}),
                )
            )
    return runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded files of the mlp, and those of two more rates."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("space.parquet", "mlp-full.parquet", "mlp-runs.parquet"):
        shutil.copy(EMBEDDED / name, folder / name)
    data = load("digits")
    sources = []
    for rate in (0.1, 0.4):
        source = tmp_path_factory.mktemp("sweep") / "part.parquet"
        parts.write(source, parts.to_table(made_up(rate, data.fingerprint)))
        sources.append(source.parent)
    build(sources, RECIPE, data, load_space(), folder)
    return folder


@pytest.fixture
def rates(folder: Path, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """Let the loaders read that folder; return the rates table."""
    monkeypatch.setattr(manifest, "DATA_FOLDER", folder)
    return load_rates("mlp")


def test_rates_and_tuned_are_configurations_with_their_columns(rates):
    assert table_rates("mlp") == RATES
    assert rates.columns == names(RATE_COLUMNS)
    assert rates.height == 3 * 2913
    for name, rows in {"mlp-rates": 3 * 2913, "mlp-tuned": 2913, "mlp-rate-runs": None}.items():
        dataset = act_bench.load_dataset("act-bench", name)
        assert "learning_rate" in dataset.column_names
        assert rows in (None, dataset.num_rows)


def test_a_fidelity_is_its_recipe_at_its_own_rate(rates):
    table = act_bench.load_table("mlp", fidelity="full")
    assert table.columns == [*names(ENTRY_COLUMNS), "learning_rate"]
    assert table["learning_rate"].unique().to_list() == [RECIPE.learning_rate]
    assert table.equals(act_bench.load_table("mlp", rate="own"))
    some = act_bench.load_table("mlp", fidelity="full", columns=["learning_rate", "entry"])
    assert some.columns == ["learning_rate", "entry"]
    own = act_bench.load_table("mlp", rate=RECIPE.learning_rate)
    assert own["validation_accuracy"].equals(table["validation_accuracy"])


def test_a_look_up_that_names_nothing_is_tuned(rates):
    tuned = act_bench.load_table("mlp", rate="tuned")
    assert act_bench.load_table("mlp").equals(tuned)
    assert act_bench.load_features("mlp").y.tolist() == (
        tuned["validation_accuracy"].fill_null(0.1).to_list()
    )
    main, of_fidelity = configurations()["mlp"], configurations()["mlp-full"]
    assert main.columns[: len(TUNED_COLUMNS)] == TUNED_COLUMNS
    assert of_fidelity.columns == ENTRY_COLUMNS
    assert act_bench.Benchmark("mlp").trace.header.rate == "own"  # a query is one training


def test_columns_of_the_tuned_view_are_refused_elsewhere_by_that_name(rates):
    asked, said = ["entry", "fresh_runs"], r"fresh_runs: of the tuned view.*rate='tuned'"
    with pytest.raises(UnknownNameError, match=said):
        act_bench.load_table("mlp", fidelity="full", columns=asked)
    for rate in ("own", 0.4):
        with pytest.raises(UnknownNameError, match=said):
            act_bench.load_table("mlp", columns=asked, rate=rate)


def test_a_look_up_is_at_the_own_rate_where_nothing_is_tuned(one_rate_table):
    assert choose_view(one_rate_table, None) == "own"
    own = act_bench.load_table(one_rate_table, rate="own")
    assert act_bench.load_table(one_rate_table).equals(own)


def test_a_table_at_another_rate(rates):
    table = act_bench.load_table("mlp", rate=0.4)
    assert table.columns == [*names(ENTRY_COLUMNS), "learning_rate"]
    known = rates.filter(pl.col("learning_rate") == 0.4)
    assert table["validation_accuracy"].equals(known["validation_accuracy"])
    assert table["outputs"].equals(act_bench.load_table("mlp")["outputs"])
    some = act_bench.load_table("mlp", rate=0.4, columns=["outcome", "entry"])
    assert some.equals(table.select("outcome", "entry"))


def test_the_tuned_table_has_its_own_columns_and_those_of_the_space(rates):
    table = act_bench.load_table("mlp", rate="tuned")
    shared = ["equivalent_expressions", "outputs"]
    assert table.columns == [*names(TUNED_COLUMNS), *shared]
    with pytest.raises(UnknownNameError, match="runs, validation_accuracy_std: of the"):
        act_bench.load_table(
            "mlp", rate="tuned", columns=["entry", "runs", "validation_accuracy_std"]
        )
    first = act_bench.load_runs("mlp", rate="all").filter(pl.col("seed") == 0)
    for entry in (20, 1013, 2531):
        row = table.row(entry, named=True)
        runs = first.filter((pl.col("entry") == entry) & (pl.col("outcome") == "ok"))
        best = runs.sort("validation_accuracy", descending=True).row(0, named=True)
        assert row["validation_accuracy"] == best["validation_accuracy"]
        assert row["learning_rate"] == best["learning_rate"]


def test_runs_of_the_tuned_table_are_those_at_its_rates(rates):
    table = act_bench.load_table("mlp", rate="tuned")
    runs = act_bench.load_runs("mlp", rate="tuned")
    chosen = dict(table.select("entry", "learning_rate").rows())
    assert all(chosen[e] == r for e, r in runs.select("entry", "learning_rate").rows())
    first = runs.filter(pl.col("seed") == 0, pl.col("outcome") == "ok")
    known = table.filter(pl.col("outcome") == "ok")
    assert first["entry"].equals(known["entry"])
    assert first["validation_accuracy"].equals(known["validation_accuracy"])
    some = act_bench.load_runs("mlp", "full", ["seed", "entry"], rate="tuned")
    assert some.equals(runs.select("seed", "entry"))


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_fresh_runs_of_the_tuned_table_are_counted(name):
    table = act_bench.load_table(name, rate="tuned", columns=["entry", "fresh_runs"])
    runs = act_bench.load_runs(name, columns=["entry", "seed"], rate="tuned")
    count = runs.filter(pl.col("seed") > 0).group_by("entry").len("number")
    both = table.join(count, on="entry", how="left").with_columns(pl.col("number").fill_null(0))
    assert both["fresh_runs"].cast(int).equals(both["number"].cast(int), null_equal=True)


LOADERS = {
    "load_table": act_bench.load_table,
    "load_runs": act_bench.load_runs,
    "load_features": act_bench.load_features,
    "Benchmark": act_bench.Benchmark,
    "optimum": act_bench.optimum,
}


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("rate", [True, float("nan"), float("inf"), 0, -0.1, "0.1", [0.1], "best"])
def test_what_is_no_rate_is_refused_everywhere(load, rate):
    with pytest.raises(UnknownNameError, match="expected 'own'"):
        LOADERS[load]("cnn", rate=rate)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_rate_is_a_number_of_any_library(rates, kind):
    rate = kind(0.1)
    assert act_bench.load_table("mlp", rate=rate).equals(act_bench.load_table("mlp", rate=0.1))
    columns = ["entry", "seed"]
    assert act_bench.load_runs("mlp", columns=columns, rate=rate).equals(
        act_bench.load_runs("mlp", columns=columns, rate=0.1)
    )
    assert act_bench.Benchmark("mlp", rate=rate).query("relu").learning_rate == 0.1


def test_a_table_of_one_rate_has_it_by_its_number(one_rate_table):
    own = act_bench.load_table(one_rate_table)
    (rate,) = own["learning_rate"].unique()
    assert act_bench.load_table(one_rate_table, rate=rate).equals(own)
    with pytest.raises(UnknownNameError, match=f"not trained at the rate .*; it has {rate:g}"):
        act_bench.load_table(one_rate_table, rate=3 * rate)


def test_runs_of_two_rates_of_one_entry_are_kept_apart(rates):
    own = act_bench.load_runs("mlp")
    assert own["learning_rate"].unique().to_list() == [RECIPE.learning_rate]
    everything = act_bench.load_runs("mlp", rate="all")
    assert everything.columns == names(RUN_COLUMNS)
    keys = everything.select("entry", "fidelity", "learning_rate", "seed")
    assert not keys.is_duplicated().any()
    assert keys.rows() == sorted(keys.rows())
    only = act_bench.load_runs("mlp", rate=0.4)
    assert only.height == (everything["learning_rate"] == 0.4).sum() > 0


def test_a_record_is_found_by_the_rate(rates):
    for rate in RATES:
        record = find_record(with_rate(RECIPE, rate), 20)
        assert {run.learning_rate for run in record} == {rate}
        assert len(record) == (10 if rate == RECIPE.learning_rate else len(SEEDS))


def test_function_and_rate_are_searched_on_one_clock(rates):
    bench = act_bench.Benchmark("mlp")
    assert bench.rates == RATES
    default = bench.query("elu(x)")
    assert default.learning_rate == RECIPE.learning_rate
    other = bench.query("elu(x)", rate=0.4)
    known = rates.filter((pl.col("entry") == other.entry) & (pl.col("learning_rate") == 0.4))
    assert other.validation_accuracy == known["validation_accuracy"].item()
    assert other.cost_s == known["runtime_s"].item() * known["runs"].item()
    assert (other.learning_rate, other.repeated) == (0.4, False)
    assert bench.evaluations == 2
    again = bench.query(Partial("elu(x)", rate=0.4))
    assert (again.repeated, again.cost_s) == (True, 0.0)
    same = bench.query("elu(x)", rate=RECIPE.learning_rate)
    assert (same.repeated, same.cost_s) == (True, 0.0), "the default is its rate"
    assert bench.clock_s == default.cost_s + other.cost_s
    part, rest = bench.query("tanh(x)", epochs=2, rate=0.4), bench.query("tanh(x)", rate=0.4)
    whole = act_bench.Benchmark("mlp", rate=0.4).query("tanh(x)").cost_s
    assert 0 < part.cost_s < whole
    assert part.cost_s + rest.cost_s == pytest.approx(whole)
    with pytest.raises(UnknownNameError, match=r"not trained at .* 0\.3; it has 0\.1, 0\.2, 0\.4"):
        bench.query("elu(x)", rate=0.3)


def test_a_benchmark_at_a_rate_and_at_a_seed(rates):
    at = act_bench.Benchmark("mlp", rate=0.4)
    assert "rate 0.4" in repr(at)
    assert at.query("elu(x)") == act_bench.Benchmark("mlp").query("elu(x)", rate=0.4)
    first = act_bench.Benchmark("mlp", seed=1, rate=0.4)
    run = act_bench.load_runs("mlp", rate=0.4).filter(
        (pl.col("entry") == 20) & (pl.col("seed") == 1)
    )
    assert first.query("relu(x)").validation_accuracy == run["validation_accuracy"].item()
    filled = rates.filter((pl.col("learning_rate") == 0.4) & (pl.col("filled_runs") == 10))
    assert first.query(filled["expression"][0]).outcome == "diverged", "the same at every rate"
    with pytest.raises(UnknownNameError, match="has no run with seed 7; its seeds: 0, 1, 2"):
        act_bench.Benchmark("mlp", seed=7).query("relu(x)", rate=0.4)


def test_tuned_is_charged_what_it_cost(rates):
    bench = act_bench.Benchmark("mlp", rate="tuned")
    result = bench.query("relu(x)")
    row = act_bench.load_table("mlp", rate="tuned").row(result.entry, named=True)
    assert result.cost_s == row["tuning_s"] > row["runtime_s"]
    assert result.validation_accuracy == row["validation_accuracy"]
    assert result.learning_rate == row["learning_rate"]
    assert "rate tuned" in repr(bench)
    with pytest.raises(UnknownNameError, match="rate='own'"):
        bench.query("relu(x)", rate=0.4)
    with pytest.raises(UnknownNameError, match="seed 0"):
        act_bench.Benchmark("mlp", seed=3, rate="tuned")


def test_the_best_is_revealed_at_its_rate(rates):
    bench = act_bench.Benchmark("mlp")
    results = [bench.query(text, rate=rate) for text in ("relu(x)", "elu(x)") for rate in RATES]
    best = max(results, key=lambda result: result.score)
    revealed = bench.reveal()
    assert (revealed.entry, revealed.validation_accuracy) == (best.entry, best.validation_accuracy)
    known = rates.filter(
        (pl.col("entry") == best.entry) & (pl.col("learning_rate") == best.learning_rate)
    )
    assert revealed.test_accuracy == known["test_accuracy"].item()


@pytest.mark.parametrize("rate", ["own", "tuned", 0.4])
def test_traces_say_the_rate_and_are_verified(rates, tmp_path, rate):
    bench = act_bench.Benchmark("mlp", rate=rate)
    bench.query("relu(x)")
    if rate != "tuned":
        bench.query("relu(x)", rate=0.1)
        bench.query("relu(x)", rate=0.1, epochs=3)
    bench.reveal()
    bench.trace.save(tmp_path / "trace.jsonl")
    trace = read_trace(tmp_path / "trace.jsonl")
    assert trace.header.rate == rate
    assert trace == bench.trace
    assert all(check.passed for check in verify(tmp_path / "trace.jsonl"))
    text = (tmp_path / "trace.jsonl").read_text()
    (tmp_path / "trace.jsonl").write_text(
        text.replace('"learning_rate": 0.', '"learning_rate": 1.')
    )
    checks = {check.name: check for check in verify(tmp_path / "trace.jsonl")}
    assert not checks["answers"].passed
    assert "learning_rate" in checks["answers"].detail


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": "best"}, "no rate 'best'"),
        ({"rate": 0.3}, r"it has 0\.1, 0\.2, 0\.4"),
        ({"rate": -1.0}, r"no rate -1\.0"),
        ({"rate": True}, "no rate True"),
        ({"rate": 0.4, "edition": "upstream"}, "has one learning rate"),
    ],
)
def test_rates_that_there_are_not(rates, arguments, message):
    for ask in (act_bench.load_table, act_bench.Benchmark):
        with pytest.raises(UnknownNameError, match=message):
            ask("mlp", **arguments)


def test_a_table_with_one_rate_says_so(one_rate_table: str):
    with pytest.raises(UnknownNameError, match=r"it has 0\.05"):
        act_bench.load_table("cnn", rate=0.123)
    with pytest.raises(manifest.DataError, match="has one learning rate in this version"):
        act_bench.Benchmark(one_rate_table, rate="tuned")
    assert act_bench.Benchmark(one_rate_table).rates == ()


def test_runs_at_the_recipes_own_rate_are_refused_by_the_builder(folder, tmp_path):
    data = load("digits")
    runs = made_up(0.1, data.fingerprint)[:3]
    own = [dataclasses.replace(run, learning_rate=0.2, recipe_sha=RECIPE.sha) for run in runs]
    parts.write(tmp_path / "part.parquet", parts.to_table(own))
    with pytest.raises(BuildError, match="other rates than the recipe's own"):
        build([tmp_path], RECIPE, data, load_space(), folder)
