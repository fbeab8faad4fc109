"""Scheduling of a live search with one or more workers.

With k workers, k trainings run at a time and results are told in the order in which they were
*asked* for. So a search takes the same course on any machine, however long its trainings take, and
a restart takes it again; a worker may wait for one that asked before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass

from act_bench.arguments import finite_number, whole_number
from act_bench.search.benchmark import Benchmark
from act_bench.search.events import Partial, Result
from regenerate.sweeps.processes import available_cores, worker_pool
from surrogates.protocol import Optimizer, SearchSpace, SpaceExhaustedError
from surrogates.searches.single import StalledSearchError

_PATIENCE = 10


@dataclass(frozen=True)
class Budget:
    """When a search ends: with the first of these that is reached.

    Attributes
    ----------
    evaluations
        Different functions trained; None for no limit.
    seconds
        Seconds of training on the search's clock; None for no limit. The function whose training
        reaches it is the last.

    Raises
    ------
    act_bench.errors.ArgumentError
        It allows no training: less than one function, or no time; a ValueError.
    """

    evaluations: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Turn the numbers into those of Python."""
        if self.evaluations is not None:
            known = whole_number(self.evaluations, "a budget's evaluations", least=1)
            object.__setattr__(self, "evaluations", known)
        if self.seconds is not None:
            limit = finite_number(self.seconds, "a budget's seconds", above=0)
            object.__setattr__(self, "seconds", limit)

    def allows(self, evaluations: int, clock_s: float) -> bool:
        """Return whether another training may begin.

        Examples
        --------
        >>> Budget(evaluations=3).allows(2, 50.0), Budget(seconds=10.0).allows(2, 50.0)
        (True, False)
        """
        return (self.evaluations is None or evaluations < self.evaluations) and (
            self.seconds is None or clock_s < self.seconds
        )


def course(
    bench: Benchmark,
    optimizer: Optimizer,
    budget: Budget,
    space: SearchSpace,
    *,
    workers: int = 1,
    start: Callable[[str | Partial], int],
) -> Iterator[tuple[str, Result]]:
    """Let an optimizer search within a budget; yield each query with its result.

    Parameters
    ----------
    bench
        Answers the queries, by training or from what was trained.
    optimizer
        Asks; it is told each result before it is yielded.
    budget
        When to stop. The search ends early where the optimizer has nothing left to ask for.
    space
        The optimizer's; what features that it asks for on the way cost is charged.
    workers
        How many requests are open at a time.
    start
        Begins a training where there are workers, and returns the entry of a request.

    Raises
    ------
    StalledSearchError
        Ten times in a row, for each worker, the optimizer asked for what it knew.
    """
    waiting: deque[str | Partial] = deque()
    asked: set[int] = set()
    idle = 0
    while True:
        while len(waiting) < workers and budget.allows(len(asked), bench.clock_s):
            try:
                request, charges = space.meter.metered(optimizer.ask)
            except SpaceExhaustedError:
                break  # until a result is told, or for good
            for reason, seconds in charges.items():
                bench.charge(seconds, reason)
            asked.add(start(request))
            waiting.append(request)
        if not waiting:
            return
        request = waiting.popleft()
        result = bench.query(request)
        optimizer.tell(result)
        idle = idle + 1 if result.repeated else 0
        if idle >= _PATIENCE * workers:
            raise StalledSearchError(
                f"{idle} queries in a row were repeats, with {bench.evaluations} evaluations made: "
                "the optimizer keeps asking for what it knows"
            )
        yield request.expression if isinstance(request, Partial) else request, result


@contextmanager
def pool(workers: int) -> Iterator[Executor | None]:
    """Yield processes to train in, with an equal share of the cores each; None for one worker.

    Raises
    ------
    ValueError
        If ``workers`` is below 1.
    WorkerDiedError
        If a process was killed.
    """
    workers = whole_number(workers, "workers", least=1)
    if workers == 1:
        yield None
        return
    with worker_pool(workers, max(1, available_cores() // workers)) as processes:
        yield processes
