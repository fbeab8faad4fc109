"""Train many functions by one recipe; stop at any moment, start again, and nothing is lost.

The order is fixed and looks random: functions by the SHA-256 of their spelling. So any prefix is a
fair sample of the space, and every n-th function, a shard, is one too. What is finished lies in
Parquet parts in the sweep's folder; what is pending is whatever they do not hold.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from act_bench.arguments import whole_number, whole_seeds
from act_bench.errors import ActBenchError, ExitCode
from act_bench.files import resumable
from act_bench.tables.registry import TABLES
from regenerate.activations.reading import read_activation
from regenerate.data.fingerprints import fingerprint
from regenerate.recipes import Recipe
from regenerate.runs import parts
from regenerate.runs.run import Run
from regenerate.sweeps.executor import Executor
from regenerate.sweeps.time_limit import TimeLimit
from regenerate.training.dispatch import train

MARKER = "sweep.json"
"""The file in a sweep's folder that says which recipe and images its parts were made with."""


class SweepError(ActBenchError, RuntimeError):
    """A sweep that cannot start or go on; the message says why and how to fix it."""

    exit_code = ExitCode.DATA


class SweepOptionError(SweepError):
    """A share or a choice of the functions that is spelled wrongly."""

    exit_code = ExitCode.USAGE


class Task(NamedTuple):
    """One function to train with some seeds; outside the space it has no entry."""

    expression: str
    entry: int | None
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
        SweepOptionError
            If the text is not two whole numbers I/N with 1 <= I <= N.
        """
        index, _, count = text.partition("/")
        if index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
            return cls(int(index), int(count))
        raise SweepOptionError(f"expected a shard such as 3/16, the third of sixteen, got {text!r}")


def shuffled(expressions: Iterable[str]) -> list[str]:
    """Return expressions in the fixed order of all sweeps: by the SHA-256 of their spelling.

    Examples
    --------
    >>> shuffled(["relu(x)", "elu(x)", "tanh(x)"])
    ['tanh(x)', 'relu(x)', 'elu(x)']
    """
    return sorted(expressions, key=lambda text: hashlib.sha256(text.encode()).digest())


def plan(
    entry_of: Mapping[str, int | None],
    seeds: Sequence[int],
    *,
    limit: int | None = None,
    shard: Shard | None = None,
) -> list[Task]:
    """Return the tasks of a sweep in their order.

    Parameters
    ----------
    entry_of
        The functions: spelling, or name, to entry; None outside the space.
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
    seeds = whole_seeds(seeds)
    if limit is not None:
        limit = whole_number(limit, "limit", least=0)
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
    identity = {
        "recipe": json.loads(recipe.canonical_json()),
        "recipe_sha": recipe.sha,
        "data": data_fingerprint,
    }
    resumable.claim(folder, MARKER, identity, holds="a sweep", error=SweepError)


def sweep(
    recipe: Recipe,
    tasks: Sequence[Task],
    folder: Path,
    executor: Executor,
    *,
    device: str = "auto",
    data_dir: Path | None = None,
    functions_per_part: int | None = None,
    progress: Callable[[int, Counter[str]], None] | None = None,
    limit: TimeLimit | None = None,
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
    functions_per_part
        How many functions go into one part; None: as the record of the table says.
    progress
        Called with the number of functions left at the start, and after every part, together with
        the count of runs by outcome since the start.
    limit
        Nothing begins that would end later; None trains all.

    Raises
    ------
    DeviceError
        If the device is not there or of no use to the network.
    SweepError
        If the folder belongs to another sweep, cannot be written to, or the disk is full. Parts
        that are finished are safe, and calling again resumes from there.
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
    functions = functions_per_part or _functions_per_part(recipe.table)
    chunks: Iterable[Sequence[Task]]
    chunks = (left[start : start + functions] for start in range(0, len(left), functions))
    if limit is not None:
        chunks = limit.within(chunks)
    work = partial(_train_chunk, recipe, device, data_dir)
    remaining = len(left)
    outcomes: Counter[str] = Counter()
    if progress is not None:
        progress(remaining, outcomes)
    for trained, runs, seconds in executor.run(work, chunks):
        path = resumable.part_path(folder, trained)
        resumable.write_part(path, parts.to_table(runs), SweepError)
        if limit is not None:
            limit.took(seconds / len(trained))
        remaining -= len(trained)
        outcomes += Counter(run.outcome for run in runs)
        if progress is not None:
            progress(remaining, outcomes)


def _functions_per_part(table: str) -> int:
    return TABLES[table].functions_per_part if table in TABLES else 1


def _train_chunk(
    recipe: Recipe, device: str, data_dir: Path | None, tasks: Sequence[Task]
) -> tuple[Sequence[Task], list[Run], float]:
    """Train functions, on whatever machine the executor has; return them, their runs, seconds."""
    start, runs = time.monotonic(), []
    for task in tasks:
        function = read_activation(task.expression)
        trained = train(recipe, function, task.seeds, device=device, data_dir=data_dir)
        runs += [dataclasses.replace(run, entry=task.entry) for run in trained]
    return tasks, runs, time.monotonic() - start
