"""Verify the trace of a live search against the runs in its folder.

The answers in such a trace are trainings of the search's own, so there is no embedded table to
check them against. Checked is that each line is what the stored runs say, and that the optimizer,
told these, asks the same again. Whether the runs are what training gives is for ``act-bench
regenerate`` to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import SearchData
from act_bench.search.events import Partial, Query, Revealed
from act_bench.search.trace import Trace, TraceError, read_trace
from act_bench.search.verify import Check, verify
from act_bench.tables.registry import Metric
from regenerate.runs.store import MARKER, RunStore, SearchFolderError, read_identity
from surrogates.live.benchmark import LiveData
from surrogates.live.course import Budget, course
from surrogates.live.methods import PROPOSERS, find_optimizer
from surrogates.live.spaces import SPACES, open_space, search_space
from surrogates.search_space import SearchSpace
from surrogates.searches.single import begin


def verify_search(path: Path, *, again: bool = True) -> list[Check]:
    """Check the trace of a live search; see ``act_bench.search.verify.verify`` for the checks.

    Parameters
    ----------
    path
        The trace, in the search's folder.
    again
        Whether to run the optimizer again.

    Raises
    ------
    SearchFolderError
        The folder is damaged.
    """
    identity = read_identity(path.parent)
    store = RunStore(path.parent, identity)
    try:
        trace = read_trace(path)
    except TraceError as error:
        return [Check("format", passed=False, detail=error.reason, line=error.line)]
    match identity:
        case {
            "table": str(table),
            "fidelity": str(fidelity),
            "chance": float(chance),
            "seeds": list(seeds),
            "space": str(space),
        } if space in SPACES and all(isinstance(seed, int) for seed in seeds):
            functions = open_space(space)
            metric = _metric(identity, path)
        case _:
            raise SearchFolderError(
                f"{path.parent / MARKER} is damaged: expected a table, fidelity, chance, a list of "
                f"seeds and a space, one of {', '.join(SPACES)}"
            )
    data = LiveData(table, fidelity, chance, functions, metric=metric)
    for line, event in enumerate(trace.events, start=2):
        if isinstance(event, Query) and not 0 <= event.result.entry < len(data.outcome):
            detail = f"entry: recorded {event.result.entry}, the space has {len(data.outcome):,}"
            return [Check("format", passed=False, detail=detail, line=line)]
    queried = {event.result.entry for event in trace.events if isinstance(event, Query)}
    names = [functions.representatives[entry] for entry in sorted(queried)]
    for entry, name in zip(sorted(queried), names, strict=True):
        if not store.missing(name, seeds):
            data.learn(entry, store.runs(name, seeds))
    data.sha256 = store.digest(names, seeds)

    def rerun(trace: Trace, known: SearchData) -> Trace | None:
        del known
        return _rerun(trace, data, search_space(data, path.parent))

    return verify(path, data=data, rerun=rerun if again else None)


def _metric(identity: Mapping[str, object], path: Path) -> Metric:
    """Return what a search was by; folders of accuracies do not say."""
    match identity.get("metric", "validation_accuracy"):
        case ("validation_accuracy" | "validation_loss") as metric:
            return metric
        case other:
            raise SearchFolderError(f"{path.parent / MARKER} is damaged: no metric {other!r}")


def _rerun(trace: Trace, data: LiveData, space: SearchSpace) -> Trace | None:
    searcher = trace.header.optimizer
    if searcher is None or searcher.name in PROPOSERS:
        return None
    bench = Benchmark(data, searcher=searcher)
    factory = find_optimizer(searcher.name)
    optimizer = begin(bench, space, factory, searcher.seed, searcher.settings)
    queries = sum(isinstance(event, Query) for event in trace.events)

    def start(request: str | Partial) -> int:
        text = request.expression if isinstance(request, Partial) else request
        return data.space.resolve(text).entry

    # The workers ask ahead of what is told, but never beyond the evaluations of the search.
    budget = Budget(evaluations=max(1, _evaluations(trace)))
    asked = course(bench, optimizer, budget, space, workers=searcher.workers, start=start)
    for _ in islice(asked, queries):
        pass
    if trace.events and isinstance(trace.events[-1], Revealed):
        bench.reveal()
    return bench.trace


def _evaluations(trace: Trace) -> int:
    queries = [event for event in trace.events if isinstance(event, Query)]
    return len({event.result.entry for event in queries})
