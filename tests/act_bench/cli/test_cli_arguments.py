"""What commands say of arguments, results and verdicts; a traceback never reaches a user."""

# mypy: disable-error-code="dict-item"
# NumPy's numbers are given where Python's are declared: that is what is tested.

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from act_bench.cli import main
from act_bench.search.benchmark import Benchmark
from act_bench.search.events import Searcher


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


USAGE = [
    (("eafo", "relu(x)", "--eps", "nan"), "finite"),
    (("eafo", "relu(x)", "--eps", "inf"), "finite"),
    (("search", "--table", "mlp", "--seconds", "0"), "positive"),
    (("search", "--table", "mlp", "--seconds", "nan"), "positive"),
    (("search", "--model", "a:b", "--data", "a:c", "--learning-rate", "nan"), "positive"),
    (("search", "--model", "a:b", "--data", "a:c", "--train", "a:d"), "--floor"),
    (("search", "--table", "mlp", "--floor", "0"), "--floor"),
    (("search", "--model", "a:b", "--data", "a:c", "--train", "a:d", "--floor", "nan"), "finite"),
    (("sweep", "mlp", "--gpus-per-worker", "nan"), "positive"),
    (("sweep", "mlp", "--minutes", "nan"), "positive"),
    (("sweep", "mlp", "--minutes", "0"), "positive"),
    (("query", "-x"), "write negative(f) for -f"),
    (("show", "-relu(x)"), "write negative(f) for -f"),
    (("simulate", "mlp", "--optimizers", "forest-ei:trees=100000000"), "at most 10,000"),
    (("simulate", "mlp", "--optimizers", "controller:width=100000000"), "at most 1,024"),
    (("simulate", "mlp", "--optimizers", "aquasurf:points=100000000"), "at most 10,000"),
    (("sweep", "mlp", "--gpus-per-worker", "0"), "positive"),
    (("simulate", "mlp", "--optimizers", "knn:neighbours=3:neighbours=5"), "given twice"),
    (("simulate", "mlp", "--optimizers", "controller:rate=nan"), "finite"),
    # What would be ignored:
    (("simulate", "mlp", "--protocol", "1", "--jobs", "2"), "leave out --jobs"),
    (("simulate", "mlp", "--protocol", "1", "--figures", "regret"), "leave out --figures"),
    (("sweep", "mlp", "--ray-address", "HOST:6379"), "leave out --ray-address"),
    (("sweep", "mlp", "--gpus-per-worker", "1"), "leave out --gpus-per-worker"),
    (("eafo", "relu(x)", "--seeds", "5"), "leave out --seeds"),
    (("eafo", "relu(x)", "--table", "mlp"), "leave out --table"),
    (("eafo", "relu(x)", "--density", "measured", "--device", "cpu"), "leave out --device"),
    (("verify", "--no-rerun"), "about a TRACE"),
    (("verify", "--strict"), "about a TRACE"),
    (("search", "--model", "a:b", "--data", "a:c", "--fidelity", "full"), "for a --table"),
    (("search", "--model", "a:b", "--data", "a:c", "--data-dir", "."), "for a --table"),
    (("search", "--table", "mlp", "--method", "grafs", "--confirm", "3x3"), "leave out --confirm"),
    (("query", "gelu", "--run-seed", "3"), "leave out --run-seed"),
]


@pytest.mark.parametrize(("arguments", "words"), USAGE)
def test_arguments_that_are_not_allowed_are_wrong_usage(arguments, words):
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    assert isinstance(done.exception, SystemExit)
    assert words in done.output


def test_too_little_memory_is_a_sentence(monkeypatch):
    def allocate(*_, **__):
        raise MemoryError("Unable to allocate 2.12 TiB")

    monkeypatch.setattr("surrogates.simulation.simulate", allocate)
    done = run("simulate", "mlp", "--optimizers", "random", "--figures", "none")
    assert done.exit_code == 3, done.output
    assert "Error: not enough memory: Unable to allocate 2.12 TiB" in done.output


