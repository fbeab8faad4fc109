"""Where the work of a sweep runs.

A sweep needs one thing of an executor: to apply a function to chunks of work, in any order, and
yield the results as they come. The sweep writes each as it comes, so workers need no disk in
common, and one that dies takes with it the chunk in hand and nothing else. Workers on several
machines or GPUs are in ``regenerate.sweeps.executor_ray``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from itertools import islice
from typing import Protocol, TypeVar

from act_bench.errors import ArgumentError
from regenerate.sweeps.processes import available_cores, worker_pool
from regenerate.training.dispatch import choose_device

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


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
