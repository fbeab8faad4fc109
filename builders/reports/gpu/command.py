"""Check a GPU, measure it, and train on it what its minutes allow; then send the parts.

``python -m builders.reports.gpu --minutes 10`` on any machine with a CUDA (or ROCm) GPU

1. compares activations with their tables, value and slope at all bfloat16 inputs;
2. compares recorded steps (CUDA graphs) with plain ones, for each network;
3. measures the device's peak and, for each network, images per second and the share of the peak,
   with plain and recorded steps and with several trainings at once;
4. trains baselines, the best, named functions and a stratified sample at ``full``, in this order,
   as many as end in time, several at once where one training does not fill the device.

Everything goes into ``--out``: ``report.json`` with what was found, and a folder of parts for each
table, as ``act-bench sweep`` writes them. It can be stopped at any moment; the same command goes
on. On a CPU the same command rehearses all this with tiny networks, whose runs are of no table.
"""

from __future__ import annotations

import dataclasses
import json
import os
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import click

from act_bench.arguments import finite_number
from act_bench.errors import ActBenchError
from act_bench.functions.catalogue import CATALOGUE
from act_bench.functions.operators import BASELINES
from act_bench.tables.registry import TABLES, import_own_tables
from builders.reports.gpu import speed, worklist
from builders.reports.gpu.checks import (
    DeviceCheckError,
    check_activations,
    check_far,
    check_recording,
)
from builders.reports.gpu.session import Session
from regenerate.data import DataNotFoundError
from regenerate.networks import IMAGE_NETWORKS
from regenerate.recipes import RECIPES, Recipe, find
from regenerate.runs import parts
from regenerate.runs.environment import device_name, environment
from regenerate.sweeps.executor import Executor, LocalExecutor, SerialExecutor
from regenerate.sweeps.sweep import Task, sweep
from regenerate.sweeps.time_limit import TimeLimit
from regenerate.training.dispatch import choose_device
from regenerate.training.step import GRAPHS_VARIABLE

MEASURING: Final = 0.2
"""Seconds of each measurement per minute there is."""
RESERVED: Final = 0.5
"""Share of the time that is kept for training: what is over it may go into measuring."""
REHEARSED: Final = {
    "all_cnn_c": {"width": 1 / 12, "image_size": 16},
    "resnet56": {"width": 1 / 8, "image_size": 8},
    "mobilevit_v2": {"width": 1 / 4, "image_size": 32},
}
"""Network -> how small it is in a rehearsal."""

IMAGES: Final = {"cifar10": (45_000, 5_000, 10_000), "imagenette": (9_469, 1_966, 1_959)}
"""Images of a data set for training, validation and test."""
EVALUATING: Final = 1 / 3
"""Time of an image without its way back, as a share of a training image's."""


def rehearsal(recipe: Recipe) -> Recipe:
    """Return a recipe that does all that the other does, of two steps of a tiny network.

    Examples
    --------
    >>> rehearsal(find("cnn", "full")).train_images
    32
    """
    tiny: dict[str, Any] = REHEARSED[recipe.network]
    return dataclasses.replace(
        recipe,
        fidelity="rehearsal",
        epochs=1,
        batch_size=16,
        train_images=32,
        warmup_epochs=0.5,
        cooldown_epochs=0.0,
        **tiny,
    )


def functions_to_check(device: str) -> list[str]:
    """Return baselines and the named functions that a table can hold; a few for a rehearsal."""
    if device == "cpu":
        return list(BASELINES[:3])
    named = [name for name, each in CATALOGUE.items() if each.parameter is None]
    return list(dict.fromkeys([*BASELINES, *named]))


def check(session: Session, recipes: list[Recipe], device: str) -> None:
    """Do the first two stages; a wrong activation ends all, a wrong recording only its use."""

    def activations() -> dict[str, object]:
        functions = functions_to_check(device)
        numbers = check_activations(functions, device)
        far = device != "cpu" and check_far("tanh(x)", device)
        return {"functions": len(functions), "numbers": numbers, "beyond_32_bits": far}

    found = session.once("activations", activations)
    click.echo(f"activations: {found['numbers']:,} numbers as in the tables")
    for recipe in recipes:

        def recording(recipe: Recipe = recipe) -> dict[str, object]:
            try:
                return check_recording(recipe, device)._asdict()
            except DeviceCheckError as error:
                return {"error": str(error)}

        found = session.once(f"recording {recipe.table}", recording)
        click.echo(f"recorded step of {recipe.table}: {json.dumps(found)}")


def measure(
    session: Session, recipes: list[Recipe], device: str, seconds: float, limit: TimeLimit
) -> None:
    """Do the third stage."""
    peak = session.once("peak_flops", lambda: speed.peak_flops(device, seconds))
    click.echo(f"peak: {peak / 1e12:.3g} TFLOP/s")
    reserved = RESERVED * limit.left_s
    for recipe in recipes:

        def measured(recipe: Recipe = recipe) -> dict[str, object]:
            several = limit.left_s > reserved
            found = speed.measure(recipe, device, peak, seconds, several=several)
            return {**found._asdict(), "records": found.records}

        found = session.once(f"speed {recipe.table}", measured)
        click.echo(
            f"{recipe.table}: {found['images_per_s']:,.0f} images/s, recorded "
            f"{found['recorded_images_per_s'] or float('nan'):,.0f}, "
            f"{found['share_of_peak']:.1%} of the peak; {found['at_once']} at once "
            f"{found['at_once_images_per_s']:,.0f}"
        )


