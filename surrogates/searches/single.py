"""One search over a table: evaluations by an optimizer, with workers, and once more from its trace.

**Workers.** With ``workers=4`` four trainings run at a time, each as long as the table says it
took. A worker that is free asks at once, knowing only what has finished by then; results are told,
queried and traced in the order in which they finish.

**Parts of trainings.** A search that stops trainings early spends epochs: when these amount to n
whole trainings, that is its n-th evaluation. Only what was trained to the end can be its best.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from math import ceil
from typing import NamedTuple

import numpy as np

from act_bench.arguments import whole_number
from act_bench.errors import ActBenchError, ArgumentError, ExitCode
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import SearchData
from act_bench.search.events import Charge, Partial, Query, Result, Revealed, Setting
from act_bench.search.trace import Trace
from surrogates.metering import Meter, Returned
from surrogates.optimizers import NAMES, find_optimizer
from surrogates.protocol import Factory, Optimizer, SearchSpace, SpaceExhaustedError

_PATIENCE = 10


class StalledSearchError(ActBenchError, RuntimeError):
    """An optimizer keeps asking for what it already knows."""

    exit_code = ExitCode.DATA


class Step(NamedTuple):
    """One evaluation of a search.

    Attributes
    ----------
    entry : int
    validation_accuracy : float or None
        As it was shown, which for a part of a training is that after this part.
    best_so_far : float or None
        The best score of what was trained to the end; None when nothing was.
    clock_s : float
        Seconds of training so far, summed over the workers.
    elapsed_s : float
        When it finished, from the start of the search.
    trained : int or None
        The entry that was trained to the end; where a search stops trainings early, the best of
        those since the last evaluation, None if there is none.
    """

    entry: int
    validation_accuracy: float | None
    best_so_far: float | None
    clock_s: float
    elapsed_s: float
    trained: int | None


def trial_seed(seed: int, trial: int) -> int:
    """Return the seed of a trial: 64 bits from both numbers, so that simulations do not overlap.

    Examples
    --------
    >>> trial_seed(0, 1) == trial_seed(1, 0)
    False
    """
    seed, trial = whole_number(seed, "seed", least=0), whole_number(trial, "trial", least=0)
    return int(np.random.SeedSequence([seed, trial]).generate_state(1, np.uint64)[0])


def begin(
    bench: Benchmark,
    space: SearchSpace,
    factory: Factory,
    seed: int,
    settings: Mapping[str, Setting] | None = None,
) -> Optimizer:
    """Make an optimizer, and charge the search for the features that it asks for when it is made.

    Fisher spectra are charged for all functions of the space, once, before anything is trained:
    a map needs all of them. A setting of the optimizer may ask for less
    (:class:`surrogates.optimizers.aquasurf.AQuaSurF`).
    """
    return _charged(bench, space.meter, lambda: factory(space, seed, **(settings or {})))


def _charged(bench: Benchmark, meter: Meter, call: Callable[[], Returned]) -> Returned:
    """Return what a call returns, and charge the search for what it asked for."""
    returned, charges = meter.metered(call)
    for reason, seconds in charges.items():
        bench.charge(seconds, reason)
    return returned


def run_search(
    bench: Benchmark,
    optimizer: Optimizer,
    evaluations: int,
    workers: int = 1,
    meter: Meter | None = None,
) -> list[Step]:
    """Let an optimizer make this many evaluations, ``workers`` of them at a time.

    Parameters
    ----------
    bench : Benchmark
    optimizer : Optimizer
    evaluations : int
    workers : int
    meter : Meter, optional
        That of the optimizer's space: features that it asks for on the way are charged. Default:
        they cost nothing.

    Returns
    -------
    list of Step
        One an evaluation.

    Raises
    ------
    StalledSearchError
        For each evaluation that was allowed it made ten queries that taught it nothing.
    SpaceExhaustedError
        It has nothing left to ask for.
    """
    finished = _finished(bench, optimizer, evaluations, workers, meter or Meter())
    return list(_steps(bench, finished, evaluations))


def recorded_steps(trace: Trace, data: SearchData) -> list[Step]:
    """Return the evaluations of a search by one worker, from its trace: as :func:`run_search` did.

    The optimizer is not run: the data answer again what was asked.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> from surrogates.reporting import PROTOCOLS, run
    >>> data = load_data("mlp")
    >>> simulation, (trace,) = run(data, "knn", PROTOCOLS[1]._replace(trials=1, evaluations=3))
    >>> [step.entry for step in recorded_steps(trace, data)] == simulation.steps["entry"].to_list()
    True
    """
    bench = Benchmark(data)

    def finished() -> Iterator[tuple[Result, float]]:
        for event in trace.events:
            if isinstance(event, Charge):
                bench.charge(event.cost_s, event.reason)
            elif isinstance(event, Query):
                result = bench.query(event.expression, event.result.epochs, event.rate)
                yield result, bench.clock_s

    return list(_steps(bench, finished(), len(trace.events)))


def _steps(
    bench: Benchmark, finished: Iterable[tuple[Result, float]], evaluations: int
) -> Iterator[Step]:
    """Yield the evaluations that trainings amount to, as they finish."""
    made = idle = 0
    best: float | None = None
    trained: Result | None = None
    for result, elapsed_s in finished:
        if result.repeated or result.score is None:
            idle += 1
            if idle >= _PATIENCE * evaluations:
                raise StalledSearchError(
                    f"{idle} queries were repeats or missing, with {bench.evaluations} of "
                    f"{evaluations} evaluations made: the optimizer keeps asking for what it knows"
                )
            continue
        if result.epochs is None:
            if best is None or result.score > best:
                best = result.score
            if trained is None or trained.score is None or result.score > trained.score:
                trained = result
        if bench.trainings >= made + 1:
            accuracy, entry = result.validation_accuracy, None if trained is None else trained.entry
            yield Step(result.entry, accuracy, best, bench.clock_s, elapsed_s, entry)
            made += 1
            trained = None


def _finished(
    bench: Benchmark, optimizer: Optimizer, evaluations: int, workers: int, meter: Meter
) -> Iterator[tuple[Result, float]]:
    """Query what the optimizer asks for as trainings finish; yield each result with its time.

    As many trainings are started as there are evaluations, so that all of them finish. What is
    asked for while it runs on another worker finishes with that, and a repeat at once.
    """
    if workers == 1:
        while bench.trainings < evaluations:
            result = bench.query(_charged(bench, meter, optimizer.ask))
            optimizer.tell(result)
            yield result, bench.clock_s
        return
    # A search beside this one, which is asked when a training starts how long it will take.
    ahead = bench.restart()
    running: list[tuple[float, int, str | Partial]] = []
    ends: dict[int, float] = {}  # entry -> when its training finishes, or did
    # What was charged before is computed by all workers together.
    now, asked, exhausted = bench.clock_s / workers, 0, False
    while True:
        while len(running) < workers and not exhausted and ahead.trainings < evaluations:
            try:
                before = bench.clock_s
                request = _charged(bench, meter, optimizer.ask)
            except SpaceExhaustedError:
                if not running:
                    raise
                exhausted = True  # until a result is told
                break
            result = ahead.query(request)
            # Features that it was asked for with are computed by the worker, before it trains.
            ready = now + bench.clock_s - before
            end = max(ready, ends.get(result.entry, ready)) + (result.cost_s or 0.0)
            ends[result.entry] = end
            heapq.heappush(running, (end, asked, request))
            asked += 1
        if not running:
            return
        now, _, request = heapq.heappop(running)
        result = bench.query(request)
        optimizer.tell(result)
        exhausted = False
        yield result, now


def rerun(trace: Trace, data: SearchData, space: SearchSpace | None = None) -> Trace | None:
    """Run the optimizer of a trace again: as many queries, and the reveal if there was one.

    Parameters
    ----------
    trace : Trace
    data : SearchData
        What it searched.
    space : SearchSpace, optional
        Of the data; traces that share one share what is computed of it. Default: a new one.

    Returns
    -------
    Trace or None
        None when the optimizer is none of ``surrogates.optimizers.NAMES``.

    Raises
    ------
    act_bench.errors.MissingExtraError
        The optimizer needs a package that is not installed.
    """
    searcher = trace.header.optimizer
    if searcher is None or searcher.name not in NAMES:
        return None
    bench = Benchmark(data, searcher=searcher)
    factory = find_optimizer(searcher.name)
    space = space or SearchSpace.of(data)
    optimizer = begin(bench, space, factory, searcher.seed, searcher.settings)
    queries = [event for event in trace.events if isinstance(event, Query)]
    evaluations = len(queries)  # with one worker there may be repeats after the last evaluation
    if searcher.workers > 1:
        recorded = bench.restart()
        for event in queries:
            recorded.query(event.expression, event.result.epochs, event.rate)
        evaluations = ceil(recorded.trainings)
    if searcher.workers < 1:
        raise ArgumentError(f"expected at least one worker, got {searcher.workers}")
    steps = _finished(bench, optimizer, evaluations, searcher.workers, space.meter)
    with suppress(SpaceExhaustedError):  # before the trace ends, which no honest one can
        for _ in islice(steps, len(queries)):
            pass
    if trace.events and isinstance(trace.events[-1], Revealed):
        bench.reveal()
    return bench.trace