def test_all_optimizers_are_those_that_can_search_the_table(monkeypatch, tmp_path, one_rate_table):
    monkeypatch.setattr("surrogates.optimizers.NAMES", ("random", "knn", "knn-rates"))
    done = run(
        "simulate", one_rate_table, "--trials", 1, "--evaluations", 2, "--optimizers", "all",
        "--figures", "none", "--output", tmp_path / "all",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "knn-rates: not run: vit, fidelity proxy has one learning rate" in done.output
    steps = pl.read_parquet(tmp_path / "all" / "steps.parquet")
    assert steps["optimizer"].unique(maintain_order=True).to_list() == ["random", "knn"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    done = run(
        "simulate", "mlp", "--trials", 2, "--evaluations", 3, "--optimizers", "random,knn",
        "--figures", "none", "--output", folder,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


def frame(change):
    def apply(path):
        change(pl.read_parquet(path)).write_parquet(path)

    return apply


DAMAGE = {
    "cut": ("steps.parquet", lambda path: path.write_bytes(path.read_bytes()[:-9])),
    "empty": ("steps.parquet", lambda path: path.write_bytes(b"")),
    "column": ("steps.parquet", frame(lambda rows: rows.drop("regret"))),
    "type": ("steps.parquet", frame(lambda rows: rows.with_columns(regret=pl.lit("x")))),
    "nan": ("steps.parquet", frame(lambda rows: rows.with_columns(regret=pl.lit(float("nan"))))),
    "null": (
        "steps.parquet",
        frame(lambda rows: rows.with_columns(optimizer=pl.lit(None, pl.String))),
    ),
    "rows": ("steps.parquet", frame(lambda rows: rows[:-1])),
    "none": ("steps.parquet", frame(lambda rows: rows[:0])),
    "json": ("simulation.json", lambda path: path.write_text("{")),
    "list": ("simulation.json", lambda path: path.write_text("[]")),
    "key": ("simulation.json", lambda path: path.write_text('{"table": "mlp"}')),
    "text": (
        "simulation.json",
        lambda path: path.write_text('{"random_exact": {"regret_quartiles": [[1], ["x"]]}}'),
    ),
    "gone": ("simulation.json", lambda path: path.unlink()),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_figures_of_damaged_results_name_the_file(results, tmp_path, kind):
    for file in results.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    name, damage = DAMAGE[kind]
    damage(tmp_path / name)
    done = run("plot", "regret", "--results", tmp_path, "--output", tmp_path / "a.png")
    assert done.exit_code == 3, done.output
    assert "is damaged or not by act-bench" in done.output
    assert "act-bench simulate" in done.output


@pytest.mark.parametrize("name", ["significance.parquet", "summary.parquet"])
def test_other_results_are_checked_too(results, tmp_path, name):
    for file in results.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).write_bytes(b"PAR1 no")
    figure = {"significance.parquet": "significance", "summary.parquet": "surrogates"}[name]
    done = run("plot", figure, "--results", tmp_path, "--output", tmp_path / "a.png")
    assert done.exit_code == 3, done.output
    assert f"{name} is damaged" in done.output


def test_a_verdict_says_what_it_checked(tmp_path):
    bench = Benchmark("mlp", searcher=Searcher("mine", {"step": np.int64(2)}, 0))
    bench.query("relu(x)")
    path = tmp_path / "mine.jsonl"
    bench.trace.save(path)
    lenient, strict = run("verify", path), run("verify", path, "--strict")
    assert (lenient.exit_code, strict.exit_code) == (0, 1)
    assert f"{path}: consistent; not rerun" in lenient.output
    assert "verified" not in lenient.output
    assert f"{path}: consistent; not rerun (--strict)" in strict.output
    told = run("verify", path, "--no-rerun")
    assert told.exit_code == 0
    assert "consistent; the optimizer was not run again, as told" in told.output
    document = json.loads(run("verify", path, "--strict", "--json").stdout)
    assert (document["passed"], document["verdict"]) == (False, "consistent; not rerun")
    assert run("verify", path, "--strict", "--no-rerun").exit_code == 2


def test_verified_says_that_the_optimizer_asks_the_same(tmp_path):
    run(
        "simulate", "mlp", "--trials", 1, "--evaluations", 3, "--optimizers", "knn",
        "--figures", "none", "--output", tmp_path, "--traces", tmp_path,
    )  # fmt: skip
    done = run("verify", tmp_path / "knn-0.jsonl", "--strict")
    assert done.exit_code == 0, done.output
    assert done.output.rstrip().endswith("verified")
