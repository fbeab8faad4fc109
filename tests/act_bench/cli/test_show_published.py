"""``act-bench show``: what was published, next to what was measured here."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from act_bench.cli.show import command


def show(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_published_results_stand_next_to_the_measured_ones() -> None:
    known = json.loads(show("swish(x)", "--json").stdout)
    assert known["entry"] == 23
    assert known["records"]
    assert len(known["published"]) == 40
    assert {row["function"] for row in known["published"]} == {"swish"}
    printed = show("swish(x)").output
    assert "Act-Bench-MLP" in printed
    assert "0.6913" in printed  # poster, Table 1
    assert "13 other results" in printed


def test_runs_of_one_cell_share_a_line_and_doubts_are_marked() -> None:
    assert "0.795, 0.796" in " ".join(show("relu(x)").output.split())  # Table 7, three runs
    assert "0.802*" in show("crrelu").output


def test_a_named_function_outside_the_space_is_shown() -> None:
    known = json.loads(show("crrelu", "--json").stdout)
    assert (known["entry"], known["records"], known["canonical_class"]) == (None, [], None)
    assert known["operators"] == {"crrelu": "max(x, 0) + eps * x * exp(-x^2 / 2)"}
    assert len(known["published"]) == 20
    assert show("gelu").exit_code == 0


def test_an_unpublished_function_outside_the_space_is_an_error() -> None:
    result = show("swish(swish(swish(x)))")
    assert result.exit_code == 4
    assert "Nearest by outputs" in result.output
    assert show("crelu").exit_code == 4


def test_every_learning_rate_of_a_table_is_shown() -> None:
    rows = json.loads(show("relu", "--json").stdout)["rates"]
    assert [row["learning_rate"] for row in rows if row["table"] == "mlp"] == [
        0.1,
        0.2,
        0.4,
        0.8,
        1.6,
    ]
    chosen = [row for row in rows if row["table"] == "mlp" and row["tuned"]]
    assert [row["learning_rate"] for row in chosen] == [0.4]
    assert chosen[0]["fresh_runs"] == 9
    assert "(mean of 9)" in show("relu").output


def test_named_functions_outside_the_space_show_what_they_reach() -> None:
    for name in ("gelu", "crrelu"):
        rows = json.loads(show(name, "--json").stdout)["rates"]
        assert {row["table"] for row in rows} >= {"mlp"}
        assert "By learning rate" in show(name).output
