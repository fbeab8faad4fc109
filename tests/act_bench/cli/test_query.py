"""``act-bench query``: which trainings it answers from, and that it says so."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from act_bench.cli.query import command
from act_bench.tables.loaders import load_table
from act_bench.tables.runs import load_runs

SWISH = 23


def query(*arguments: str) -> Result:
    return CliRunner().invoke(command, ("swish", "--table", "cnn", *arguments))


def test_it_is_tuned_where_nothing_is_named() -> None:
    row = load_table("cnn", rate="tuned").row(SWISH, named=True)
    document = json.loads(query("--json").stdout)
    (found,) = document["results"]
    assert document["rate"] == "tuned"
    assert found["learning_rate"] == row["learning_rate"] == 0.2
    assert found["validation_accuracy"] == row["validation_accuracy"]
    assert found["fresh_validation_accuracy"] == row["fresh_validation_accuracy"]
    assert found["fresh_runs"] == row["fresh_runs"] == 2
    assert document["clock_s"] == row["tuning_s"]
    shown = query().output
    assert "rate tuned" in shown
    assert f"{row['validation_accuracy']:.4f}  {row['fresh_validation_accuracy']:.4f}" in shown


@pytest.mark.parametrize("named", [("--fidelity", "proxy"), ("--rate", "own"), ("--rate", "0.05")])
def test_it_is_at_the_own_rate_where_that_is_named(named: tuple[str, str]) -> None:
    row = load_table("cnn", fidelity="proxy").row(SWISH, named=True)
    document = json.loads(query(*named, "--json").stdout)
    (found,) = document["results"]
    assert found["validation_accuracy"] == row["validation_accuracy"]
    assert found["learning_rate"] == 0.05
    assert "fresh_runs" not in found
    assert "fresh" not in query(*named).output


def test_a_seed_is_of_the_runs_at_the_own_rate() -> None:
    runs = load_runs("cnn", "proxy", ["entry", "seed", "validation_accuracy"])
    (expected,) = runs.filter(entry=SWISH, seed=1)["validation_accuracy"]
    document = json.loads(query("--run-seed", "1", "--json").stdout)
    assert document["rate"] == "own"
    assert document["results"][0]["validation_accuracy"] == expected
