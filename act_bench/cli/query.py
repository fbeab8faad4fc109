"""``act-bench query``: look up expressions in a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from act_bench.cli._command import Command
from act_bench.cli._options import data_options, json_option, table_type
from act_bench.tables.rates import View, choose_view, own_rate, read_view, view_name
from act_bench.tables.registry import table_info

if TYPE_CHECKING:
    from act_bench.search.benchmark import Benchmark
    from act_bench.search.benchmark_data import BenchmarkData
    from act_bench.search.events import Result
    from act_bench.tables.registry import TableInfo

    Cells = dict[str, Callable[[Result], str]]
    """The columns of a listing: heading -> what it says of a result."""


@click.command(cls=Command)
@click.argument("expressions", nargs=-1, required=True, metavar="EXPRESSION...")
@click.option("--table", type=table_type, default="mlp", show_default=True, help="Which table.")
@data_options
@json_option
def command(
    expressions: tuple[str, ...],
    table: str,
    fidelity: str | None,
    edition: str,
    run_seed: int | None,
    rate: View | None,
    as_json: bool,
) -> None:
    r"""Look up what the training with each EXPRESSION gives on the validation split.

    \b
      act-bench query "max(relu(x),elu(x))"
      act-bench query "relu(x)" "swish(x)" "mul(x,sigmoid(x))" --table mlp
      act-bench query "tanh(x)" --rate own              at the recipe's own rate
      act-bench query "tanh(x)" --run-seed 3            there, and one run, not the median
      act-bench query gelu crrelu --table mlp           beside the space
      act-bench query "tanh(x)" --json | jq .clock_s

    Any spelling of a function will do, or its name; how it was resolved is shown. A function that
    is asked for twice is charged once. One of the literature that is outside the space, such as
    GELU, is answered from the trainings beside it, where the table has them: no search is offered
    these, and they are not on the clock. Without --rate, --fidelity and --run-seed the answer is at
    the learning rate that suits the function, where a table has several. The clock is the training
    time of the runs behind the answers, those that chose the rate included. Test accuracy is sealed
    in a search; act-bench show prints it.
    """
    from act_bench.search.benchmark import Benchmark
    from act_bench.search.loading import load_data
    from act_bench.search.refusals import BesideSpaceError

    of_run = rate is None and run_seed is not None  # single runs are asked for at the own rate
    view = choose_view(table, "own" if of_run else rate, fidelity, edition)
    data = load_data(table, fidelity, edition, run_seed, view)
    bench = Benchmark(data)
    asked: list[tuple[str, Result]] = []
    beside: list[tuple[str, list[dict[str, Any]]]] = []
    for expression in expressions:
        try:
            asked.append((expression, bench.query(expression)))
        except BesideSpaceError as error:
            beside.append((expression, error.rows))
    header = bench.trace.header
    if beside and run_seed is not None:
        raise click.UsageError(
            f"{beside[0][0]} is beside the space, where the answer is the median: leave out "
            f"--run-seed. load_dataset('act-bench', '{table}-named-runs') has the single runs"
        )
    beside = [(text, _at(rate, rows, own_rate(table, data.fidelity))) for text, rows in beside]
    fresh = _fresh(data, [result.entry for _, result in asked])
    if as_json:
        document = {
            "table": header.table,
            "edition": header.edition,
            "fidelity": header.fidelity,
            "run_seed": header.run_seed,
            "rate": header.rate,
            "results": [
                {"expression": text, **result._asdict(), "loss": result.loss}
                | fresh.get(result.entry, {})
                for text, result in asked
            ],
            "beside_the_space": [{"asked": text, **row} for text, rows in beside for row in rows],
            "clock_s": bench.clock_s,
            "clock_is_lower_bound": bench.clock_is_lower_bound,
        }
        click.echo(json.dumps(document))
        return
    if asked:
        _show_results(bench, data, asked, fresh)
    if beside:
        _show_beside(table, beside)


def _at(rate: View | None, rows: list[dict[str, Any]], own: float | None) -> list[dict[str, Any]]:
    """Return the rows at the rate that was asked for; all of them where none was."""
    if rate is None:
        return rows
    if rate == "tuned":
        return [row for row in rows if row["tuned"]]
    return [row for row in rows if row["learning_rate"] == (own if rate == "own" else rate)]


def _fresh(data: BenchmarkData, entries: list[int]) -> dict[int, dict[str, Any]]:
    """Return what other seeds reach at the rates that seed 0 chose; nothing in other views."""
    info = table_info(data.table)
    if data.rate != "tuned" or data.fidelity != info.default_fidelity:
        return {}
    names = [f"fresh_{info.metric}", "fresh_runs"]
    rows = read_view(data.table, "tuned", names)
    return {entry: {name: rows[name][entry] for name in names} for entry in entries}


def _show_results(
    bench: Benchmark,
    data: BenchmarkData,
    asked: list[tuple[str, Result]],
    fresh: dict[int, dict[str, Any]],
) -> None:
    from act_bench.cli._console import console, listing

    info = table_info(data.table)
    rated = f", rate {view_name(data.rate)}"
    click.echo(
        f"{info.metric_in_words.capitalize()} in {data.table}, fidelity {data.fidelity}{rated}, "
        f"edition {data.edition}"
    )
    metric = info.metric_in_words.split()[-1]
    cells: Cells = {"entry": lambda r: str(r.entry)}
    if data.rate == "tuned":
        cells["rate"] = lambda r: "-" if r.learning_rate is None else f"{r.learning_rate:g}"
    if fresh:
        cells["seed 0"] = lambda r: _value(r, info)
        cells["fresh\nmean"] = lambda r: _number(fresh[r.entry][f"fresh_{info.metric}"])
    else:
        cells[metric] = lambda r: _value(r, info)
        if data.rate != "tuned":  # one run each
            cells["seeds"] = lambda r: str(data.runs_behind(r.entry))
        cells["cost\n(s)"] = lambda r: "repeat" if r.repeated else _seconds(r.cost_s)
    shown = listing("expression", "resolved", right=tuple(cells))
    for text, result in asked:
        shown.add_row(text, result.how_resolved, *(cell(result) for cell in cells.values()))
    console().print(shown)
    bound = "at least " if bench.clock_is_lower_bound else ""
    if fresh:
        click.echo("Seed 0 chose the rate; the mean is of other seeds there, if there are any.")
    click.echo(
        f"Evaluations: {bench.evaluations}. Clock: {bound}{bench.clock_s:.2f} s of training."
    )


def _value(result: Result, info: TableInfo) -> str:
    if result.outcome != "ok" or result.score is None:
        return result.outcome
    return f"{result.score if info.higher_is_better else -result.score:.4f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _seconds(cost_s: float | None) -> str:
    return "unknown" if cost_s is None else f"{cost_s:.2f}"


def _show_beside(table: str, beside: list[tuple[str, list[dict[str, Any]]]]) -> None:
    """Show the rows of named functions outside the space, one per learning rate."""
    from act_bench.cli._console import console, listing

    info = table_info(table)
    click.echo(f"{info.metric_in_words.capitalize()} in {table}, beside the space")
    shown = listing("function", right=("rate", info.metric_in_words.split()[-1], "seeds"))
    for text, rows in beside:
        if not rows:
            shown.add_row(text, "", "not trained at this rate", "")
        for row in rows:
            value = row[info.metric]
            shown.add_row(
                text,
                f"{row['learning_rate']:g}{' *' if row['tuned'] else ''}",
                row["outcome"] if value is None else f"{value:.4f}",
                str(row["runs"]),
            )
    console().print(shown)
    click.echo("* the rate at which seed 0 is best. Medians; not on the clock.")
