"""``act-bench sweep``: train every entry of a table, resumably."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click
from rich.progress import MofNCompleteColumn, TextColumn

from act_bench.cli._command import Command
from act_bench.cli._options import (
    PositiveNumber,
    collected,
    refuse_given,
    table_type,
    training_options,
)
from act_bench.cli._progress import bars, working
from act_bench.tables.registry import TABLES, choose_fidelity

if TYPE_CHECKING:
    from regenerate.recipes import Recipe
    from regenerate.sweeps.executor import Executor
    from regenerate.sweeps.sweep import Task


@dataclass(frozen=True)
class Options:
    """What the command is told."""

    table: str
    fidelity: str | None
    rate: float | None
    seeds: int | None
    shard_text: str | None
    limit: int | None
    minutes: float | None
    expressions_file: Path | None
    select_text: str | None
    tuned: bool
    limits: bool
    named: bool
    out: Path | None
    jobs: int | None
    executor: str
    ray_address: str | None
    gpus_per_worker: float
    device: str
    data_dir: Path | None
    as_json: bool


@click.command(cls=Command)
@click.argument("table", type=table_type)
@click.option("--fidelity", help="Recipe of the table; its default if not given.")
@click.option(
    "--rate",
    type=PositiveNumber(),
    help="Peak of the learning rate, instead of the recipe's own.",
)
@click.option("--seeds", type=click.IntRange(1), help="Train with seeds 0 to N - 1.")
@click.option("--shard", "shard_text", help="Only this share of the functions, such as 3/16.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N functions of the order.")
@click.option(
    "--minutes",
    type=PositiveNumber(),
    help="Begin no function that would end after so many minutes, by the longest so far.",
)
@click.option(
    "--expressions",
    "expressions_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Only the functions in this file, one per line; # begins a comment.",
)
@click.option(
    "--select",
    "select_text",
    help="Only functions chosen by what they reached with seed 0 in the folder --out: "
    "best:N, baselines, random:N, or several with commas.",
)
@click.option(
    "--tuned",
    is_flag=True,
    help="With --select: choose by the tuned table instead, and train those that it tunes to this "
    "rate, with the seeds that are not recorded.",
)
@click.option(
    "--limits",
    is_flag=True,
    help="Only the entries whose formula gives no number at 0, with their limit there filled in.",
)
@click.option(
    "--named",
    is_flag=True,
    help="Train the functions of the catalogue that are outside the space, instead of the entries.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the parts.  [default: sweeps/TABLE-FIDELITY, then -named or -limits where "
    "these are trained, and -RATE where one is given]",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Number of workers.  [default: one for each core; one on a GPU]",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Processes on this machine, or Ray, for several machines or GPUs.",
)
@click.option(
    "--ray-address",
    help="A running Ray cluster.  [default: RAY_ADDRESS, or workers started on this machine]",
)
@click.option(
    "--gpus-per-worker",
    type=PositiveNumber(),
    default=1.0,
    show_default=True,
    help="With Ray on GPUs; 0.25 lets four workers share one.",
)
@training_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@collected(Options)
def command(options: Options) -> None:
    r"""Train every entry of TABLE; stop it at any moment and run it again to resume.

    \b
      act-bench sweep mlp                      all 2,913 functions, 10 seeds each
      act-bench sweep mlp --limit 50           a fair sample of 50
      act-bench sweep mlp --shard 3/16         one of sixteen machines
      act-bench sweep cnn --minutes 50         what a machine trains in its time
      act-bench sweep mlp --seeds 3 --expressions best.txt --out sweeps/best
      act-bench sweep cnn --seeds 3 --select best:300,baselines,random:100
      act-bench sweep cnn --rate 0.1           at another learning rate
      act-bench sweep cnn --rate 0.1 --seeds 3 --select best:300,baselines --tuned
      act-bench sweep cnn --limits             what is 0/0 at 0, with its limit there
      act-bench sweep cnn --named --seeds 3    GELU, Mish and others beside the space
      act-bench sweep cnn --executor ray --ray-address HOST:6379

    The order is fixed and shuffled, so any prefix is a fair sample. Finished functions lie in
    Parquet parts in the folder --out; at the end all its parts are merged into one table beside
    the folder, OUT.parquet. To join shards, put their parts into one folder and run the sweep.
    --select needs a finished sweep with seed 0 in that folder, and adds seeds to some of it. With
    Ray the parts are written here, whatever the machines; a killed worker costs the part in hand.

    With --rate, runs whose record diverged before the learning rate had any part in it are left
    out, since they do the same at every rate; unless --expressions names the function.
    """
    with working("load"):
        from regenerate.recipes import find
        from regenerate.recipes.rates import with_rate
        from regenerate.runs import parts
        from regenerate.sweeps.selection import without_recorded
        from regenerate.sweeps.sweep import Shard, plan, sweep
        from regenerate.sweeps.time_limit import TimeLimit

    choices = {
        "--select": options.select_text,
        "--expressions": options.expressions_file,
        "--named": options.named,
        "--limits": options.limits,
    }
    if len(given := [name for name, value in choices.items() if value]) > 1:
        raise click.UsageError(f"expected one of {', '.join(choices)}, got {' and '.join(given)}")
    if options.tuned and not options.select_text:
        raise click.UsageError("--tuned says how --select chooses, and there is no --select")
    if options.executor == "local":
        refuse_given(
            "ray_address",
            "gpus_per_worker",
            because="only --executor ray has a cluster and shares of a GPU",
        )
    table = options.table
    fidelity = choose_fidelity(table, options.fidelity)
    own = find(table, fidelity)
    if options.limits:
        own = replace(own, undefined="limit")
    recipe = with_rate(own, options.rate)
    suffix = "-named" if options.named else "-limits" if options.limits else ""
    suffix += "" if recipe == own else f"-{recipe.learning_rate:g}"
    folder = options.out or Path("sweeps") / f"{table}-{fidelity}{suffix}"
    shard = Shard.parse(options.shard_text) if options.shard_text else None
    tasks = plan(
        _chosen(options, recipe, folder),
        range(options.seeds or TABLES[table].seeds.get(fidelity, 1)),
        limit=options.limit,
        shard=shard,
    )
    if recipe != own and not options.expressions_file and not options.named:
        tasks = _without_fixed(tasks, own)
    if options.tuned:
        tasks = without_recorded(tasks, TABLES[table], recipe.learning_rate)
    workers = _workers(options, recipe)
    started = time.perf_counter()
    with Meter(len(tasks)) as meter:
        sweep(
            recipe,
            tasks,
            folder,
            workers,
            device=options.device,
            # Workers need not run in this folder.
            data_dir=options.data_dir.absolute() if options.data_dir else None,
            progress=meter.update,
            limit=TimeLimit(60 * options.minutes) if options.minutes else None,
        )
    seconds = time.perf_counter() - started
    merged = parts.merge([folder], recipe)
    unverified = parts.unverified(parts.read(folder))
    if unverified:
        click.echo(unverified, err=True)
    target = folder.with_name(f"{folder.name}.parquet")
    parts.write(target, merged)
    outcomes = Counter(merged.column("outcome").to_pylist())
    summary = {
        "table": table,
        "fidelity": fidelity,
        "learning_rate": recipe.learning_rate,
        "executor": options.executor,
        "functions": len(tasks),
        "trained_now": meter.trained,
        "left": meter.pending - meter.trained,
        "seconds": round(seconds, 1),
        "runs": merged.num_rows,
        "outcomes": dict(sorted(outcomes.items())),
        "parts": str(folder),
        "merged": str(target),
    }
    if options.as_json:
        click.echo(json.dumps(summary))
        return
    counted = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    click.echo(f"{target}: {merged.num_rows:,} runs ({counted})")
    click.echo(f"{meter.trained:,} functions trained now, in {seconds / 60:.1f} minutes")
    if left := meter.pending - meter.trained:
        click.echo(f"{left:,} functions are left: run the same command again to go on")


def _chosen(options: Options, recipe: Recipe, folder: Path) -> Mapping[str, int | None]:
    """Return the functions to train, spelling to entry."""
    from act_bench.cli._expression_file import read_expressions
    from act_bench.spaces.limits import load_limits
    from act_bench.spaces.paper import beside_the_space, load_space
    from regenerate.sweeps.selection import Selection, first_seed, tuned

    if options.named:
        return beside_the_space()
    space, info = load_space(), TABLES[options.table]
    if options.select_text:
        selection = Selection.parse(options.select_text)
        if not options.tuned:
            return selection.choose(space, first_seed(folder, info))
        found = tuned(info)
        chosen = selection.choose(space, found.reached)
        return {text: n for text, n in chosen.items() if found.rate[text] == recipe.learning_rate}
    entry_of = {text: entry for entry, text in enumerate(space.representatives)}
    if options.limits:
        entry_of = {text: entry for text, entry in entry_of.items() if entry in load_limits()}
    if options.expressions_file is not None:
        named = read_expressions(options.expressions_file)
        entries = {space.resolve(each).entry for each in named}
        return {text: entry for text, entry in entry_of.items() if entry in entries}
    return entry_of


def _without_fixed(tasks: list[Task], recipe: Recipe) -> list[Task]:
    """Return tasks without the runs that are recorded and are the same at every learning rate."""
    from act_bench.files.manifest import AbsentDataError
    from act_bench.tables.runs import load_runs
    from regenerate.recipes.rates import fixed_runs

    columns = ["entry", "seed", "outcome", "images_seen", "recipe_sha"]
    try:
        runs = load_runs(recipe.table, recipe.fidelity, columns)
    except AbsentDataError:  # nothing is recorded of this table: train them all
        return tasks
    rows = (row for row in runs.iter_rows(named=True) if row["recipe_sha"] == recipe.sha)
    fixed = fixed_runs(recipe, rows)
    left = [
        task._replace(seeds=tuple(seed for seed in task.seeds if (task.entry, seed) not in fixed))
        for task in tasks
    ]
    left = [task for task in left if task.seeds]
    if len(left) < len(tasks):
        gone = len(tasks) - len(left)
        click.echo(f"{gone:,} functions diverge at once, at any rate: left out", err=True)
    return left


def _workers(options: Options, recipe: Recipe) -> Executor:
    """Return the executor of that name."""
    if options.executor == "local":
        from regenerate.sweeps.executor import LocalExecutor
        from regenerate.sweeps.processes import available_cores
        from regenerate.training.dispatch import choose_device

        # All local workers train on the same GPU, where more than one would be in the others' way.
        on_cpu = choose_device(recipe.network, options.device) == "cpu"
        return LocalExecutor(options.jobs or (available_cores() if on_cpu else 1))
    from regenerate.sweeps.executor_ray import RayExecutor

    return RayExecutor(options.jobs, address=options.ray_address, gpus=options.gpus_per_worker)


class Meter:
    """The progress bar of a sweep on stderr, with an estimate of the time left.

    Parameters
    ----------
    functions
        All functions of the sweep, those done before included.
    """

    def __init__(self, functions: int) -> None:
        self.functions = functions
        self.pending = self.trained = 0
        self.started = time.perf_counter()
        fields = (TextColumn("{task.fields[left]}"), TextColumn("{task.fields[outcomes]}"))
        self.progress = bars(MofNCompleteColumn(), *fields, lasting=True)
        self.bar = self.progress.add_task("functions", total=functions, left="", outcomes="")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def update(self, remaining: int, outcomes: Counter[str]) -> None:
        """Show that so many functions are left, and the outcomes of the runs since the start."""
        if not outcomes:  # the call at the start, before anything is trained
            self.pending, self.started = remaining, time.perf_counter()
        self.trained = self.pending - remaining
        left = ""
        if self.trained and remaining:
            seconds = (time.perf_counter() - self.started) / self.trained * remaining
            left = f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"
        self.progress.update(
            self.bar,
            completed=self.functions - remaining,
            left=left,
            outcomes=", ".join(f"{count:,} {name}" for name, count in sorted(outcomes.items())),
        )
