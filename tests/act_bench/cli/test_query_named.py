"""``act-bench query`` and the functions beside the space."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from act_bench.cli.query import command


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


def test_a_query_of_named_functions_only_shows_one_table() -> None:
    done = query("gelu")
    assert done.exit_code == 0
    assert "Evaluations" not in done.output


def test_what_the_table_does_not_know_is_refused() -> None:
    done = query("sin(x)")
    assert done.exit_code != 0
