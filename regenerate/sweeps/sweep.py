"""Train many functions by one recipe; stop at any moment, start again, and nothing is lost.

The order is fixed and looks random: functions by the SHA-256 of their spelling. So any prefix is a
fair sample of the space, and every n-th function, a shard, is one too. What is finished lies in
Parquet parts in the sweep's folder; what is pending is whatever they do not hold.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from act_bench.files.atomic import replacing
from act_bench.functions.expression import parse
from regenerate.data.fingerprints import fingerprint
from regenerate.recipes import Recipe
from regenerate.runs import parts
from regenerate.runs.run import Run
from regenerate.sweeps.executor import Executor
from regenerate.training.dispatch import train

SEEDS = {("mlp", "full"): 10}
"""(table, fidelity) -> seeds of each function in the published table; 1 where not named."""

FUNCTIONS_PER_PART = {"mlp": 16}
"""Table -> functions in a part, for tables whose training is short; 1 where not named."""

MARKER = "sweep.json"
"""The file in a sweep's folder that says which recipe and images its parts were made with."""


class SweepError(RuntimeError):
    """A sweep that cannot start or go on; the message says why and how to mend it."""


class Task(NamedTuple):
    """One function to train with some seeds."""

    expression: str
    entry: int
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Shard:
    """Part ``index`` of ``count`` of the functions, ``index`` counted from 1.

    Examples
    --------
    >>> Shard.parse("3/16")
    Shard(index=3, count=16)
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``3/16``.

        Raises
        ------
        SweepError
            If the text is not two whole numbers I/N with 1 <= I <= N.
        """
        index, _, count = text.partition("/")
        if index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
            return cls(int(index), int(count))
        raise SweepError(f"expected a shard such as 3/16, the third of sixteen, got {text!r}")


def shuffled(expressions: Iterable[str]) -> list[str]:
    """Return expressions in the fixed order of all sweeps: by the SHA-256 of their spelling.

    Examples
    --------
    >>> shuffled(["relu(x)", "elu(x)", "tanh(x)"])
    ['tanh(x)', 'relu(x)', 'elu(x)']
    """
    return sorted(expressions, key=lambda text: hashlib.sha256(text.encode()).digest())


def plan(
    entry_of: dict[str, int],
    seeds: Sequence[int],
    *,
    limit: int | None = None,
    shard: Shard | None = None,
) -> list[Task]:
    """Return the tasks of a sweep in their order.

    Parameters
    ----------
    entry_of
        The functions: spelling to entry.
    seeds
        Seeds that each function is trained with.
    limit
        Only so many functions, the first ones in the order; None takes all.
    shard
        Only this share of them; None takes all.

    Examples
    --------
    >>> functions = {"relu(x)": 7, "elu(x)": 3, "tanh(x)": 9}
    >>> [task.entry for task in plan(functions, [0], limit=2)]
    [9, 7]
    >>> [task.entry for task in plan(functions, [0], shard=Shard(2, 2))]
    [7]
    """
    chosen = shuffled(entry_of)[:limit]
    if shard is not None:
        chosen = chosen[shard.index - 1 :: shard.count]
    return [Task(expression, entry_of[expression], tuple(seeds)) for expression in chosen]


def pending(tasks: Iterable[Task], folder: Path, recipe: Recipe | None = None) -> list[Task]:
    """Return what of the tasks is not in the folder's parts: the missing seeds of each function.

    Raises
    ------
    regenerate.runs.parts.PartError
        If a part is damaged, or of another recipe than ``recipe``, where one is given.
    """
    done: defaultdict[str, set[int]] = defaultdict(set)
    for part in parts.read(folder, recipe):
        for row in part.table.select(["expression", "seed"]).to_pylist():
            done[row["expression"]].add(row["seed"])
    left = [
        task._replace(seeds=tuple(seed for seed in task.seeds if seed not in done[task.expression]))
        for task in tasks
    ]
    return [task for task in left if task.seeds]


