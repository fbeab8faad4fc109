"""A table that a user registers is found everywhere, in a fresh process and with nothing patched.

``fifth.py`` beside this file registers it, by public functions. Lower is better there, and the
order by accuracy is the reverse.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

HERE = Path(__file__).parent
TRAINED = 40
COMMAND_LINE = "from act_bench.cli import main; main()"

Run = Callable[..., str]


@contextmanager
def host(folder: Path) -> Iterator[Run]:
    """Start a fresh process that knows of the table; yield what runs lines of Python there."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)]),
        "ACT_BENCH_TABLES": "fifth",
        "ACT_BENCH_CACHE": str(folder / "cache"),
        "FIFTH_FOLDER": str(folder / "data"),
        "COLUMNS": "120",
    }
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(HERE / "host.py")],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(lines: str, *arguments: str, code: int = 0) -> str:
        process.stdin.write(json.dumps({"lines": lines, "arguments": arguments}) + "\n")
        process.stdin.flush()
        done = json.loads(process.stdout.readline())
        assert done["code"] == code, done["stdout"] + done["stderr"]
        return str(done["stdout" if code == 0 else "stderr"])

    with process:
        yield run
        process.stdin.close()


def module(name: str) -> str:
    """Return lines that do what ``python -m NAME`` does."""
    return f"import runpy; runpy.run_module({name!r}, run_name='__main__', alter_sys=True)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fifth")


@pytest.fixture(scope="module")
def fresh(folder: Path) -> Iterator[Run]:
    """Return what runs lines of Python in a fresh process that knows of the table."""
    with host(folder) as run:
        yield run


@pytest.fixture(scope="module")
def command(fresh: Run) -> Run:
    """Return what runs the command line."""

    def run(*arguments: str, code: int = 0) -> str:
        return fresh(COMMAND_LINE, *arguments, code=code)

    return run


@pytest.fixture(scope="module")
def swept(command: Run) -> dict[str, Any]:
    """Sweep some of its functions, in a worker process."""
    done = command(
        *("sweep", "fifth", "--limit", str(TRAINED), "--jobs", "1", "--out", "sweep", "--json")
    )
    summary: dict[str, Any] = json.loads(done)
    return summary


@pytest.fixture(scope="module")
def built(fresh: Run, swept: dict[str, Any]) -> None:
    """Make its files from the sweep, and its spectra; most entries were never trained."""
    assert swept["functions"] == TRAINED
    fresh(module("builders.tables"), "fifth", "tiny", "--runs", "sweep")
    fresh(module("builders.fisher"), "fifth", "--parts", "spectra")


@pytest.fixture
def evaluate(fresh: Run, built: None) -> Callable[[str], Any]:
    """Return what runs lines of Python that set ``found``, and returns that."""

    def run(lines: str) -> Any:
        return json.loads(
            fresh(f"import fifth, json, sys\n{lines}\nsys.stdout.write(json.dumps(found))")
        )

    return run


def test_a_sweep_takes_its_recipe_seeds_and_parts(swept: dict[str, Any]) -> None:
    assert swept["runs"] == 3 * TRAINED
    assert set(swept["outcomes"]) == {"ok", "diverged"}
    assert swept["trained_now"] == TRAINED


def test_loaders_find_it(evaluate: Callable[[str], Any]) -> None:
    found = evaluate("""
from act_bench import load_dataset, load_runs, load_table
from act_bench.tables.configurations import configurations
from act_bench.tables.files import embedded_fidelities
table = load_table("fifth")
found = {
    "rows": table.height,
    "missing": (table["outcome"] == "missing").sum(),
    "runs": load_runs("fifth", "tiny").height,
    "rate": load_runs("fifth")["learning_rate"].unique().to_list(),
    "configurations": [name for name in configurations() if "fifth" in name],
    "dataset": load_dataset("act-bench", "fifth").num_rows,
    "fidelities": embedded_fidelities("fifth"),
}
""")
    assert found == {
        "rows": 2913,
        "missing": 2913 - TRAINED,
        "runs": 3 * TRAINED,
        "rate": [0.2],
        "configurations": ["fifth", "fifth-tiny", "fifth-runs", "fifth-fisher"],
        "dataset": 2913,
        "fidelities": ["tiny"],
    }


