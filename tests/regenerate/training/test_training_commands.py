"""The commands sweep and regenerate: clean JSON, clear errors, exit codes that mean something."""

import dataclasses
import importlib
import json

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from act_bench.files.manifest import DataError
from act_bench.functions.expression import parse
from act_bench.spaces.limits import load_limits
from regenerate.recipes import find
from regenerate.runs import certificate
from regenerate.runs.run import Run
from regenerate.sweeps import seeds
from regenerate.training.dispatch import train

SWEEP = importlib.import_module("act_bench.cli.sweep").command
REGENERATE = importlib.import_module("act_bench.cli.regenerate").command


def call(command, *arguments):
    return CliRunner().invoke(command, list(map(str, arguments)))


@pytest.fixture
def record(monkeypatch):
    """Let the embedded record be what the test says: a list of runs, or an error."""

    def set_record(found):
        def find_record(recipe, entry):
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(certificate, "find_record", find_record)

    return set_record


def test_sweep_writes_parts_merges_them_and_goes_on(tmp_path):
    arguments = ("mlp", "--seeds", 1, "--jobs", 1, "--out", tmp_path / "parts", "--json")
    first = call(SWEEP, *arguments, "--limit", 1)
    assert first.exit_code == 0, first.output
    summary = json.loads(first.stdout)
    assert (summary["functions"], summary["trained_now"], summary["runs"]) == (1, 1, 1)
    again = json.loads(call(SWEEP, *arguments, "--limit", 1).stdout)
    assert (again["trained_now"], again["runs"]) == (0, 1)
    assert pq.read_table(summary["merged"]).num_rows == 1
    assert summary["merged"] == str(tmp_path / "parts.parquet")


@pytest.mark.usefixtures("in_this_process")
def test_sweep_of_named_functions_trains_their_entries(tmp_path):
    (tmp_path / "some.txt").write_text("relu(x)\n\ntanh(x)\n")
    done = call(
        SWEEP, "mlp", "--expressions", tmp_path / "some.txt", "--out", tmp_path / "parts",
        "--seeds", 1, "--jobs", 1,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    merged = pq.read_table(tmp_path / "parts.parquet").to_pylist()
    assert [row["expression"] for row in merged] == ["add(zero(x),tanh(x))", "add(zero(x),relu(x))"]


@pytest.mark.usefixtures("in_this_process")
def test_sweep_with_limits_trains_the_entries_that_need_one(tmp_path):
    done = call(
        SWEEP, "mlp", "--limits", "--limit", 1, "--out", tmp_path / "parts", "--seeds", 1,
        "--jobs", 1,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    (row,) = pq.read_table(tmp_path / "parts.parquet").to_pylist()
    assert row["entry"] in load_limits()
    filled = dataclasses.replace(find("mlp", "full"), undefined="limit")
    assert row["recipe_sha"] == filled.sha != find("mlp", "full").sha


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("mlp", "--limits", "--select", "best:3"), 2, "got --select and --limits"),
        (("mlp", "--shard", "5/2"), 2, "such as 3/16"),
        (("mlp", "--fidelity", "proxy"), 2, "choose from full"),
        (("nlp",), 2, "'nlp' is not one of"),
        (("mlp", "--limit", 1, "--out", "FILE/parts"), 3, "choose another --out"),
        (("mlp", "--expressions", "FILE"), 4, "unknown operator 'this'"),
    ],
)
def test_sweep_says_what_is_wrong(tmp_path, arguments, code, words):
    (tmp_path / "file").write_text("this is no expression")
    result = call(SWEEP, *(str(a).replace("FILE", str(tmp_path / "file")) for a in arguments))
    assert result.exit_code == code, result.output
    assert words in " ".join(result.stderr.split())


def test_regenerate_repeats_a_record_exactly(tmp_path, record):
    record([])
    first = call(REGENERATE, "relu(x)", "--seeds", 2, "--json")
    assert first.exit_code == 0, first.output
    made = json.loads(first.stdout)
    assert made["comparison"]["verdict"] == "no record"
    shared = {
        "expression": made["expression"],
        "entry": made["entry"],
        "fidelity": made["fidelity"],
        "recipe_sha": made["recipe_sha"],
        "versions": json.dumps(made["retrained_environments"][0]),
    }
    record([Run.from_row({**run, **shared}) for run in made["retrained"]])
    again = call(REGENERATE, "relu(x)", "--seeds", 1, "--certificate", tmp_path / "relu.json")
    assert again.exit_code == 0, again.output
    assert "verdict: exact" in again.stdout
    assert json.loads((tmp_path / "relu.json").read_text())["comparison"]["identical_seeds"] == [0]
    worse = [Run.from_row({**run, **shared, "outcome": "diverged"}) for run in made["retrained"]]
    record(worse)
    assert call(REGENERATE, "relu(x)", "--seeds", 1).exit_code == 1


@pytest.mark.parametrize(("options", "threads"), [((), 3), (("--threads", 2), 2)])
def test_regenerate_takes_the_threads_of_the_record(monkeypatch, record, options, threads):
    (run,) = train(find("mlp", "full"), parse("add(zero(x),relu(x))"), [0])
    record([dataclasses.replace(run, versions=json.dumps({"threads": 3}))])
    told = {}

    def train_at_once(*arguments, **settings):
        told.update(settings)
        return [run]

    monkeypatch.setattr(seeds, "train_at_once", train_at_once)
    result = call(REGENERATE, "relu", "--seeds", 1, *options)
    assert result.exit_code == 0, result.output
    assert told["threads"] == threads


def test_regenerate_outside_the_space_and_diverging():
    result = call(REGENERATE, "square(square(square(exp(exp(x)))))", "--seeds", 1)
    assert result.exit_code == 0, result.output
    assert "outside the space" in result.stdout
    assert "diverged" in result.stdout


def test_regenerate_without_embedded_data_says_so(record):
    record(DataError("no data of the table here"))
    result = call(REGENERATE, "tanh(x)", "--seeds", 1)
    assert result.exit_code == 0, result.output
    assert "no data of the table here" in " ".join(result.stdout.split())


def test_regenerate_as_written_trains_this_spelling(record):
    record([])
    spelled = json.loads(call(REGENERATE, "max(relu(x),elu(x))", "--seeds", 1, "--json").stdout)
    assert spelled["expression"] == "add(zero(x),relu(x))"
    written = call(REGENERATE, "max(relu(x),elu(x))", "--seeds", 1, "--json", "--as-written")
    assert json.loads(written.stdout)["expression"] == "max(relu(x),elu(x))"
    assert json.loads(written.stdout)["entry"] == spelled["entry"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("relux(x)",), 4, "did you mean 'relu'"),
        (("relu(x)", "--device", "cuda"), 2, "cpu only"),
        (("relu(x)", "--seeds", 0), 2, "--seeds"),
        (("relu(x)", "--certificate", "/dev/null/x.json", "--seeds", 1), 2, "cannot write"),
    ],
)
def test_regenerate_says_what_is_wrong(record, arguments, code, words):
    record([])
    result = call(REGENERATE, *arguments)
    assert result.exit_code == code, result.output
    assert words in " ".join(result.stderr.split())
