"""The seeds of one function, each trained in a process of its own where that is quicker.

A run depends on the number of threads, which changes the order of sums, and one thread per core
gives the most: so processes share the cores, and each has as many threads as it is told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from statistics import mode

from act_bench.arguments import whole_number, whole_seeds
from regenerate.activations.learnable import Activation
from regenerate.recipes import Recipe
from regenerate.runs.run import Run
from regenerate.sweeps.processes import SPAWN, available_cores, report, worker_pool
from regenerate.training.dispatch import choose_device, train, trainer_of
from regenerate.training.threads import torch_threads

Progress = Callable[[float], None]
"""Told the share of all trainings that is done, from 0 to 1."""

Reports = SimpleQueue[tuple[int, float] | None]
"""Which training, and the share of it that is done; None at the end."""


def recorded_threads(runs: Iterable[Run]) -> int:
    """Return the number of threads that most of some runs were made with; 1 if there are none.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> from regenerate.recipes import find
    >>> recorded_threads(train(find("mlp", "full"), parse("relu(x)"), [0])), recorded_threads([])
    (1, 1)
    """
    found = [int(json.loads(run.versions)["threads"]) for run in runs]
    return mode(found) if found else 1


def train_at_once(
    recipe: Recipe,
    expression: Activation,
    seeds: Sequence[int],
    *,
    threads: int = 1,
    device: str = "auto",
    data_dir: Path | None = None,
    progress: Progress | None = None,
) -> list[Run]:
    """Train one function with several seeds, as many at a time as the cores allow.

    Seeds that train in one stack, or on a GPU, stay in this process. Others are trained in spawned
    ones, so a script that calls this must do so below ``if __name__ == "__main__":`` only.

    Parameters
    ----------
    recipe, expression, seeds, device, data_dir, progress
        As for ``regenerate.training.dispatch.train``.
    threads
        Of each training on the CPU; the result depends on it to the last bit.

    Raises
    ------
    DeviceError
        The device is not there or of no use to the network.
    act_bench.errors.ArgumentError
        The seeds repeat or are negative, or there is no thread; a ValueError.
    regenerate.sweeps.processes.WorkerDiedError
        A process was killed.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> from regenerate.recipes import find
    >>> [run.seed for run in train_at_once(find("mlp", "full"), parse("relu(x)"), [2, 0])]
    [2, 0]
    """
    threads, seeds = whole_number(threads, "threads", least=1), whole_seeds(seeds)
    device = choose_device(recipe.network, device)
    jobs = min(len(seeds), max(1, available_cores() // threads))
    work = partial(train, recipe, expression, device=device, data_dir=data_dir)
    if jobs == 1 or device != "cpu" or trainer_of(recipe.network).stacked:
        with torch_threads(threads):
            return work(seeds, progress=progress)
    with _heard(len(seeds), progress) as reports, worker_pool(jobs, threads, reports) as pool:
        running = [pool.submit(_train_one, work, n, seed) for n, seed in enumerate(seeds)]
        return [each.result() for each in running]


def _train_one(work: Callable[..., list[Run]], number: int, seed: int) -> Run:
    """Train with one seed, in a worker."""
    (run,) = work([seed], progress=lambda share: report((number, share)))
    return run


@contextmanager
def _heard(count: int, progress: Progress | None) -> Iterator[Reports]:
    """Yield where workers report to, and pass on the share of all that is done."""
    reports: Reports = SPAWN.SimpleQueue()
    shares = [0.0] * count

    def listen() -> None:
        while (heard := reports.get()) is not None:
            number, shares[number] = heard
            if progress is not None:
                progress(sum(shares) / count)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield reports
    finally:
        reports.put(None)
        listener.join()
        reports.close()
