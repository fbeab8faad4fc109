"""The protocol by which optimizers are compared: fixed trials, evaluations and seeds, recorded.

Its traces carry its version; a change of any number is another version. What a report says of them
is on the page ``docs/reference/protocol.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import polars as pl

from act_bench.errors import MissingExtraError
from act_bench.files.manifest import AbsentDataError
from act_bench.search.benchmark_data import BenchmarkData, SearchData
from act_bench.search.loading import load_data
from act_bench.search.optimum import best_of
from act_bench.search.trace import Trace, read_trace
from act_bench.search.verify import Check, check_trace
from surrogates.optimizers import asks_for_rates, find_optimizer
from surrogates.search_space import SearchSpace
from surrogates.searches.single import recorded_steps, rerun, trial_seed
from surrogates.searches.trials import Chunk
from surrogates.simulation import Progress, Simulation, simulate, steps_frame


class Protocol(NamedTuple):
    """One version of the protocol.

    Attributes
    ----------
    version : int
    trials : int
        Searches of each optimizer on each table.
    evaluations : int
        Of each search: whole trainings that its epochs amount to.
    seed : int
        From which those of the trials follow: :func:`surrogates.searches.single.trial_seed`.
    workers : int
        Trainings at a time.
    """

    version: int
    trials: int
    evaluations: int
    seed: int
    workers: int


PROTOCOLS: Final = {1: Protocol(version=1, trials=100, evaluations=100, seed=0, workers=1)}
"""Version -> its numbers. The data are the view that ``load_data(table)`` gives by default."""


def applies(data: BenchmarkData, name: str) -> str:
    """Return why an optimizer cannot search a table, or an empty text where it can.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> applies(load_data("mlp"), "knn-rates")
    ''
    >>> applies(load_data("mlp", rate="tuned"), "knn-rates")
    'mlp, fidelity full, rate tuned has one learning rate for each function'
    """
    try:
        factory = find_optimizer(name)
    except MissingExtraError as error:
        return str(error)
    if asks_for_rates(factory) and not data.rates:
        return f"{data.title} has one learning rate for each function"
    try:
        factory(SearchSpace.of(data), 0)
    except (ValueError, LookupError, AbsentDataError) as error:  # the last: without spectra
        return str(error)
    return ""


def run(
    data: BenchmarkData,
    name: str,
    protocol: Protocol = PROTOCOLS[1],
    progress: Progress | None = None,
) -> tuple[Simulation, list[Trace]]:
    """Run the searches of an optimizer on a table by the protocol; return their traces too.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> short = PROTOCOLS[1]._replace(trials=1, evaluations=3)
    >>> simulation, traces = run(load_data("mlp"), "knn", short)
    >>> traces[0].protocol, simulation.steps.height
    (1, 3)
    """
    with TemporaryDirectory() as folder:
        simulation = simulate(
            data,
            {name: find_optimizer(name)},
            trials=protocol.trials,
            evaluations=protocol.evaluations,
            seed=protocol.seed,
            workers=protocol.workers,
            progress=progress,
            traces=Path(folder),
        )
        files = (f"{name.replace(':', '-')}-{trial}.jsonl" for trial in range(protocol.trials))
        traces = [read_trace(Path(folder) / file) for file in files]
    return simulation, [trace.of_protocol(protocol.version) for trace in traces]


def recorded(traces: Sequence[Trace], data: BenchmarkData, name: str) -> pl.DataFrame:
    """Return the searches of traces as :attr:`Simulation.steps`; nothing is searched again.

    Parameters
    ----------
    traces : sequence of Trace
        Of one optimizer, trial by trial, by one worker and with as many evaluations each.
    data : BenchmarkData
        What they searched; regret is from the best at its rate.
    name : str
        What the column ``optimizer`` says.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> data, short = load_data("mlp"), PROTOCOLS[1]._replace(trials=2, evaluations=3)
    >>> simulation, traces = run(data, "halving", short)
    >>> recorded(traces, data, "halving").equals(simulation.steps)
    True
    """
    taken = [step for trace in traces for step in recorded_steps(trace, data)]
    chunk = Chunk(name, 0, len(traces))
    return steps_frame(chunk, taken, data.worst_score, best_of(data).score)


def breaches(traces: Sequence[Trace]) -> list[str]:
    """Return in what traces are not those of one optimizer by the protocol; nothing: they are.

    Examples
    --------
    >>> breaches([])
    ['expected the traces of a protocol, got none']
    """
    if not traces:
        return ["expected the traces of a protocol, got none"]
    protocol = PROTOCOLS.get(traces[0].protocol or 0)
    if protocol is None:
        return [f"there is no protocol {traces[0].protocol}"]
    found = []
    if len({_whose(trace) for trace in traces}) > 1:
        found.append("the traces are not of one optimizer, one table and one version")
    if len(traces) != protocol.trials:
        found.append(f"expected {protocol.trials} trials, got {len(traces)}")
    searchers = [trace.header.optimizer for trace in traces]
    if any(each is None or each.workers != protocol.workers for each in searchers):
        found.append(f"expected {protocol.workers} worker")
    expected = [trial_seed(protocol.seed, trial) for trial in range(len(traces))]
    if [each and each.seed for each in searchers] != expected:
        found.append(f"expected the seeds that follow from {protocol.seed}, in order")
    return found


def _whose(trace: Trace) -> tuple[object, ...]:
    header, searcher = trace.header, trace.header.optimizer
    settings = None if searcher is None else (searcher.name, str(sorted(searcher.settings.items())))
    return header.table, header.fidelity, header.data_sha256, header.rate, trace.protocol, settings


def checked(traces: Sequence[Trace], *, again: bool = True) -> Iterator[list[Check]]:
    """Yield the checks of each trace, as of ``act_bench.search.verify``; they share their data.

    Parameters
    ----------
    traces : sequence of Trace
    again : bool
        Whether the optimizers are run again.
    """
    known: dict[object, tuple[SearchData, SearchSpace]] = {}
    for trace in traces:
        of = trace.header
        key = (of.table, of.fidelity, of.edition, of.run_seed, of.rate)
        try:
            if key not in known:
                found = load_data(*key)
                known[key] = (found, SearchSpace.of(found))
        except ValueError:  # a table that is not known here, which the check says
            yield check_trace(trace)
            continue
        data, space = known[key]
        yield check_trace(trace, data=data, rerun=partial(rerun, space=space) if again else None)
