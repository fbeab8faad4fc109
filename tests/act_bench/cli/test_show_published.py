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
