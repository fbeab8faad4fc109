"""``act-bench show``: everything known about one expression."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, TypedDict

import click

from act_bench.cli._command import Command
from act_bench.cli._options import json_option
from act_bench.cli._sparkline import score_line, sparkline

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from act_bench.functions.expression import Expression
    from act_bench.functions.named import NamedFunction

_SHAPE_POINTS = 41
_SPELLINGS_SHOWN = 8
_BESIDE = 60
"""Columns beside the names of facts, in 80."""


class Curves(TypedDict):
    """Learning curves in validation, epoch by epoch: medians over the runs that are ok."""

    validation_accuracy_curve: list[float]
    validation_loss_curve: list[float]


class Record(Curves):
    """What one table says of an entry, in one edition at one fidelity."""

    table: str
    edition: str
    fidelity: str
    metrics: dict[str, Any]


class AtRate(TypedDict):
    """What a table says of a function at one learning rate."""

    table: str
    fidelity: str
    learning_rate: float
    outcome: str
    validation_accuracy: float | None
    validation_loss: float | None
    test_accuracy: float | None
    test_loss: float | None
    runs: int
    tuned: bool
    """Whether it is the rate that seed 0 chooses."""
    fresh_validation_accuracy: float | None
    """At that rate: the mean over seeds that had no part in the choice, in tables of accuracies."""
    fresh_validation_loss: float | None
    """The same, in tables of losses."""
    fresh_runs: int


class Facts(TypedDict):
    """Everything known about a function; a key is a key of the JSON document.

    Outside the space there is no entry: what tells of it is null or empty.
    """

    expression: str
    operators: dict[str, str]
    shape: list[float]
    entry: int | None
    how_resolved: str | None
    entry_expression: str | None
    equivalent_expressions: list[str]
    canonical_class: int | None
    entries_of_class: list[int]
    records: list[Record]
    rates: list[AtRate]
    published: list[dict[str, object]]


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
    known = _known(expression)
    if as_json:
        click.echo(json.dumps(known))
    else:
        _show(known)


def _known(text: str) -> Facts:
    from act_bench.functions.catalogue import read
    from act_bench.functions.named import NamedFunction
    from act_bench.spaces.paper import NotInSpaceError, finite_outputs, load_space
    from act_bench.tables.catalogued.literature import reported

    function = read(text)
    grid = [10 * i / (_SHAPE_POINTS - 1) - 5 for i in range(_SHAPE_POINTS)]
    known: Facts = {
        "expression": str(function),
        "operators": _formulas(function),
        "shape": finite_outputs(function.to_numpy()(grid)).tolist(),
        "entry": None,
        "how_resolved": None,
        "entry_expression": None,
        "equivalent_expressions": [],
        "canonical_class": None,
        "entries_of_class": [],
        "records": [],
        "rates": _named_rates(str(function)),
        "published": reported(function).to_dicts(),
    }
    if isinstance(function, NamedFunction):
        return known
    space = load_space()
    try:
        resolution = space.resolve(function)
    except NotInSpaceError:
        if known["published"] or known["rates"]:
            return known
        raise
    entry = resolution.entry
    name = space.representatives[entry]
    canonical = space.canonical_class[entry]
    found: Facts = {
        **known,
        "entry": entry,
        "how_resolved": resolution.how,
        "entry_expression": name,
        "equivalent_expressions": [
            other for other, e in space.entry_of.items() if e == entry and other != name
        ],
        "canonical_class": canonical,
        "entries_of_class": [e for e, c in enumerate(space.canonical_class) if c == canonical],
        "records": _records(entry),
        "rates": _entry_rates(entry),
    }
    return found


def _named_rates(function: str) -> list[AtRate]:
    """Return what the tables say of a function outside the space, by its spelling or name."""
    from act_bench.tables.catalogued.named import named_rows
    from act_bench.tables.registry import TABLES

    return [
        _at_rate(table, row["fidelity"], row, row)
        for table in TABLES
        for row in named_rows(table, function)
    ]


def _entry_rates(entry: int) -> list[AtRate]:
    """Return what the tables say of an entry at each rate, of those that have several."""
    import polars as pl

    from act_bench.tables.loaders import load_table
    from act_bench.tables.rates import load_rates, table_rates
    from act_bench.tables.registry import TABLES

    found = []
    for table, info in TABLES.items():
        if not table_rates(table):
            continue
        tuned = load_table(table, rate="tuned").row(entry, named=True)
        for row in load_rates(table).filter(pl.col("entry") == entry).iter_rows(named=True):
            if row["outcome"] != "missing":
                chosen = row["learning_rate"] == tuned["learning_rate"]
                fresh = tuned if chosen else {}
                row["tuned"] = chosen
                found.append(_at_rate(table, info.default_fidelity, row, fresh))
    return found


def _at_rate(table: str, fidelity: str, row: Mapping[str, Any], fresh: Mapping[str, Any]) -> AtRate:
    return {
        "table": table,
        "fidelity": fidelity,
        "learning_rate": row["learning_rate"],
        "outcome": row["outcome"],
        "validation_accuracy": row["validation_accuracy"],
        "validation_loss": row["validation_loss"],
        "test_accuracy": row["test_accuracy"],
        "test_loss": row["test_loss"],
        "runs": row["runs"],
        "tuned": row["tuned"],
        "fresh_validation_accuracy": fresh.get("fresh_validation_accuracy"),
        "fresh_validation_loss": fresh.get("fresh_validation_loss"),
        "fresh_runs": fresh.get("fresh_runs", 0),
    }


def _formulas(function: Expression | NamedFunction) -> dict[str, str]:
    """Return the formulas of the operators of an expression, or that of a named function."""
    from act_bench.functions.named import NamedFunction

    if isinstance(function, NamedFunction):
        return {function.name: function.formula}
    return _operators(function)


def _operators(tree: Expression) -> dict[str, str]:
    """Return the formulas of the operators of a tree, outermost first."""
    from act_bench.functions.operators import ALL_OPERATORS

    formulas: dict[str, str] = {}
    level = [tree]
    while level:
        for part in level:
            if part.arguments:
                formulas.setdefault(part.operator, ALL_OPERATORS[part.operator].formula)
        level = [argument for part in level for argument in part.arguments]
    return formulas


def _records(entry: int) -> list[Record]:
    from act_bench.files.manifest import DataError
    from act_bench.tables.files import embedded_fidelities, runs_file, runs_name, table_files
    from act_bench.tables.loaders import load_table
    from act_bench.tables.registry import TABLES, UPSTREAM_FIDELITY
    from act_bench.tables.schema import ENTRY_COLUMNS, UnknownNameError, scalar_names

    metrics = [name for name in scalar_names(ENTRY_COLUMNS) if name not in _KEYS]
    records: list[Record] = []
    for table in TABLES:
        fidelities = embedded_fidelities(table)
        curves: dict[str, Curves] = {}
        if fidelities and runs_name(table) in table_files(table):
            curves = median_curves(str(runs_file(table)), entry)
        for fidelity in fidelities:
            row = load_table(table, fidelity=fidelity, columns=metrics).row(entry, named=True)
            records.append(
                {
                    "table": table,
                    "edition": "regenerated",
                    "fidelity": fidelity,
                    "metrics": row,
                    **curves.get(fidelity, _NO_CURVES),
                }
            )
        try:
            upstream = load_table(table, edition="upstream", columns=metrics)
        except (DataError, UnknownNameError):  # not imported here, or the authors have none
            continue
        records.append(
            {
                "table": table,
                "edition": "upstream",
                "fidelity": UPSTREAM_FIDELITY,
                "metrics": upstream.row(entry, named=True),
                **_NO_CURVES,
            }
        )
    return records


_KEYS = ("expression", "entry", "canonical_class")
_NO_CURVES: Curves = {"validation_accuracy_curve": [], "validation_loss_curve": []}


def median_curves(path: str, entry: int) -> dict[str, Curves]:
    """Return, by fidelity, the medians after each epoch of the runs that are ok."""
    import polars as pl

    from act_bench.tables.aggregation import median

    runs = (
        pl.scan_parquet(path)
        .filter(pl.col("entry") == entry, pl.col("outcome") == "ok")
        .select("fidelity", *_NO_CURVES)
        .collect()
    )

    def medians(rows: pl.DataFrame, column: str) -> list[float]:
        epochs = zip(*rows[column].to_list(), strict=True)
        return [value for epoch in epochs if (value := median(epoch)) is not None]

    return {
        str(fidelity): {
            "validation_accuracy_curve": medians(rows, "validation_accuracy_curve"),
            "validation_loss_curve": medians(rows, "validation_loss_curve"),
        }
        for (fidelity,), rows in runs.group_by("fidelity")
    }


def _show(known: Facts) -> None:
    from rich.table import Table

    from act_bench.cli._console import console
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
        title = f"\n{about.title}, {record['edition']}, fidelity {record['fidelity']}"
        if metrics["outcome"] == "missing":
            shown_on.print(f"{title}: missing, never trained")
            continue
        for name, value in metrics.items():
            shown.add_row("", name, "-" if value is None else _short(value))
        bits = about.in_bits_per_byte(metrics["validation_loss"])
        if bits is not None:
            shown.add_row("", "validation bits per byte", _short(bits))
        if curve:
            name = "validation by epoch" if by_accuracy else "validation loss by epoch"
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
