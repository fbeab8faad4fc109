"""``act-bench search``: search by real training; resumable."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from act_bench.cli.grafs import METHOD, search_grafs
from act_bench.cli.lookup import table_type
from act_bench.cli.sparkline import sparkline
from act_bench.cli.training import DataFailure, explained_errors, training_options

if TYPE_CHECKING:
    from surrogates.live import Confirmation, Evaluated, Found, Problem


@click.command()
@click.option("--table", type=table_type, help="Whose network to train.")
@click.option("--fidelity", help="Recipe of the table; its default if not given.")
@click.option("--model", help="Your own network: my_module:make_model, or path/to/file.py:name.")
@click.option("--data", help="Its data: my_module:load_data.")
@click.option("--train", "train_model", help="Its training: my_module:train; a loop is there.")
@click.option("--epochs", type=click.IntRange(1), help="Of your own network.")
@click.option("--learning-rate", type=float, help="Of your own network.")
@click.option("--batch-size", type=click.IntRange(1), help="Of your own network.")
@click.option("--fisher", is_flag=True, help="Compute the Fisher spectra of your own network.")
@click.option(
    "--space",
    type=click.Choice(["paper", "large", "swish"]),
    default="paper",
    show_default=True,
    help="Of the tables; of `act-bench space`; or of the Swish paper.",
)
@click.option(
    "--method",
    "--optimiser",
    "--optimizer",
    "method",
    help="Settings follow after colons: gp-ei:starts=5.  [default: by space]",
)
@click.option("--budget", type=click.IntRange(1), help="Functions to train.  [default: 30]")
@click.option("--seconds", type=float, help="End when training has taken so long.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the method.")
@click.option(
    "--seeds", type=click.IntRange(1), help="Runs of each function.  [default: as the table's]"
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option(
    "--confirm",
    "confirm_text",
    default="3x3",
    show_default=True,
    help="Train the best 3 again with 3 fresh seeds; 0 for none.",
)
@click.option("--sealed", is_flag=True, help="Show no test metrics, to go on later.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the search.  [default: searches/WHAT-METHOD-SEED]",
)
@training_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    table: str | None,
    fidelity: str | None,
    model: str | None,
    data: str | None,
    train_model: str | None,
    epochs: int | None,
    learning_rate: float | None,
    batch_size: int | None,
    fisher: bool,
    space: str,
    method: str | None,
    budget: int | None,
    seconds: float | None,
    seed: int,
    seeds: int | None,
    workers: int,
    confirm_text: str,
    sealed: bool,
    out: Path | None,
    device: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    r"""Search for the best activation function of a network by training it.

    \b
      act-bench search --table mlp                              30 functions, seconds each
      act-bench search --table cnn --fidelity proxy --workers 2
      act-bench search --table mlp --optimiser evolution --budget 100 --out my-search
      act-bench search --table cnn --space large                beyond the table
      act-bench search --table mlp --space swish                the Swish paper's search
      act-bench search --table mlp --method grafs               by gradient descent, once
      act-bench search --model net.py:make_model --data net.py:load_data

    Stop it at any moment and run it again to go on: finished runs lie in the folder --out, and the
    same seed takes the same course. At the end the best functions are trained again with fresh
    seeds, beside the table's best (or ReLU), and the test metrics of the best are shown, once.
    docs/live_search.md tells more; `act-bench verify OUT/trace.jsonl` checks the trace.
    """
    if (table is None) == (model is None):
        raise click.UsageError("give either --table, or --model and --data of your own network")
    if model is not None and data is None:
        raise click.UsageError("--model needs --data: a function that returns the data")
    changed = any(value is not None for value in (epochs, learning_rate, batch_size))
    if table is not None and (data or train_model or fisher or changed):
        raise click.UsageError(
            "--data, --train, --fisher, --epochs, --learning-rate and --batch-size are for your "
            "own network: give --model in place of --table"
        )
    if train_model is not None and changed:
        raise click.UsageError("--train is your own training: it has no --epochs and the like")
    if method == METHOD and (space != "paper" or workers > 1):
        raise click.UsageError(
            "grafs searches a space of its own, of 22,667,121 cells, in one process: it has no "
            "--space and no --workers"
        )
    if method == METHOD and table is not None and budget is None and seconds is None:
        search_grafs(
            table,
            fidelity,
            seed=seed,
            seeds=seeds,
            sealed=sealed,
            out=out,
            device=device,
            data_dir=data_dir,
            as_json=as_json,
        )
        return
    confirmation = _confirmation(confirm_text)
    method = method or {"paper": "gp-ei", "large": "transfer", "swish": "controller"}[space]
    console = Console(stderr=True)
    with _explained(), Display(console) as display:
        from surrogates.live import Budget, search, table_problem

        count = range(seeds) if seeds is not None else None
        if table is not None:
            problem = table_problem(
                table, fidelity, seeds=count, space=space, device=device, data_dir=data_dir
            )
        else:
            from surrogates.live.user_network.address import load_function
            from surrogates.live.user_network.network import OWN, network_problem

            problem = network_problem(
                load_function(str(model)),
                load_function(str(data)),
                train_model=None if train_model is None else load_function(train_model),
                recipe=dataclasses.replace(
                    OWN,
                    epochs=epochs or OWN.epochs,
                    learning_rate=learning_rate or OWN.learning_rate,
                    batch_size=batch_size or OWN.batch_size,
                ),
                seeds=count or [0],
                space=space,
                fisher=fisher,
                device=device,
                progress=display.spectra,
            )
        what = f"{problem.table}-{problem.fidelity}" if table else problem.table.replace(":", "-")
        folder = out or Path("searches") / f"{what}-{method.replace(':', '-')}-{seed}"
        limit = Budget(30 if budget is None and seconds is None else budget, seconds)
        display.begin(problem, limit.evaluations)
        found = search(
            problem,
            folder,
            method=method,
            budget=limit,
            seed=seed,
            workers=workers,
            confirmation=confirmation,
            reveal=not sealed,
            watcher=display,
        )
    if as_json:
        click.echo(json.dumps({"out": str(folder), **found.to_json()}))
    else:
        _show(found, problem, confirmation, folder)


def _confirmation(text: str) -> Confirmation:
    with _explained():
        from surrogates.live import Confirmation

        try:
            return Confirmation.parse(text)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--confirm") from error


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what can go wrong in a search into a sentence on stderr and an exit code."""
    with explained_errors():
        try:
            from act_bench.tables.schema import UnknownNameError
            from regenerate.runs.store import SearchFolderError
            from surrogates.live.methods import MethodError
            from surrogates.live.user_network.address import AddressError
            from surrogates.live.user_network.network import NetworkError
            from surrogates.optimizers import MissingExtraError
            from surrogates.simulation import StalledSearchError
        except ModuleNotFoundError as error:
            raise DataFailure(
                f"a search needs {error.name}, which is not installed; "
                "mend: pip install 'act-bench[regenerate,surrogates]'"
            ) from error
        try:
            yield
        except (SearchFolderError, StalledSearchError) as error:
            raise DataFailure(str(error)) from error
        except (
            AddressError, MethodError, MissingExtraError, NetworkError, UnknownNameError
        ) as error:  # fmt: skip
            raise click.UsageError(str(error)) from error


