"""``act-bench search``: search by real training; resumable."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import click
from rich.progress import MofNCompleteColumn, TextColumn

from act_bench.cli._command import Command
from act_bench.cli._console import console, listing
from act_bench.cli._grafs import search_grafs
from act_bench.cli._options import (
    FiniteNumber,
    PositiveNumber,
    collected,
    refuse_given,
    table_type,
    training_options,
)
from act_bench.cli._progress import bars
from act_bench.cli._search_options import SearchOptions
from act_bench.cli._sparkline import sparkline

if TYPE_CHECKING:
    from surrogates.live import Confirmation, Evaluated, Found, Problem

_DEFAULT_METHODS: Final = {"paper": "gp-ei", "large": "transfer", "swish": "controller"}
_DEFAULT_BUDGET: Final = 30


@click.command(cls=Command)
@click.option("--table", type=table_type, help="Table whose network to train.")
@click.option("--fidelity", help="Recipe of the table; its default if not given.")
@click.option("--model", help="Your own network: my_module:make_model, or path/to/file.py:name.")
@click.option("--data", help="Its data: my_module:load_data.")
@click.option(
    "--train", "train_model", help="Its training: my_module:train; default: a plain loop."
)
@click.option(
    "--floor", type=FiniteNumber(), help="With --train: a score that no trained function is below."
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs of each run of your own network.")
@click.option("--learning-rate", type=PositiveNumber(), help="Learning rate for your own network.")
@click.option("--batch-size", type=click.IntRange(1), help="Batch size for your own network.")
@click.option("--fisher", is_flag=True, help="Compute the Fisher spectra of your own network.")
@click.option(
    "--space",
    type=click.Choice(["paper", "large", "swish"]),
    default="paper",
    show_default=True,
    help="Space to search: the tables', that of `act-bench space`, or the Swish paper's.",
)
@click.option(
    "--method",
    "--optimizer",
    "method",
    help="Search method; settings follow after colons: gp-ei:starts=5.  [default: by space]",
)
@click.option("--budget", type=click.IntRange(1), help="Functions to train.  [default: 30]")
@click.option(
    "--seconds", type=PositiveNumber(), help="End the search after so many seconds of training."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the method."
)
@click.option(
    "--seeds", type=click.IntRange(1), help="Runs of each function.  [default: as the table's]"
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Trainings that run at a time.",
)
@click.option(
    "--confirm",
    "confirm_text",
    default="3x3",
    show_default=True,
    help="Train the best 3 again with 3 fresh seeds; 0 for none.",
)
@click.option(
    "--sealed", is_flag=True, help="Show no test metrics, so that the search can be continued."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the search.  [default: searches/WHAT-METHOD-SEED]",
)
@training_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@collected(SearchOptions)
def command(options: SearchOptions) -> None:
    r"""Search for the best activation function of a network by training it.

    \b
      act-bench search --table mlp                              30 functions, a second or less each
      act-bench search --table cnn --fidelity proxy --workers 2
      act-bench search --table mlp --optimizer evolution --budget 100 --out my-search
      act-bench search --table cnn --space large                beyond the table
      act-bench search --table mlp --space swish                the Swish paper's search
      act-bench search --table mlp --method grafs               by gradient descent, once
      act-bench search --model net.py:make_model --data net.py:load_data

    Stop it at any moment and run it again to resume: finished runs lie in the folder --out, and the
    same seed takes the same course. At the end the best functions are trained again with fresh
    seeds, beside the table's best (or ReLU), and the test metrics of the best are shown, once.
    docs/how-to/live_search.md tells more; `act-bench verify OUT/trace.jsonl` checks the trace.
    """
    if options.by_grafs:
        refuse_given("confirm_text", because="grafs trains what it finds with --seeds N seeds")
        search_grafs(options)
    else:
        _search(options)


def _search(options: SearchOptions) -> None:
    from surrogates.live import Budget, Confirmation, search

    confirmation = Confirmation.parse(options.confirm_text)
    method = options.method or _DEFAULT_METHODS[options.space]
    with Display() as display:
        problem = _table_problem(options) if options.table else _own_problem(options, display)
        what = f"{problem.table}-{problem.fidelity}" if options.table else problem.table
        name = f"{what}-{method}-{options.seed}".replace(":", "-")
        folder = options.out or Path("searches") / name
        unlimited = options.budget is None and options.seconds is None
        limit = Budget(_DEFAULT_BUDGET if unlimited else options.budget, options.seconds)
        display.begin(problem, limit.evaluations)
        found = search(
            problem,
            folder,
            method=method,
            budget=limit,
            seed=options.seed,
            workers=options.workers,
            confirmation=confirmation,
            reveal=not options.sealed,
            watcher=display,
        )
    if options.as_json:
        click.echo(json.dumps({"out": str(folder), **found.to_json()}))
    else:
        _show(found, problem, confirmation, folder)


def _table_problem(options: SearchOptions) -> Problem:
    from surrogates.live import table_problem

    return table_problem(
        str(options.table),
        options.fidelity,
        seeds=None if options.seeds is None else range(options.seeds),
        space=options.space,
        device=options.device,
        data_dir=options.data_dir,
    )


def _own_problem(options: SearchOptions, display: Display) -> Problem:
    from surrogates.live.user_network.address import load_function
    from surrogates.live.user_network.network import OWN, network_problem

    train = options.train_model
    return network_problem(
        load_function(str(options.model)),
        load_function(str(options.data)),
        train_model=None if train is None else load_function(train),
        floor=options.floor,
        recipe=dataclasses.replace(
            OWN,
            epochs=options.epochs or OWN.epochs,
            learning_rate=options.learning_rate or OWN.learning_rate,
            batch_size=options.batch_size or OWN.batch_size,
        ),
        seeds=range(options.seeds or 1),
        space=options.space,
        fisher=options.fisher,
        device=options.device,
        progress=display.spectra,
    )


class Display:
    """What a search does, on stderr: a line for each function, and a bar for the whole."""

    def __init__(self) -> None:
        note = TextColumn("{task.fields[note]}")
        self.progress = bars(MofNCompleteColumn(), note, lasting=True)
        self.bar = self.progress.add_task("functions", total=None, note="", visible=False)
        self.chance, self.number, self.best = 0.0, 0, ""
        self.best_worth: tuple[bool, float] = (False, -math.inf)

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def begin(self, problem: Problem, functions: int | None) -> None:
        """Show that a search begins, with a budget of so many functions if that is known."""
        self.chance, self.value = problem.chance, problem.value
        self.progress.update(self.bar, total=functions, visible=True)

    def evaluated(self, each: Evaluated) -> None:
        """Show a function that was trained."""
        self.number += 1
        mark = ""
        if each.worth > self.best_worth:
            self.best_worth, self.best = each.worth, each.expression
            mark = "  best so far" if each.outcome == "ok" else ""
        top = max(self.best_worth[1], *each.curve, self.chance)
        shown = f"{self.value(each.score):.4f}" if each.outcome == "ok" else "diverged"
        curve = sparkline(each.curve, self.chance, top)
        self.progress.console.print(
            f"{self.number:4}  {shown:<8}  {curve}  {each.expression}{mark}", highlight=False
        )
        note = (
            f"best {self.value(self.best_worth[1]):.4f} {self.best}"
            if self.best_worth[0]
            else "all diverged"
        )
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
    shown_on = console()
    best = found.best
    trained = best.outcome == "ok"
    shown_best = f"{problem.value(best.score):.4f}" if trained else "diverged, as did all others"
    by_loss = " loss" if problem.metric == "validation_loss" else ""
    shown_on.print(
        f"best of {len(found.evaluated)} functions in validation{by_loss}, "
        f"{found.clock_s:.1f} s on the clock:\n  {best.expression}  {shown_best}"
    )
    if found.confirmed:
        reference = problem.reference
        headings = ("searched", "fresh seeds", f"less {_role(problem)}")
        click.echo(f"validation{by_loss} with {confirmation.seeds} fresh seeds:")
        shown = listing("function", right=headings if reference else headings[:2])
        for row in found.confirmed:
            name, seen = row.candidate.expression, row.candidate.shown
            if row.candidate is reference:
                name += f"\n({row.candidate.role})"
            cells = [
                name,
                "" if seen is None else f"{seen:.4f}",
                _of_scores(problem, row.validation)
                + (f", {row.diverged} diverged" if row.diverged else ""),
            ]
            if reference:
                cells.append(
                    "" if row.difference is None else _of_scores(problem, row.difference, "+")
                )
            shown.add_row(*cells)
        shown_on.print(shown)
    tested = found.tested
    shown_test = None if tested is None else tested.loss if by_loss else tested.accuracy
    if tested is not None and shown_test is not None:
        fresh = "" if tested.fresh is None else f"; with fresh seeds {_interval(tested.fresh)}"
        shown_on.print(f"test{by_loss} of {tested.expression}, shown once: {shown_test:.4f}{fresh}")
    elif tested is None:
        shown_on.print("test is sealed: a larger --budget continues it")
    click.echo(f"intervals are 95 %, over seeds; all runs and the trace: {folder}")


def _role(problem: Problem) -> str:
    return problem.reference.role if problem.reference else ""


def _of_scores(problem: Problem, estimate: tuple[float, float | None], sign: str = "") -> str:
    """Return an estimate of scores, or of a difference between them, in the unit of the metric."""
    mean, half_width = estimate
    return _interval((problem.value(mean), half_width), sign)


def _interval(estimate: tuple[float, float | None], sign: str = "") -> str:
    mean, half_width = estimate
    return f"{mean:{sign}.4f}" + ("" if half_width is None else f" ± {half_width:.4f}")
