"""``act-bench regenerate``: train one function again and compare it with the record."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from act_bench.cli._command import Command
from act_bench.cli._console import console, listing
from act_bench.cli._options import OutputFile, collected, table_type, training_options
from act_bench.cli._progress import bar, working
from act_bench.cli._sparkline import score_line
from act_bench.errors import ExitCode
from act_bench.tables.registry import TABLES, choose_fidelity

if TYPE_CHECKING:
    from act_bench.tables.registry import TableInfo
    from regenerate.runs.certificate import Certificate
    from regenerate.runs.run import Run


@dataclass(frozen=True)
class Options:
    """What the command is told."""

    expression: str
    table: str
    fidelity: str | None
    seeds: int
    as_written: bool
    threads: int | None
    certificate_file: Path | None
    device: str
    data_dir: Path | None
    as_json: bool


@click.command(cls=Command)
@click.argument("expression")
@click.option(
    "--table", type=table_type, default="mlp", show_default=True, help="Table whose network to use."
)
@click.option("--fidelity", help="Recipe of the table; its default if not given.")
@click.option(
    "--seeds", type=click.IntRange(1), default=3, show_default=True, help="Use seeds 0 to N - 1."
)
@click.option(
    "--as-written",
    is_flag=True,
    help="Train this very spelling, where it is another spelling of an entry.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Threads of each training on the CPU.  [default: as the record was made]",
)
@click.option(
    "--certificate",
    "certificate_file",
    type=OutputFile(),
    help="Write the evidence to this JSON file.",
)
@training_options
@click.option("--json", "as_json", is_flag=True, help="Print the certificate and nothing else.")
@collected(Options)
def command(options: Options) -> None:
    r"""Train EXPRESSION, or a function by its name, and compare it with the record of a table.

    \b
      act-bench regenerate "relu(x)"
      act-bench regenerate "mul(erf(x),softplus(x))" --seeds 10 --certificate erf.json
      act-bench regenerate crrelu                      a named function, its parameter learned
      act-bench regenerate "sin_like(x)"               an error that points at the mistake
      act-bench regenerate "mul(x,tanh(softplus(x)))"  outside the space: trained all the same

    Another spelling of an entry is trained as the entry is spelled in the record. On a processor of
    the record's kind, with the record's number of threads, each seed repeats to the last bit; as
    many seeds train at a time as the cores allow. A function that diverges is a result like any
    other. Exit code 1 says that the retraining differs from the record: in its outcome, or by more
    than 3 standard errors in the metric of the table.
    """
    shown_on = console(stderr=options.as_json)
    made, note = _retrain(options)
    if options.certificate_file is not None:
        made.write(options.certificate_file)  # before anything is printed, which may fail
    if options.as_json:
        click.echo(json.dumps(made.to_dict()))
    else:
        _show(shown_on, made, note)
    if made.comparison.verdict == "differs":
        sys.exit(ExitCode.NO)


def _retrain(options: Options) -> tuple[Certificate, str]:
    """Train, look up the record and compare; return the certificate and a note on the record."""
    with working("load"):
        from act_bench.files.manifest import DataError
        from act_bench.functions.catalogue import read
        from act_bench.functions.expression import parse
        from act_bench.functions.named import NamedFunction
        from act_bench.spaces.paper import NotInSpaceError, load_space
        from regenerate.recipes import find
        from regenerate.runs.certificate import Certificate, compare, find_record
        from regenerate.sweeps.seeds import recorded_threads, train_at_once

    fidelity = choose_fidelity(options.table, options.fidelity)
    recipe = find(options.table, fidelity)
    expression = read(options.expression)
    entry: int | None = None
    record: list[Run] = []
    note = ""
    try:
        if isinstance(expression, NamedFunction):
            raise NotInSpaceError(str(expression), ())
        space = load_space()
        resolved = space.resolve(expression)
        entry = resolved.entry
        spelling = space.representatives[entry]
        note = f"entry {entry}, recorded as {spelling} (resolved: {resolved.how})"
        if not options.as_written:
            expression = parse(spelling)
        record = find_record(recipe, entry)
        if not record:
            note += f"; the record of {options.table}-{fidelity} has no run of it by this recipe"
    except NotInSpaceError:
        note = "outside the space: there is no record to compare with"
    except DataError as error:
        note = f"{note}; no record to compare with: {error}".removeprefix("; ")
    threads = options.threads or recorded_threads(record)
    with bar(f"{options.table}-{fidelity}, {options.seeds} seeds") as progress:
        retrained = train_at_once(
            recipe,
            expression,
            range(options.seeds),
            threads=threads,
            device=options.device,
            data_dir=options.data_dir,
            progress=progress,
        )
    made = Certificate(
        expression=str(expression),
        entry=entry,
        recipe=recipe,
        retrained=tuple(retrained),
        record=tuple(record),
        comparison=compare(retrained, record, TABLES[options.table].metric),
    )
    return made, note


def _show(shown_on: Console, made: Certificate, note: str) -> None:
    shown_on.print(f"{made.expression}: {note}")
    recorded = {run.seed: run for run in made.record}
    info = TABLES[made.recipe.table]
    curves = {run.seed: getattr(run, f"{info.metric}_curve") for run in made.retrained}
    numbers = (info.metric_in_words.replace(" ", "\n", 1), "recorded", "seconds")
    shown = listing("seed", "outcome", "by epoch", right=numbers)
    for run in made.retrained:
        shown.add_row(
            str(run.seed),
            run.outcome,
            score_line(curves[run.seed], info, curves.values()),
            _value(run, info),
            _value(recorded[run.seed], info) if run.seed in recorded else "",
            f"{run.runtime_s:.2f}",
        )
    shown_on.print(shown)
    comparison = made.comparison
    if comparison.verdict == "no record":
        return
    words = [f"verdict: {comparison.verdict}"]
    if comparison.shared_seeds:
        words.append(
            f"{len(comparison.identical_seeds)} of {len(comparison.shared_seeds)} recorded seeds "
            "repeated to the last bit"
        )
    if comparison.difference is not None:
        words.append(f"mean differs by {comparison.difference:+.4f} from {len(recorded)} runs")
    if comparison.z is not None:
        words.append(f"z = {comparison.z:+.2f}")
    if not comparison.same_platform:
        words.append("another platform than the record's")
    shown_on.print("; ".join(words))


def _value(run: Run, info: TableInfo) -> str:
    value = getattr(run, info.metric)
    return run.outcome if value is None else f"{value:.4f}"