def test_a_search_follows_the_loss_downwards(evaluate: Callable[[str], Any]) -> None:
    found = evaluate("""
import math
from act_bench import Benchmark, load_table
table = load_table("fifth").filter(__import__("polars").col("outcome") != "missing")
bench = Benchmark("fifth")
rows = table.to_dicts()
parts = [bench.query(row["expression"], epochs=2) for row in rows]
results = [bench.query(row["expression"]) for row in rows]
other = Benchmark("fifth", seed=1)
one = other.query(rows[0]["expression"])
ok = [row for row in rows if row["outcome"] == "ok"]
lost = [r.score for r, row in zip(results, rows) if row["outcome"] == "diverged"]
revealed = bench.reveal()
best = min(ok, key=lambda row: row["validation_loss"])
found = {
    "scores": all(r.score == -row["validation_loss"] for r, row in zip(results, rows)
                  if row["outcome"] == "ok"),
    "accuracies": all(r.validation_accuracy == row["validation_accuracy"]
                      for r, row in zip(results, rows)),
    "floor": set(lost) == {-math.log(2)},
    "parts": all(part.score < 0 for part in parts),
    "revealed": revealed.entry == best["entry"] and revealed.test_loss == best["test_loss"],
    "by accuracy": revealed.entry == max(ok, key=lambda row: row["validation_accuracy"])["entry"],
    "missing": Benchmark("fifth").query("relu(x)").outcome,
    "run": one.score is not None,
}
""")
    assert found == {
        "scores": True,
        "accuracies": True,
        "floor": True,
        "parts": True,
        "revealed": True,
        "by accuracy": False,
        "missing": "missing",
        "run": True,
    }


def test_parts_of_a_training_are_medians_of_the_losses(evaluate: Callable[[str], Any]) -> None:
    found = evaluate("""
from statistics import median
from act_bench import Benchmark, load_runs
runs = load_runs("fifth").filter(__import__("polars").col("outcome") == "ok").to_dicts()
texts = [run["expression"] for run in runs]
text = next(each for each in texts if texts.count(each) == 3)
curves = [run["validation_loss_curve"] for run in runs if run["expression"] == text]
found = len(curves), median(curve[1] for curve in curves), Benchmark("fifth").query(text, 2).score
""")
    assert found[0] == 3
    assert found[1] == pytest.approx(-found[2])


def test_every_optimizer_searches_it(evaluate: Callable[[str], Any]) -> None:
    found = evaluate("""
from act_bench.search.loading import load_data
from act_bench.errors import MissingExtraError
from surrogates.optimizers import NAMES, find_optimizer
from surrogates.simulation import simulate
data, found = load_data("fifth"), {}
scores = [data.score(entry) for entry in data.covered]
for name in NAMES:
    # Without UMAP, which takes as long as all others together to be compiled.
    chosen = f"{name}:features=standard-union" if name.startswith("aquasurf") else name
    try:
        factory = find_optimizer(chosen)
    except MissingExtraError:
        continue
    # With all of its functions evaluated, each must have found the best of them.
    simulation = simulate(data, {chosen: factory}, trials=1, evaluations=len(data.covered))
    final = simulation.finals.to_dicts()[0]
    found[name] = {
        "regret": simulation.steps["regret"].to_list()[-1],
        "best": simulation.steps["best_so_far"].to_list()[-1] == max(scores),
        "entry": data.score(final["entry"]) == max(scores),
        "never rises": simulation.steps["regret"].diff().drop_nulls().max() <= 0,
    }
""")
    assert len(found) >= 10
    wanted = {"regret": 0.0, "best": True, "entry": True, "never rises": True}
    assert {name: each for name, each in found.items() if each != wanted} == {}