def expected_s(recipe: Recipe, images_per_s: float, at_once: int) -> float:
    """Return seconds of a run when so many share a device.

    Examples
    --------
    >>> round(expected_s(find("cnn", "full"), 10_000, 2))
    281
    """
    images, validation, test = IMAGES.get(recipe.dataset, (0, 0, 0))
    trained = recipe.epochs * min(images, recipe.train_images or images)
    looked_at = recipe.epochs * recipe.evaluations_per_epoch * validation + test
    return (trained + EVALUATING * looked_at) * at_once / max(images_per_s, 1e-9)


def train(
    session: Session,
    recipe: Recipe,
    tasks: list[Task],
    device: str,
    data_dir: Path | None,
    limit: TimeLimit,
) -> None:
    """Do the fourth stage for a table: what is outside the space goes into a folder of its own."""
    found = session.report[f"speed {recipe.table}"]
    exact = "error" not in session.report[f"recording {recipe.table}"]
    os.environ[GRAPHS_VARIABLE] = "1" if found["records"] and exact else "0"
    count = found["at_once"]
    executor: Executor = LocalExecutor(count) if count > 1 else SerialExecutor()
    done = {}
    for outside, group in groupby(tasks, lambda task: task.entry is None):
        name = f"{recipe.table}-{recipe.fidelity}" + ("-named" if outside else "")
        folder = session.folder / name
        sweep(
            recipe,
            list(group),
            folder,
            executor,
            device=device,
            data_dir=data_dir,
            functions_per_part=1,
            limit=limit,
        )
        if list(folder.glob("*.parquet")):
            merged = parts.merge([folder], recipe)
            parts.write(session.folder / f"{name}.parquet", merged)
            done[name] = merged.num_rows
    session.note(f"trained {recipe.table}", {"runs": done, "listed": len(tasks)})
    click.echo(f"{recipe.table}: {sum(done.values())} of {len(tasks)} functions trained")


def chosen_recipes(tables: tuple[str, ...], fidelity: str) -> list[Recipe]:
    """Return the recipes of some tables, of all with an image network if none is named."""
    names = tables or tuple(
        name
        for name in TABLES
        if (name, fidelity) in RECIPES and RECIPES[name, fidelity].network in IMAGE_NETWORKS
    )
    recipes = [find(name, fidelity) for name in names]
    for recipe in recipes:
        if recipe.network not in IMAGE_NETWORKS:
            raise click.BadParameter(f"{recipe.table} has no image network", param_hint="--table")
    return recipes


@click.command()
@click.option("--minutes", type=float, default=10, show_default=True)
@click.option(
    "--table", "tables", multiple=True, help="Only these tables.  [default: all that fit]"
)
@click.option("--fidelity", default="full", show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--expressions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Train the functions in this file instead, in its order.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("output/gpu"),
    show_default=True,
)
@click.option("--device", default="auto", show_default=True)
@click.option("--data-dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--list", "only_list", is_flag=True, help="Print the entries to train, and end.")
def main(**told: Any) -> None:
    r"""Check and measure a GPU, and train on it as much of the tables as its minutes allow.

    \b
    python -m builders.reports.gpu --minutes 10 --data-dir ~/data
    python -m builders.reports.gpu --list --table cnn > functions.txt
    """
    import_own_tables()
    try:
        report(**told)
    except ActBenchError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from error


def report(
    minutes: float,
    tables: tuple[str, ...],
    fidelity: str,
    seeds: int,
    expressions: Path | None,
    out: Path,
    device: str,
    data_dir: Path | None,
    only_list: bool,
) -> None:
    """Do what the command is told."""
    minutes = finite_number(minutes, "minutes", above=0)
    limit = TimeLimit(60 * minutes)
    recipes = chosen_recipes(tables, fidelity)

    def tasks_of(table: str) -> list[Task]:
        if expressions is not None:
            return worklist.from_file(expressions, range(seeds))
        return worklist.worklist(table, range(seeds))

    if only_list:
        entries = [
            task.expression
            for recipe in recipes
            for task in tasks_of(recipe.table)
            if task.entry is not None
        ]
        click.echo("\n".join(dict.fromkeys(entries)))
        return
    device = choose_device(recipes[0].network, device)
    if device == "cpu":
        recipes = [rehearsal(recipe) for recipe in recipes]
        click.echo("no GPU: this is a rehearsal with tiny networks, of no use but to find faults")
    name = device_name(device)
    facts = json.loads(environment("", name))
    software = {key: facts[key] for key in ("torch", "platform")}
    session = Session(out, {"device": name, **software, "fidelity": recipes[0].fidelity})
    click.echo(f"device: {name}")
    check(session, recipes, device)
    measure(session, recipes, device, MEASURING * minutes, limit)

    def seconds_of(recipe: Recipe) -> float:
        found = session.report[f"speed {recipe.table}"]
        return seeds * expected_s(recipe, found["at_once_images_per_s"], found["at_once"])

    # The costly first: what they leave of their share, since nothing fits in, goes to the others.
    costly = sorted(recipes, key=seconds_of, reverse=True)
    for number, recipe in enumerate(costly):
        share = TimeLimit(limit.left_s / (len(costly) - number), seconds_of(recipe))
        try:
            train(session, recipe, tasks_of(recipe.table), device, data_dir, share)
        except DataNotFoundError as error:
            click.echo(f"{recipe.table} is not trained: {error}", err=True)
    click.echo(f"{out}: report.json, and the parts to send")


if __name__ == "__main__":
    main()
