"""The trials of simulated searches, some at a time, in one process or in several.

A trial depends on its number alone, so it is the same wherever it runs and whatever runs beside it.
BLAS and OpenMP have one thread per process: the matrices of a search are small, and a second one
would wait, or worse, spin: PyTorch's makes `controller` ten times as slow where other work runs.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from act_bench.errors import ArgumentError, MissingExtraError
from act_bench.search.benchmark_data import BenchmarkData
from surrogates.protocol import Factory, SearchSpace

CHUNK_S: Final = 1.0
"""About how long the trials take that a process does at a time."""
FIRST: Final = 2
"""Trials of each optimizer that are done first: the second one says what others will take."""
ROW_BYTES: Final = 150
"""Of memory per evaluation: 72 for the columns of the result, as much to write them."""


@dataclass(frozen=True)
class Work:
    """What all trials of a simulation have in common."""

    data: BenchmarkData
    factories: Mapping[str, Factory]
    evaluations: int
    seed: int
    workers: int
    traces: Path | None
    best: float
    """Score that regret is the difference from."""

    @cached_property
    def space(self) -> SearchSpace:
        """What is known of the functions, which the trials of a process share."""
        return SearchSpace.of(self.data)


class Chunk(NamedTuple):
    """Some trials of one optimizer, one after the other."""

    optimizer: str
    first: int
    trials: int


class Done(NamedTuple):
    """What became of a chunk.

    Attributes
    ----------
    chunk : Chunk
    steps : polars.DataFrame
        Its evaluations.
    finals : list of dict
        How each trial ended.
    seconds : list of float
        Processor seconds of each trial.
    process : int
        Number of the process that did it.
    """

    chunk: Chunk
    steps: pl.DataFrame
    finals: list[dict[str, object]]
    seconds: list[float]
    process: int


Run = Callable[[Work, Chunk], Done]


def check_memory(optimizers: int, trials: int, evaluations: int, limit: int | None) -> int:
    """Return how many bytes the results of a simulation need.

    Parameters
    ----------
    optimizers, trials, evaluations : int
    limit : int, optional
        Most bytes. Default: half of the machine's memory, where that is known.

    Raises
    ------
    act_bench.errors.ArgumentError
        They need more; the message says how many trials do not.

    Examples
    --------
    >>> check_memory(1, 100, 100, None)
    1500000
    >>> check_memory(1, 10**6, 100, 4 * 2**30)
    Traceback (most recent call last):
    ...
    act_bench.errors.ArgumentError: 1,000,000 trials of 100 evaluations by 1 optimizers need 14.0
    GiB of memory, and the limit is 4.0 GiB: run at most 286,331 trials at a time (another seed
    gives others), or raise the limit
    """
    per_trial = optimizers * evaluations * ROW_BYTES
    if limit is None:
        limit = _half_of_memory()
    needed = trials * per_trial
    if limit is not None and needed > limit:
        raise ArgumentError(
            f"{trials:,} trials of {evaluations} evaluations by {optimizers} optimizers need "
            f"{needed / 2**30:.1f} GiB of memory, and the limit is {limit / 2**30:.1f} GiB: run at "
            f"most {max(1, limit // per_trial):,} trials at a time (another seed gives others), or "
            "raise the limit"
        )
    return needed


def _half_of_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):  # not every system says
        return None


def run_all(
    work: Work, run: Run, trials: int, jobs: int, forecast: Callable[[float], None]
) -> Iterator[Done]:
    """Yield what became of each chunk, as they come, until all trials of all optimizers are done.

    Parameters
    ----------
    work : Work
    run : callable
        Runs a chunk; of a module, so that other processes find it.
    trials : int
        Of each optimizer.
    jobs : int
        Processes; with 1 all runs in this one.
    forecast : callable
        Told how many seconds are left, once every optimizer has done its first trials.

    Raises
    ------
    act_bench.errors.ArgumentError
        The data or an optimizer cannot be sent to another process.
    regenerate.sweeps.processes.WorkerDiedError
        A process was killed.
    """
    first = [Chunk(name, 0, min(FIRST, trials)) for name in work.factories]
    each: dict[str, float] = {}
    with _executor(work, run, jobs) as execute:
        for done in execute(first):
            each[done.chunk.optimizer] = done.seconds[-1]
            yield done
        left = trials - first[0].trials
        if left:
            forecast(sum(each.values()) * left / jobs)
            # The longest first, so that no process is left with one of them at the end.
            names = sorted(work.factories, key=lambda name: -each[name])
            yield from execute([c for name in names for c in _chunks(name, left, each[name], jobs)])


def _chunks(name: str, left: int, each_s: float, jobs: int) -> Iterator[Chunk]:
    """Yield the trials after the first, about a second's worth at a time, and some per process."""
    size = max(1, min(int(CHUNK_S / max(each_s, 1e-4)), -(-left // (2 * jobs))))
    for start in range(0, left, size):
        yield Chunk(name, FIRST + start, min(size, left - start))


Execute = Callable[[Iterable[Chunk]], Iterator[Done]]


@contextmanager
def _executor(work: Work, run: Run, jobs: int) -> Iterator[Execute]:
    """Yield what runs chunks, here or in other processes."""
    if jobs == 1:
        with one_thread():
            yield lambda chunks: (run(work, chunk) for chunk in chunks)
        return
    from regenerate.sweeps.processes import worker_pool

    try:
        payload = pickle.dumps((work, run))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ArgumentError(
            f"jobs={jobs} sends data and optimizers to other processes, and one cannot be sent "
            f"({error}): define it in a module, not in a function, or take jobs=1"
        ) from error
    with worker_pool(jobs, None) as pool:

        def execute(chunks: Iterable[Chunk]) -> Iterator[Done]:
            running = {pool.submit(_in_process, payload, chunk) for chunk in chunks}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()

        yield execute


def _in_process(payload: bytes, chunk: Chunk) -> Done:
    work, run = _unpacked(payload)
    with one_thread():
        return run(work, chunk)


@lru_cache(maxsize=1)
def _unpacked(payload: bytes) -> tuple[Work, Run]:
    """Return what a process was sent, and keep it, with what it derives from it."""
    found: tuple[Work, Run] = pickle.loads(payload)  # noqa: S301  (from the process that started it)
    return found


def one_thread() -> AbstractContextManager[object]:
    """Return a context in which the libraries that are loaded have one thread each.

    These are BLAS and OpenMP. Without threadpoolctl nothing is limited.
    """
    import scipy.linalg  # noqa: F401  (has a BLAS of its own, which must be loaded to be limited)

    try:
        from threadpoolctl import threadpool_limits
    except (ModuleNotFoundError, MissingExtraError):  # the latter is what our packages raise
        return nullcontext()
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits
