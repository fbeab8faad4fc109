"""``act-bench tables``: the tables, their fidelities and how far the embedded data cover them."""

from __future__ import annotations

import json
from typing import TypedDict

import click

from act_bench.cli._command import Command
from act_bench.cli._options import json_option
from act_bench.tables.files import entries_name, runs_name, table_files
from act_bench.tables.registry import TABLES


class Coverage(TypedDict):
    """What is embedded of one table at one fidelity."""

    table: str
    title: str
    network: str
    dataset: str
    chance: float
    metric: str
    higher_is_better: bool
    fidelity: str
    is_default: bool
    edition: str
    embedded: bool
    ok: int
    diverged: int
    missing: int
    runs: int
    made: str | None


def coverage() -> list[Coverage]:
    """Return one record a table and fidelity, read from the manifest alone."""
    found: list[Coverage] = []
    for table in TABLES.values():
        records = table_files(table.name)
        runs = records.get(runs_name(table.name))
        for fidelity in table.fidelities:
            entries = records.get(entries_name(table.name, fidelity))
            counts = entries.counts if entries else {}
            found.append(
                {
                    "table": table.name,
                    "title": table.title,
                    "network": table.network,
                    "dataset": table.dataset,
                    "chance": table.chance,
                    "metric": table.metric,
                    "higher_is_better": table.higher_is_better,
                    "fidelity": fidelity,
                    "is_default": fidelity == table.default_fidelity,
                    "edition": "regenerated",
                    "embedded": entries is not None,
                    "ok": counts.get("ok", 0),
                    "diverged": counts.get("diverged", 0),
                    "missing": counts.get("missing", 0),
                    "runs": runs.counts.get(fidelity, 0) if runs else 0,
                    "made": entries.made if entries else None,
                }
            )
    return found


@click.command(cls=Command)
@json_option
def command(*, as_json: bool) -> None:
    r"""List the tables, their fidelities and coverage.

    \b
      act-bench tables
      act-bench tables --json

    The fidelity marked with * is the default, which loaders use unless another is given.
    """
    found = coverage()
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
            row["fidelity"] + (" *" if row["is_default"] else ""),
            *([f"{count:,}" for count in counts] if row["embedded"] else ["no data"] + [""] * 3),
        )
    console().print(shown)
    for table in TABLES.values():
        by = "" if table.higher_is_better else f"; searched by {table.metric_in_words}"
        click.echo(f"{table.name:7} {table.title}: {table.network} on {table.dataset}{by}")
    click.echo("* the default fidelity. Rows are entries, by outcome; runs are single trainings.")
