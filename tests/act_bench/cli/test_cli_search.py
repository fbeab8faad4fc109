"""The commands query, show, simulate and verify: output, JSON and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import polars as pl
import pytest
from click.testing import CliRunner, Result

from act_bench.cli import _facts, query, show, simulate, verify
from act_bench.files.manifest import DataError
from act_bench.search import benchmark, loading
from act_bench.search import verify as checking
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Searcher
from act_bench.tables.registry import TABLES
from surrogates.exact import random_search_law

MakeData = Callable[..., BenchmarkData]


def run(command: click.Command, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


@pytest.fixture
def data(make_data: MakeData, monkeypatch: pytest.MonkeyPatch) -> BenchmarkData:
    """Let the commands find made-up data in place of the table mlp."""
    made = make_data(missing=(5,), table="mlp")
    for module in (benchmark, loading, checking):
        monkeypatch.setattr(module, "load_data", lambda *arguments: made)
    return made


@pytest.mark.parametrize("module", [query, show, simulate, verify])
def test_help_teaches_by_examples(module: object) -> None:
    done = run(module.command, "--help")  # type: ignore[attr-defined]
    assert done.exit_code == 0
    assert done.output.count("act-bench ") >= 3
    assert "--json" in done.output


def test_query_prints_each_result_and_the_clock(data: BenchmarkData) -> None:
    missing = data.space.representatives[5]
    done = run(query.command, "relu(x)", "max(x,zero(x))", missing, "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    first, again, none = found["results"]
    assert first["expression"] == "relu(x)"
    assert first["validation_accuracy"] == data.validation_accuracy[first["entry"]]
    assert (again["repeated"], again["cost_s"]) == (True, 0.0)
    assert (none["outcome"], none["score"]) == ("missing", None)
    assert found["clock_s"] == first["cost_s"]
    assert (found["table"], found["fidelity"], found["edition"]) == ("mlp", "full", "regenerated")

    shown = run(query.command, "relu(x)", "max(x,zero(x))").output
    assert f"{first['validation_accuracy']:.4f}" in shown
    assert "repeat" in shown
    assert "Evaluations: 1." in shown


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["relux(x)"], 4, "did you mean 'relu'"),
        (["sinh(sinh(x))"], 4, "Nearest by outputs"),
        (["relu(x)", "--table", "mpl"], 2, "mpl"),
        ([], 2, "Missing argument"),
    ],
)
def test_query_exit_codes(data: BenchmarkData, arguments: list[str], code: int, says: str) -> None:
    done = run(query.command, *arguments)
    assert done.exit_code == code
    assert says in done.stderr
    assert done.stdout == ""


def test_damaged_data_are_exit_code_3(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*arguments: object) -> BenchmarkData:
        raise DataError("mlp-full.parquet is damaged; reinstall act-bench")

    monkeypatch.setattr(loading, "load_data", damaged)
    done = run(query.command, "relu(x)")
    assert done.exit_code == 3
    assert "reinstall" in done.stderr


def test_show_tells_entry_class_spellings_and_operators() -> None:
    found = json.loads(run(show.command, "add(relu(x),tanh(x))", "--json").stdout)
    assert found["expression"] == "add(relu(x),tanh(x))"
    assert list(found["operators"]) == ["add", "relu", "tanh"]
    spellings = {found["entry_expression"], *found["equivalent_expressions"]}
    assert {"add(relu(x),tanh(x))", "add(tanh(x),relu(x))"} <= spellings
    assert found["entry"] in found["entries_of_class"]
    assert found["shape"][20] == 0  # x = 0
    assert found["shape"][-1] == pytest.approx(6, abs=1e-3)

    shown = run(show.command, "add(relu(x),tanh(x))")
    assert shown.exit_code == 0
    assert "relu = max(x, 0)" in shown.output
    assert run(show.command, "add(relu(x)").exit_code == 4


def test_show_prints_the_record_of_each_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    record: _facts.Record = {
        "table": "mlp",
        "edition": "regenerated",
        "fidelity": "full",
        "metrics": {
            "validation_accuracy": 0.9512,
            "validation_loss": 0.2,
            "test_accuracy": None,
            "outcome": "ok",
        },
        "validation_accuracy_curve": [0.1, 0.5, 0.9512],
        "validation_loss_curve": [2.3, 1.4, 0.2],
    }
    monkeypatch.setattr(_facts, "_records", lambda entry: [record])
    shown = run(show.command, "relu(x)").output
    assert "0.9512" in shown
    assert "▁▄█" in shown or "▁▅█" in shown
    assert "Act-Bench-MLP, regenerated, fidelity full" in shown


def test_show_draws_the_median_curve_of_the_runs_that_trained(tmp_path: Path) -> None:
    runs = pl.DataFrame(
        {
            "entry": [3, 3, 3, 3, 4],
            "fidelity": ["full", "full", "full", "full", "full"],
            "outcome": ["ok", "ok", "ok", "diverged", "ok"],
            "validation_accuracy_curve": [[0.1, 0.5], [0.2, 0.9], [0.3, 0.7], [0.0], [1.0, 1.0]],
            "validation_loss_curve": [[2.0, 1.0], [1.9, 0.5], [1.8, 0.8], [9.0], [0.1, 0.1]],
        }
    )
    runs.write_parquet(tmp_path / "runs.parquet")
    curves = _facts.median_curves(str(tmp_path / "runs.parquet"), 3)
    assert curves["full"]["validation_accuracy_curve"] == pytest.approx([0.2, 0.7])
    assert curves["full"]["validation_loss_curve"] == pytest.approx([1.9, 0.8])
    assert list(curves) == ["full"]


def test_simulate_writes_tables_figure_and_traces(data: BenchmarkData, tmp_path: Path) -> None:
    output, traces = tmp_path / "results", tmp_path / "traces"
    arguments = ["mlp", "--trials", "3", "--evaluations", "30", "--seed", "5"]
    folders = ["--output", str(output), "--traces", str(traces)]
    done = run(simulate.command, *arguments, *folders, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [row["optimizer"] for row in found["optimizers"]] == [
        "random",
        "local",
        "knn",
        "evolution",
    ]
    names = (
        "steps.parquet",
        "finals.parquet",
        "significance.parquet",
        "simulation.json",
        "regret.png",
    )
    assert found["files"] == [str(output / name) for name in names]
    steps = pl.read_parquet(output / "steps.parquet")
    assert steps.shape == (4 * 3 * 30, 10)
    assert pl.read_parquet(output / "finals.parquet").height == 12
    assert (output / "regret.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(traces.iterdir())) == 12
    expected = found["random_exact"]["expected_regret"]
    assert len(expected) == 30
    assert found["data_sha256"] == data.sha256
    assert [row["trials"] for row in found["processes"]] == [3] * 4

    # The same seed gives the same files, byte for byte.
    before = {file.name: file.read_bytes() for file in output.iterdir()}
    assert run(simulate.command, *arguments, "--output", str(output)).exit_code == 0
    assert {file.name: file.read_bytes() for file in output.iterdir()} == before


def test_simulate_shows_chosen_optimizers(data: BenchmarkData, tmp_path: Path) -> None:
    done = run(
        simulate.command, "mlp", "--trials", "2", "--evaluations", "12",
        "--optimizers", "random,knn", "--output", str(tmp_path),
    )  # fmt: skip
    assert done.exit_code == 0
    assert "knn" in done.output
    assert "local" not in done.output
    assert "after 10" in done.output
    assert "2 optimizers x 2 trials x 12 evaluations in 1 process; the results" in done.stderr
    (line,) = [row for row in done.output.splitlines() if "random, exact  " in row]
    law = random_search_law([data.score(entry) for entry in data.covered], 12)
    assert f"{law.regret_quartiles()[1, 9]:.4f}" in line, "the median, as the title says"


def test_one_optimizer_has_no_figure_of_differences(data: BenchmarkData, tmp_path: Path) -> None:
    done = run(
        simulate.command, "mlp", "--trials", "2", "--evaluations", "5", "--optimizers", "random",
        "--figures", "all", "--output", str(tmp_path),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert {path.stem for path in tmp_path.glob("*.png")} == {"regret", "regret-time", "finals"}


def test_show_knows_operators_of_the_swish_space() -> None:
    done = run(show.command, "sin(x)")
    assert done.exit_code == 4
    assert "none of the 2,913 functions" in done.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mlp", "--optimizers", "knn,magic"], "no optimizer magic"),
        (["mlp", "--optimizers", ","], "choose from random, local, knn, evolution"),
        (["mlp", "--optimizers", "knn:k=5"], "settings of knn, neighbours, features, got 'k=5'"),
        (["mlp", "--optimizers", "knn:neighbours=few"], "expected a whole number, got 'few'"),
        (["mlp", "--optimizers", "knn:neighbours=0"], "knn:neighbours=0: "),
        (["mlp", "--optimizers", "gp-ei:features=foo"], "gp-ei:features=foo: "),
        (["mlp", "--optimizers", "knn", "--figures", "significance"], "two optimizers or more"),
        (["mlp", "--figures", "regret,pie"], "no figure pie"),
        (["mlp", "--evaluations", "2913"], "covers 2912"),
        (["mlp", "--trials", "0"], "--trials"),
        (["mlp", "--trials", "9", "--memory", "0.0001"], "at most 1 trials at a time"),
        (["mpl"], "mpl"),
    ],
)
def test_simulate_refuses_wrong_usage(
    data: BenchmarkData, tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = run(simulate.command, *arguments, "--output", str(tmp_path / "none"))
    assert done.exit_code == 2
    assert says in done.stderr
    assert not (tmp_path / "none").exists()


def test_without_matplotlib_the_figure_is_left_out(
    data: BenchmarkData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    done = run(
        simulate.command, "mlp", "--trials", "1", "--evaluations", "3", "--output", str(tmp_path)
    )
    assert done.exit_code == 0
    assert "act-bench[plots]" in done.stderr
    assert not list(tmp_path.glob("*.png"))
    assert len(list(tmp_path.glob("*.parquet"))) == 3


def test_optimizers_with_settings_are_told_apart_and_replayed(
    data: BenchmarkData, tmp_path: Path
) -> None:
    names = "knn:neighbours=5,knn,fisher-filter:baselines=false"
    done = run(
        simulate.command, "mlp", "--trials", "2", "--evaluations", "12", "--optimizers", names,
        "--figures", "all", "--output", str(tmp_path), "--traces", str(tmp_path),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert {file.stem for file in tmp_path.glob("*.png")} == set(simulate.DRAWN)
    pairs = pl.read_parquet(tmp_path / "significance.parquet")
    assert pairs["first"].to_list() == ["knn:neighbours=5", "knn:neighbours=5", "knn"]
    for name in ("knn-neighbours=5-1", "fisher-filter-baselines=false-0"):
        found = json.loads(run(verify.command, str(tmp_path / f"{name}.jsonl"), "--json").stdout)
        assert [c["check"] for c in found["checks"] if c["passed"]][-1] == "rerun"
    # Features are on the clock from the beginning: 2,912 spectra.
    steps = pl.read_parquet(tmp_path / "steps.parquet").filter(pl.col("evaluation") == 1)
    first = dict(steps.group_by("optimizer").agg(pl.col("elapsed_s").min()).iter_rows())
    spent = TABLES["mlp"].spectrum_s * len(data.covered)
    assert first["knn"] < 4 < spent < first["fisher-filter:baselines=false"] < spent + 4


def test_verify_replays_a_trace(data: BenchmarkData, tmp_path: Path) -> None:
    arguments = ["--trials", "1", "--evaluations", "12", "--traces", str(tmp_path)]
    run(simulate.command, "mlp", *arguments, "--output", str(tmp_path / "results"))
    path = tmp_path / "knn-0.jsonl"
    found = json.loads(run(verify.command, str(path), "--json").stdout)
    assert found["passed"]
    assert [c["check"] for c in found["checks"]] == ["format", "data", "answers", "rerun"]
    assert "verified" in run(verify.command, str(path)).output

    lines = path.read_text().splitlines()
    lines[3], lines[4] = lines[4], lines[3]
    path.write_text("\n".join(lines))
    done = run(verify.command, str(path))
    assert done.exit_code == 1
    assert "answers" in done.output
    assert "FAILED" in done.output
    assert "(line 4)" in done.output


def test_a_search_by_nobody_known_is_not_rerun(data: BenchmarkData, tmp_path: Path) -> None:
    bench = benchmark.Benchmark("mlp", searcher=Searcher("mine", {}, 0))
    bench.query("relu(x)")
    bench.trace.save(tmp_path / "mine.jsonl")
    done = run(verify.command, str(tmp_path / "mine.jsonl"))
    assert done.exit_code == 0
    assert "not made" in done.output
    assert "'mine'" in done.output
    assert "rerun" not in run(verify.command, str(tmp_path / "mine.jsonl"), "--no-rerun").output


def test_verify_checks_the_embedded_data(data_folder: Path) -> None:
    done = run(verify.command)
    assert done.exit_code == 0
    assert "space.parquet" in done.output
    path = data_folder / "mlp-runs.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    done = run(verify.command, "--json")
    assert done.exit_code == 1
    failed = [check for check in json.loads(done.stdout)["checks"] if not check["passed"]]
    assert [check["check"] for check in failed] == ["mlp-runs.parquet"]
    assert "damaged" in failed[0]["detail"]


def test_verify_of_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert run(verify.command, str(tmp_path / "none.jsonl")).exit_code == 2