def test_without_spectra_optimizers_that_need_them_say_so(
    folder: Path, tmp_path: Path, swept: dict[str, Any]
) -> None:
    with host(tmp_path) as run:
        run(module("builders.tables"), "fifth", "tiny", "--runs", str(folder / "sweep"))
        search = (COMMAND_LINE, "simulate", "fifth", "--optimizers", "fisher-filter")
        assert f"covers {TRAINED} entries" in run(*search, code=2)
        said = run(*search, "--evaluations", "5", code=3)
        assert "no Fisher spectra of the table fifth" in said
        every = ("--optimizers", "all", "--trials", "1", "--evaluations", "3", "--json")
        document = json.loads(run(COMMAND_LINE, "simulate", "fifth", *every))
        names = {row["optimizer"] for row in document["optimizers"]}
        assert {"random", "gp-ei"} <= names
        assert names.isdisjoint({"aquasurf", "fisher-filter", "random-rates"})
        run(COMMAND_LINE, "export", "act-bench")
        exported = sorted(file.name for file in (tmp_path / "act-bench" / "data").glob("fifth*"))
        assert exported == ["fifth-runs.parquet", "fifth-tiny.parquet"]


def test_commands_find_it(command: Run, built: None) -> None:
    listed = {row["table"]: row for row in json.loads(command("tables", "--json"))}
    assert listed["fifth"]["metric"] == "validation_loss"
    assert listed["fifth"]["ok"] + listed["fifth"]["diverged"] == TRAINED
    assert "searched by validation loss" in command("tables")

    text = "add(zero(x),zero(x))"
    assert json.loads(command("query", text, "--table", "fifth", "--json"))["table"] == "fifth"
    assert "Validation loss" in command("query", text, "--table", "fifth")
    records = json.loads(command("show", text, "--json"))["records"]
    assert "fifth" in [record["table"] for record in records]
    assert json.loads(command("features", "tanh(x)", "--table", "fifth", "--json"))["fim_valid"]
    made = json.loads(command("regenerate", "tanh(x)", "--table", "fifth", "--json"))
    assert made["table"] == "fifth"
    assert "fifth" in command("sweep", "--help")
    said = command("search", "--table", "fifth", "--budget", "3", "--out", "live")
    assert "best of 3 functions in validation loss" in said
    assert "less best of the table" in said


def test_a_simulation_and_its_figures_name_the_loss(command: Run, built: None) -> None:
    run = ("simulate", "fifth", "--trials", "2", "--evaluations", "9", "--traces", "traces")
    shown = command(*run, "--figures", "all", "--output", "searches")
    assert "of\n  validation loss 0." in shown
    assert "or less" in shown
    assert "median test loss" in shown
    document = json.loads(command(*run, "--figures", "none", "--output", "again", "--json"))
    assert document["metric"] == "validation_loss"
    assert document["top_score"] < 0
    assert all(row["test_loss"] > 0 for row in document["optimizers"])
    checks = json.loads(command("verify", "traces/knn-1.jsonl", "--json"))
    assert "fifth" in command("plot", "accuracies", "--table", "fifth", "--output", "fifth.png")
    assert checks


def test_figures_take_scores(evaluate: Callable[[str], Any]) -> None:
    found = evaluate("""
from act_bench.figures import Request, draw
from act_bench.figures.tables import read_accuracies
table = read_accuracies("fifth", Request())
axes = draw("accuracies", Request(tables=("fifth",))).axes[0]
both = draw("scatter", Request(tables=("mlp", "fifth"))).axes[0]
found = {
    "negative": bool((table.score[table.score == table.score] < 0).all()),
    "label": axes.get_xlabel(),
    "best": [both.get_xlim()[1], both.get_ylim()[1]],
}
""")
    accuracy, score = found.pop("best")
    assert found == {"negative": True, "label": "minus validation loss"}
    assert 0.96 < accuracy <= 1
    assert score <= 0


def test_what_leaves_the_repository_has_it(evaluate: Callable[[str], Any], command: Run) -> None:
    command("export", "act-bench")
    command("explore", "page.html")
    found = evaluate("""
from pathlib import Path
from act_bench.explore.views import table_data
from act_bench.publishing.hub import check
checked = check(Path("act-bench"))
croissant = json.loads(Path("act-bench/croissant.json").read_text())
found = {
    # The entries lie in one file with their spectra.
    "files": {"fifth-runs.parquet", "fifth.parquet"} <= set(checked),
    "mlp": "mlp.parquet" in checked,
    "croissant": "fifth" in str(croissant["recordSet"]),
    "metric": table_data("fifth", "tiny", [])["metric"],
    "page": "fifth-tiny" in Path("page.html").read_text(),
}
""")
    assert found == {
        "files": True,
        "mlp": True,
        "croissant": True,
        "metric": "validation_loss",
        "page": True,
    }
