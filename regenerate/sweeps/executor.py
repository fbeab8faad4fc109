"""Where the work of a sweep runs.

A sweep needs one thing of an executor: to apply a function to chunks of work, in any order, and
yield the results as they come. The sweep writes each as it comes, so workers need no disk in
common, and one that dies takes with it the chunk in hand and nothing else. Workers on several
machines or GPUs are in ``regenerate.sweeps.executor_ray``.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from typing import Any, Final, Protocol, TypeVar

import torch

from act_bench.errors import ActBenchError, ArgumentError, ExitCode
from act_bench.tables.registry import import_own_tables
from regenerate.training.dispatch import choose_device

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


class WorkerDiedError(ActBenchError, RuntimeError):
    """A worker ended without an answer: killed, or out of memory."""

    exit_code = ExitCode.DATA


class Executor(Protocol):
    """Applies a picklable function to chunks of work."""

    def choose_device(self, network: str, device: str) -> str:
        """Return the device for the workers, see `regenerate.training.dispatch.choose_device`."""

    def run(self, work: Callable[[Chunk], Result], chunks: Iterable[Chunk]) -> Iterator[Result]:
        """Yield the result of each chunk as it comes, in any order.

        A chunk is taken from ``chunks`` when there is a worker for it, so whoever makes them can
        end early.
        """


class SerialExecutor:
    """Everything in this process, one chunk after the other.

    Examples
    --------
    >>> list(SerialExecutor().run(abs, [-1, 2]))
    [1, 2]
    """

    def choose_device(self, network: str, device: str) -> str:
        """Return the device as this process finds it."""
        return choose_device(network, device)

    def run(self, work: Callable[[Chunk], Result], chunks: Iterable[Chunk]) -> Iterator[Result]:
        """Yield the results in order."""
        yield from map(work, chunks)


class LocalExecutor:
    """One process for each job on this machine, with an equal share of the cores as threads.

    Parameters
    ----------
    jobs
        How many processes.
    cores
        Cores to share among them; None takes all that this process may use.

    Raises
    ------
    ValueError
        If ``jobs`` is below 1.
    """

    def __init__(self, jobs: int, cores: int | None = None) -> None:
        if jobs < 1:
            raise ArgumentError(f"jobs must be at least 1, got {jobs}")
        self.jobs = jobs
        self.threads = max(1, (cores or available_cores()) // jobs)

    def choose_device(self, network: str, device: str) -> str:
        """Return the device as this process finds it; all workers train on the same."""
        return choose_device(network, device)

    def run(self, work: Callable[[Chunk], Result], chunks: Iterable[Chunk]) -> Iterator[Result]:
        """Yield the results as they come; on an error, chunks that have not begun are dropped.

        Raises
        ------
        WorkerDiedError
            If a process was killed.
        """
        with worker_pool(self.jobs, self.threads) as pool:
            waiting = iter(chunks)
            running = {pool.submit(work, chunk) for chunk in islice(waiting, self.jobs)}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                    running |= {pool.submit(work, chunk) for chunk in islice(waiting, 1)}


@contextmanager
def worker_pool(
    workers: int, threads: int, reports: SimpleQueue[Any] | None = None
) -> Iterator[ProcessPoolExecutor]:
    """Yield processes to train in, with so many threads each; work that has not begun is dropped.

    They are spawned, never forked: torch, Arrow and polars have threads, whose locks a fork would
    copy. So a script that starts workers is imported by each of them, and must start them below
    ``if __name__ == "__main__":`` only. What they :func:`report` goes to ``reports``.

    Raises
    ------
    WorkerDiedError
        If a process was killed, or ended before it began since the script has no such line.
    """
    begun = SPAWN.Event()
    pool = ProcessPoolExecutor(
        workers, mp_context=SPAWN, initializer=start_worker, initargs=(threads, begun, reports)
    )
    try:
        yield pool
    except BrokenProcessPool as error:
        raise WorkerDiedError(_KILLED if begun.is_set() else _NEVER_BEGUN) from error
    except RuntimeError as error:
        if _IMPORTING in str(error):  # this is a worker, importing a script that is not guarded
            raise SystemExit(1) from None  # the parent says why
        raise
    finally:
        pool.shutdown(cancel_futures=True)


SPAWN: Final = multiprocessing.get_context("spawn")
"""What workers, and queues to them, are made by."""

_IMPORTING: Final = "bootstrapping phase"
"""In the message of multiprocessing for a process that is started while its parent is not yet."""

_KILLED: Final = (
    "a worker process was killed, perhaps for want of memory; what was finished is safe: run the "
    "same command again to go on, with fewer workers if memory is short"
)
_NEVER_BEGUN: Final = (
    "the worker processes ended before they began. They import the script that started them, so a "
    'script must start them below `if __name__ == "__main__":` only; where it does, memory may be '
    "short: use fewer workers"
)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_reports: SimpleQueue[Any] | None = None


def report(what: object) -> None:
    """Tell the process that started this worker; without a queue nobody is told."""
    if _reports is not None:
        _reports.put(what)


def start_worker(
    threads: int, begun: Event | None = None, reports: SimpleQueue[Any] | None = None
) -> None:
    """Make this a worker: so many threads, and an end with the parent or at an interrupt.

    ``begun`` is set, so that the parent knows that a worker got here.
    """
    global _reports
    _reports = reports
    if begun is not None:
        begun.set()
    import_own_tables()
    torch.set_num_threads(threads)
    # Ctrl-C reaches every process of a terminal. Workers end at once, without a traceback each;
    # parts are whole or absent, so nothing but the part in hand is lost.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # A parent killed with -9 cannot end its workers, and they would wait for ever.
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
