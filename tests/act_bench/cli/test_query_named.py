"""``act-bench query`` and the functions beside the space."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from act_bench.cli.query import command
from act_bench.tables.catalogued import named
from act_bench.tables.catalogued.named import named_rows


def query(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_named_functions_are_answered_beside_the_space() -> None:
    document = json.loads(query("gelu", "relu", "CRReLU", "--json").stdout)
    assert [row["expression"] for row in document["results"]] == ["relu"]
    rows = document["beside_the_space"]
    assert {row["asked"] for row in rows} == {"gelu", "CRReLU"}
    assert document["clock_s"] == document["results"][0]["cost_s"]
    shown = query("gelu", "relu").output
    assert "beside the space" in shown
    assert "Evaluations: 1." in shown


@pytest.mark.parametrize(("rate", "rates"), [("own", [0.2]), ("0.4", [0.4]), ("tuned", [0.8])])
def test_beside_the_space_there_is_the_rate_that_was_asked_for(
    rate: str, rates: list[float]
) -> None:
    document = json.loads(query("gelu", "--rate", rate, "--json").stdout)
    rows = document["beside_the_space"]
    assert [row["learning_rate"] for row in rows] == rates
    assert rows[0]["tuned"] == (rate == "tuned")


def test_a_rate_that_a_named_function_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def some(*asked: str) -> list[dict[str, object]]:
        return [row for row in named_rows(*asked) if row["learning_rate"] != 0.4]

    monkeypatch.setattr(named, "named_rows", some)
    assert "not trained at this rate" in query("gelu", "--rate", "0.4").output


def test_a_query_of_named_functions_only_shows_one_table() -> None:
    done = query("gelu")
    assert done.exit_code == 0
    assert "Evaluations" not in done.output


def test_what_the_table_does_not_know_is_refused() -> None:
    done = query("sin(x)")
    assert done.exit_code != 0
