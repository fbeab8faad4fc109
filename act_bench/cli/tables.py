"""``act-bench tables``: the tables, their fidelities and how far the embedded data cover them."""

from __future__ import annotations

import json
from textwrap import fill

import click

from act_bench.cli._command import Command
from act_bench.cli._options import json_option
from act_bench.tables.files import list_tables
from act_bench.tables.rates import choose_view
from act_bench.tables.registry import TABLES


@click.command(cls=Command)
@json_option
def command(*, as_json: bool) -> None:
    r"""List the tables, their fidelities and coverage.

    \b
      act-bench tables
      act-bench tables --json

    The fidelity marked with * is the default, which loaders use unless another is given. A look-up
    is tuned there where it says so: each function at the learning rate that suits it.
    """
    found = list_tables()
    if as_json:
        click.echo(json.dumps(found))
        return
    from act_bench.cli._console import console, listing

    numbers = ("ok", "diverged", "missing", "runs")
    click.echo("Tables, edition regenerated")
    shown = listing("table", "fidelity", right=numbers)
    for row in found:
        counts = [row["ok"], row["diverged"], row["missing"], row["runs"]]
        shown.add_row(
            row["table"],
            row["fidelity"] + (_default(row["table"]) if row["is_default"] else ""),
            *([f"{count:,}" for count in counts] if row["embedded"] else ["no data"] + [""] * 3),
        )
    console().print(shown)
    for table in TABLES.values():
        by = "" if table.higher_is_better else f"; searched by {table.metric_in_words}"
        about = f"{table.name:7} {table.title}: {table.network} on {table.dataset}{by}"
        click.echo(fill(about, 80, subsequent_indent=" " * 8))
    click.echo(
        "* the default fidelity, and whether look-ups there are tuned. Rows are entries,\n"
        "  by outcome at the recipe's own rate; runs are single trainings at it."
    )


def _default(table: str) -> str:
    return " *, tuned" if choose_view(table, None) == "tuned" else " *"
