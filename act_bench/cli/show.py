"""``act-bench show``: everything known about one expression."""

from __future__ import annotations

import json
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import click

from act_bench.cli._command import Command
from act_bench.cli._facts import AtRate, Facts, known_of
from act_bench.cli._options import json_option
from act_bench.cli._sparkline import score_line, sparkline

if TYPE_CHECKING:
    from rich.console import Console

_SPELLINGS_SHOWN = 8
_BESIDE = 60
"""Columns beside the names of facts, in 80."""


@click.command(cls=Command)
@click.argument("expression")
@json_option
def command(expression: str, as_json: bool) -> None:
    r"""Show everything known about EXPRESSION, or about a function by its name.

    \b
      act-bench show "max(relu(x),elu(x))"
      act-bench show "swish(x)"              another spelling of an entry of the space
      act-bench show "tanh(x)" --json | jq .records

    Its operators, its entry and canonical class, its other spellings, and for each table and
    fidelity the metrics, test included, with the median learning curve of the runs that did not
    diverge; then what papers report of it. A search must not look here: it queries a benchmark,
    where test is sealed.
    """
    known = known_of(expression)
    if as_json:
        click.echo(json.dumps(known))
    else:
        _show(known)


def _show(known: Facts) -> None:
    from rich.table import Table

    from act_bench.cli._console import console
    from act_bench.tables.ladder.sample import is_sampled
    from act_bench.tables.registry import TABLES

    spellings = known["equivalent_expressions"]
    listed = ", ".join(spellings[:_SPELLINGS_SHOWN])
    if len(spellings) > _SPELLINGS_SHOWN:
        listed += f" and {len(spellings) - _SPELLINGS_SHOWN} more (--json lists all)"
    listed = fill(listed, _BESIDE, break_long_words=False, break_on_hyphens=False)
    others = [str(entry) for entry in known["entries_of_class"] if entry != known["entry"]]
    shared = f", shared with entries {', '.join(others)}" if others else ""
    low, high = min(known["shape"]), max(known["shape"])
    shape = f"{sparkline(known['shape'], low, high)}  {low:.3g} to {high:.3g} on [-5, 5]"

    shown_on = console()
    facts = Table.grid(padding=(0, 2))
    facts.add_row("expression", known["expression"])
    for operator, formula in known["operators"].items():
        facts.add_row("", f"[dim]{operator} = {formula}[/dim]")
    facts.add_row("shape", shape)
    if known["entry"] is None:
        facts.add_row("entry", "none: outside the space; act-bench regenerate trains it")
    else:
        facts.add_row(
            "entry", f"{known['entry']}, {known['entry_expression']} ({known['how_resolved']})"
        )
        facts.add_row("canonical class", f"{known['canonical_class']}{shared}")
        facts.add_row("other spellings", listed or "none in the space")
    shown_on.print(facts)
    if known["entry"] is not None and not known["records"]:
        shown_on.print("No table is embedded.")
    for record in known["records"]:
        metrics, about = record["metrics"], TABLES[record["table"]]
        by_accuracy = about.metric == "validation_accuracy"
        curve = record["validation_accuracy_curve" if by_accuracy else "validation_loss_curve"]
        shown = Table.grid(padding=(0, 2))
        sampled = is_sampled(record["table"], record["fidelity"])
        own = record["edition"] == "regenerated" and not sampled
        rate = ", the recipe's own rate" if own else ", tuned" if sampled else ""
        title = f"\n{about.title}, {record['edition']}, fidelity {record['fidelity']}{rate}"
        if metrics["outcome"] == "missing":
            shown_on.print(f"{title}: missing, never trained")
            continue
        for name, value in metrics.items():
            shown.add_row("", name, "-" if value is None else _short(value))
        bits = about.in_bits_per_byte(metrics["validation_loss"])
        if bits is not None:
            shown.add_row("", "validation bits per byte", _short(bits))
        if curve:
            each = "point" if sampled else "epoch"
            name = f"validation by {each}" if by_accuracy else f"validation loss by {each}"
            shown.add_row(
                "", name, f"{score_line(curve, about)}  {curve[0]:.3f} to {curve[-1]:.3f}"
            )
        shown_on.print(title)
        shown_on.print(shown)
    if known["rates"]:
        _show_rates(shown_on, known["rates"])
    if known["published"]:
        _show_published(shown_on, known["published"])


def _show_rates(shown_on: Console, rates: Sequence[AtRate]) -> None:
    """Print what the function reaches at each learning rate."""
    from rich.table import Table

    from act_bench.tables.registry import TABLES

    shown_on.print("\nBy learning rate: medians over the seeds")
    shown = Table.grid(padding=(0, 2))
    heads = ("", "table", "rate", "outcome", "validation", "test", "seeds", "fresh seeds")
    shown.add_row(*(f"[dim]{head}[/dim]" for head in heads))
    for row in rates:
        values, fresh = (row["validation_accuracy"], row["test_accuracy"]), None
        if by_loss := TABLES[row["table"]].metric == "validation_loss":
            values = row["validation_loss"], row["test_loss"]
        if row["tuned"]:
            fresh = row["fresh_validation_loss" if by_loss else "fresh_validation_accuracy"]
        shown.add_row(
            "*" if row["tuned"] else "",
            row["table"],
            f"{row['learning_rate']:g}",
            row["outcome"],
            *("-" if value is None else _short(value) for value in values),
            str(row["runs"]),
            "" if fresh is None else f"{fresh:.4f} (mean of {row['fresh_runs']})",
        )
    shown_on.print(shown)
    shown_on.print(
        "* where seed 0 is best. Fresh seeds had no part in that choice.",
        style="dim",
    )


def _show_published(shown_on: Console, published: Sequence[dict[str, object]]) -> None:
    """Print reported top-1 accuracies, the runs of one cell in one line."""
    from rich.table import Table

    cells: dict[tuple[str, str], dict[tuple[str, ...], list[str]]] = {}
    for row in published:
        if row["metric"] == "top1_accuracy":
            source = (str(row["source"]), str(row["table"]))
            where = tuple(str(row[key] or "") for key in ("architecture", "dataset", "split"))
            doubt = "*" if row["flags"] else ""
            found = cells.setdefault(source, {}).setdefault(where, [])
            found.append(f"{row['value']:.4g}{doubt}")
    shown_on.print("\nReported top-1 accuracy (other networks, data and budgets than above)")
    for source, places in cells.items():
        shown_on.print(f"  {', '.join(source)}")
        shown = Table.grid(padding=(0, 2))
        for place, values in places.items():
            shown.add_row("  ", *place, ", ".join(values))
        shown_on.print(shown)
    others = sum(row["metric"] != "top1_accuracy" for row in published)
    more = f"{others} other results in --json. " if others else ""
    shown_on.print(f"{more}Sources and flags (*): docs/reference/literature.md", style="dim")


def _short(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