def claim(folder: Path, recipe: Recipe, data_fingerprint: str) -> None:
    """Make the sweep's folder, or make sure that it belongs to the same recipe and images.

    Raises
    ------
    SweepError
        If the folder cannot be written to, or its parts were made with another recipe or images.
    """
    marker = folder / MARKER
    mark = {
        "recipe": json.loads(recipe.canonical_json()),
        "recipe_sha": recipe.sha,
        "data": data_fingerprint,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not marker.exists():
            with replacing(marker) as draft:
                draft.write_text(json.dumps(mark, indent=2) + "\n")
        found = json.loads(marker.read_text())
    except OSError as error:
        raise SweepError(
            f"cannot write to {folder}: {error.strerror}; choose another --out"
        ) from error
    except ValueError as error:
        raise SweepError(f"{marker} is damaged ({error}); choose another --out") from error
    for what, own in mark.items():
        if found.get(what) != own:
            raise SweepError(
                f"{folder} holds a sweep with another {what}: {found.get(what)}, not {own}; "
                "choose another --out"
            )


def sweep(
    recipe: Recipe,
    tasks: Sequence[Task],
    folder: Path,
    executor: Executor,
    *,
    device: str = "auto",
    data_dir: Path | None = None,
    progress: Callable[[int, Counter[str]], None] | None = None,
) -> None:
    """Train what is pending of the tasks and write it as parts into the folder.

    Parameters
    ----------
    recipe
        By which to train.
    tasks
        From ``plan``.
    folder
        The sweep's own; made if need be.
    executor
        Where the training runs.
    device, data_dir
        As for ``regenerate.training.dispatch.train``.
    progress
        Called with the number of functions left at the start, and after every part, together with
        the count of runs by outcome since the start.

    Raises
    ------
    DeviceError
        If the device is not there or of no use to the network.
    SweepError
        If the folder belongs to another sweep, cannot be written to, or the disk is full. Parts
        that are finished are safe, and calling again goes on from there.
    regenerate.runs.parts.PartError
        If a part in the folder is damaged or of another recipe.
    """
    device = executor.choose_device(recipe.network, device)
    # The images themselves are not kept: it is the workers that need them.
    claim(
        folder,
        recipe,
        fingerprint(recipe.dataset, data_dir, image_size=recipe.image_size),
    )
    left = pending(tasks, folder, recipe)
    functions = FUNCTIONS_PER_PART.get(recipe.table, 1)
    chunks = [left[start : start + functions] for start in range(0, len(left), functions)]
    work = partial(_train_chunk, recipe, device, data_dir)
    remaining = len(left)
    outcomes: Counter[str] = Counter()
    if progress is not None:
        progress(remaining, outcomes)
    for trained, runs in executor.run(work, chunks):
        _write_part(folder, trained, runs)
        remaining -= len(trained)
        outcomes += Counter(run.outcome for run in runs)
        if progress is not None:
            progress(remaining, outcomes)


def _train_chunk(
    recipe: Recipe, device: str, data_dir: Path | None, tasks: Sequence[Task]
) -> tuple[Sequence[Task], list[Run]]:
    """Train some functions, on whatever machine the executor has; return them and their runs."""
    runs = []
    for task in tasks:
        expression = parse(task.expression)
        trained = train(recipe, expression, task.seeds, device=device, data_dir=data_dir)
        runs += [dataclasses.replace(run, entry=task.entry) for run in trained]
    return tasks, runs


def _write_part(folder: Path, tasks: Sequence[Task], runs: Iterable[Run]) -> None:
    """Write the runs of some functions as one part."""
    # The name follows from the content, so a part that is made twice replaces itself.
    name = hashlib.sha256(repr(tasks).encode()).hexdigest()[:12]
    path = folder / f"part-{name}.parquet"
    try:
        parts.write(path, parts.to_table(runs))
    except OSError as error:
        raise SweepError(
            f"cannot write {path}: {error.strerror or error}; all finished parts are safe. Make "
            "room and run the same command again to go on"
        ) from error