class Display:
    """What a search does, on stderr: a line for each function, and a bar for the whole."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self.bar = self.progress.add_task("functions", total=None, note="", visible=False)
        self.chance, self.number, self.best = 0.0, 0, ""
        self.best_score = -1.0

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def begin(self, problem: Problem, functions: int | None) -> None:
        """Show that a search begins, with a budget of so many functions if that is known."""
        self.chance = problem.chance
        self.progress.update(self.bar, total=functions, visible=True)

    def evaluated(self, each: Evaluated) -> None:
        """Show a function that was trained."""
        self.number += 1
        mark = ""
        if each.score > self.best_score:
            self.best_score, self.best = each.score, each.expression
            mark = "  best so far" if each.outcome == "ok" else ""
        top = max(self.best_score, *each.curve, self.chance)
        accuracy = each.validation_accuracy
        shown = "diverged" if accuracy is None else f"{accuracy:.4f}"
        curve = sparkline(each.curve, self.chance, top)
        self.progress.console.print(
            f"{self.number:4}  {shown:<8}  {curve}  {each.expression}{mark}", highlight=False
        )
        note = f"best {self.best_score:.4f} {self.best}"
        self.progress.update(self.bar, completed=self.number, note=note, description="functions")

    def share(self, done: float) -> None:
        """Show the share done of the training in hand."""
        self.progress.update(self.bar, description=f"training {done:4.0%}")

    def confirming(self, expression: str) -> None:
        """Show that a function is trained again."""
        self.progress.update(self.bar, note=f"confirming {expression}")

    def spectra(self, done: int, total: int) -> None:
        """Show how far the Fisher spectra are."""
        note = f"{done:,} of {total:,} Fisher spectra"
        self.progress.update(self.bar, visible=True, description="features", note=note)


def _show(found: Found, problem: Problem, confirmation: Confirmation, folder: Path) -> None:
    console = Console()
    best = found.best
    console.print(
        f"best of {len(found.evaluated)} functions in validation, "
        f"{found.clock_s:.1f} s on the clock:\n  {best.expression}  {best.score:.4f}",
        highlight=False,
    )
    if found.confirmed:
        shown = Table(
            title=f"validation with {confirmation.seeds} fresh seeds",
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
        )
        reference = problem.reference
        headings = ("function", "searched", "fresh seeds", f"less {_role(problem)}")
        for number, heading in enumerate(headings if reference else headings[:3]):
            shown.add_column(heading, justify="right" if number else "left")
        for row in found.confirmed:
            name, accuracy = row.candidate.expression, row.candidate.shown
            if row.candidate is reference:
                name += f"\n({row.candidate.role})"
            cells = [
                name,
                "" if accuracy is None else f"{accuracy:.4f}",
                _interval(row.validation) + (f", {row.diverged} diverged" if row.diverged else ""),
            ]
            if reference:
                cells.append("" if row.difference is None else _interval(row.difference, "+"))
            shown.add_row(*cells)
        console.print(shown)
    tested = found.tested
    if tested is not None and tested.accuracy is not None:
        fresh = "" if tested.fresh is None else f"; with fresh seeds {_interval(tested.fresh)}"
        console.print(
            f"test of {tested.expression}, shown once: {tested.accuracy:.4f}{fresh}",
            highlight=False,
        )
    elif tested is None:
        console.print("test is sealed: a larger --budget goes on", highlight=False)
    click.echo(f"intervals are 95 %, over seeds; all runs and the trace: {folder}")


def _role(problem: Problem) -> str:
    return problem.reference.role if problem.reference else ""


def _interval(estimate: tuple[float, float | None], sign: str = "") -> str:
    mean, half_width = estimate
    return f"{mean:{sign}.4f}" + ("" if half_width is None else f" ± {half_width:.4f}")
