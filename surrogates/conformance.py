"""What every optimizer must do, as checks that anybody's optimizer can run.

The entrance is :func:`act_bench.testing.check_optimizer`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from act_bench.arguments import whole_number
from act_bench.errors import ActBenchError, ExitCode
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Event, Outcome, Partial, Query
from act_bench.spaces.distances import output_vectors, to_one
from act_bench.spaces.paper import finite_outputs, load_space
from act_bench.tables.learning_curves import LearningCurves
from surrogates.protocol import Optimizer, SearchSpace, SpaceExhaustedError
from surrogates.searches.single import StalledSearchError, run_search

Factory = Callable[[SearchSpace, int], Optimizer]

EPOCHS = 4
_FEW = 12
_AT_A_TIME = 4


class ConformanceError(ActBenchError, AssertionError):
    """An optimizer breaks a rule; the message says which, and how it was seen."""

    exit_code = ExitCode.NO


def check(factory: Factory, evaluations: int, seed: int, exhausts: bool) -> None:
    """Run all checks; the parameters are those of ``check_optimizer``."""
    data = made_up(np.arange(0, 2913, 5))
    evaluations = whole_number(evaluations, "evaluations", least=1)
    seed = whole_number(seed, "seed", least=0)
    space = SearchSpace.of(data)
    events = _search(factory, data, space, evaluations, seed)
    _check_budget(events, data, evaluations)
    _check_determinism(factory, data, space, events, evaluations, seed)
    _check_no_peeking(factory, data, events, evaluations, seed)
    _check_pending(factory, data, space, evaluations, seed)
    _check_missing(factory, data, space, seed)
    if exhausts:
        _check_exhaustion(factory, seed)


def made_up(covered: np.ndarray[tuple[int], np.dtype[np.int64]], seed: int = 0) -> BenchmarkData:
    """Return made-up data over the real space, for checks only, that cover some entries.

    A third of the entries diverge in the third of four epochs; the score of the others falls with
    the distance of their outputs to those of one function, plus noise. To know the embedded tables
    is of no use here.
    """
    space = load_space()
    rng = np.random.default_rng(seed)
    outputs = finite_outputs(space.outputs).astype(float)
    summit = outputs[space.entry_of["max(softsign(x),swish(x))"]]
    distance = to_one(output_vectors(outputs), output_vectors(summit))
    score = np.clip(0.1 + 0.8 * np.exp(-distance) + rng.normal(0, 0.02, len(distance)), 0, 1)
    ok = rng.random(len(score)) > 1 / 3
    cost = rng.uniform(1.0, 3.0, len(score))
    outcome: list[Outcome] = ["missing"] * len(score)
    for entry in covered.tolist():
        outcome[entry] = "ok" if ok[entry] else "diverged"
    values: list[float | None] = [
        value if outcome[entry] == "ok" else None for entry, value in enumerate(score.tolist())
    ]
    share = np.arange(1, EPOCHS + 1) / EPOCHS
    curves = LearningCurves(
        EPOCHS,
        [
            [float(s * part) if good or part < 0.7 else None for part in share]
            for s, good in zip(score, ok, strict=True)
        ],
        (cost[:, None] * share).tolist(),
    )
    return BenchmarkData(
        table="mlp",
        edition="regenerated",
        fidelity="full",
        seed=None,
        chance=0.1,
        sha256="made up",
        space=space,
        outcome=outcome,
        validation_accuracy=values,
        test_accuracy=values,
        test_loss=values,
        cost_s=cost.tolist(),
        read_curves=lambda: curves,
    )


def _search(
    factory: Factory, data: BenchmarkData, space: SearchSpace, evaluations: int, seed: int
) -> list[Event]:
    bench = Benchmark(data)
    try:
        run_search(bench, factory(space, seed), evaluations)
    except (StalledSearchError, SpaceExhaustedError) as error:
        raise ConformanceError(
            f"budget: of {len(space)} functions it was allowed {evaluations} evaluations: {error}"
        ) from error
    return list(bench.events)


def _check_budget(events: list[Event], data: BenchmarkData, evaluations: int) -> None:
    """See that the budget is used, no more and no less, and each epoch paid for once."""
    furthest: dict[int, int] = {}
    for event in events:
        if isinstance(event, Query):
            entry, epochs = event.result.entry, event.result.epochs or EPOCHS
            furthest[entry] = max(epochs, furthest.get(entry, 0))
    spent = sum(furthest.values()) / EPOCHS
    if not evaluations <= spent < evaluations + 1:
        raise ConformanceError(f"budget: {spent} trainings instead of {evaluations}")
    due = sum((data.cost_s[entry] or 0.0) * epochs / EPOCHS for entry, epochs in furthest.items())
    if abs(events[-1].clock_s - due) > 1e-6:
        raise ConformanceError(f"repeats: charged {events[-1].clock_s} s instead of {due} s")


def _check_determinism(
    factory: Factory,
    data: BenchmarkData,
    space: SearchSpace,
    events: list[Event],
    evaluations: int,
    seed: int,
) -> None:
    """See that neither global random state nor what others left in a space matters."""
    states = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        for used in (space, SearchSpace.of(data)):
            np.random.seed(seed + 1)  # noqa: NPY002
            random.seed(seed + 1)
            again = _search(factory, data, used, evaluations, seed)
            _compare("determinism: the same seed asked for", events, again)
    finally:
        np.random.set_state(states[0])  # noqa: NPY002
        random.setstate(states[1])


def _check_no_peeking(
    factory: Factory, data: BenchmarkData, events: list[Event], evaluations: int, seed: int
) -> None:
    """Change every value that the search has not seen, and test: it must not notice."""
    seen = {event.result.entry for event in events if isinstance(event, Query)}
    worlds: list[tuple[Outcome, float | None]] = [("ok", 1.0), ("diverged", None)]
    for outcome, value in worlds:
        others = replace(
            data,
            outcome=[
                o if e in seen or o == "missing" else outcome for e, o in enumerate(data.outcome)
            ],
            validation_accuracy=[
                v if e in seen else value for e, v in enumerate(data.validation_accuracy)
            ],
            test_accuracy=[0.5] * len(data.outcome),
            test_loss=[0.5] * len(data.outcome),
        )
        again = _search(factory, others, SearchSpace.of(others), evaluations, seed)
        _compare("peeking: with other values where it had not asked, it asked for", events, again)


def _check_pending(
    factory: Factory, data: BenchmarkData, space: SearchSpace, evaluations: int, seed: int
) -> None:
    """Ask several times before the results, and tell these in reverse order."""
    optimizer, bench = factory(space, seed), Benchmark(data)
    try:
        for _ in range(evaluations // _AT_A_TIME):
            asked = [optimizer.ask() for _ in range(_AT_A_TIME)]
            for request in reversed(asked):
                optimizer.tell(bench.query(request))
    except Exception as error:
        raise ConformanceError(
            f"pending asks: {_AT_A_TIME} asks before their results, told in reverse, led to "
            f"{type(error).__name__}: {error}"
        ) from error


def _check_missing(factory: Factory, data: BenchmarkData, space: SearchSpace, seed: int) -> None:
    """See that a result without a score breaks nothing."""
    nothing = replace(data, outcome=["missing"] * len(data.outcome))
    optimizer, bench = factory(space, seed), Benchmark(nothing)
    try:
        for _ in range(_FEW):
            optimizer.tell(bench.query(optimizer.ask()))
    except Exception as error:
        raise ConformanceError(
            f"missing results: they led to {type(error).__name__}: {error}"
        ) from error


def _check_exhaustion(factory: Factory, seed: int) -> None:
    """See that of few functions all are trained, and that it is said when there are no more."""
    data = made_up(np.arange(0, 2913, 2913 // _FEW)[:_FEW])
    optimizer, bench = factory(SearchSpace.of(data), seed), Benchmark(data)
    try:
        run_search(bench, optimizer, _FEW)
        request = optimizer.ask()
    except SpaceExhaustedError as error:
        if bench.evaluations == _FEW:
            return
        raise ConformanceError(
            f"exhaustion: given up after {bench.evaluations} of {_FEW} functions"
        ) from error
    except StalledSearchError as error:
        raise ConformanceError(f"exhaustion: of {_FEW} functions, {error}") from error
    raise ConformanceError(
        f"exhaustion: with all {_FEW} functions known, expected SpaceExhaustedError, but it asked "
        f"for {request}"
    )


def _compare(what: str, events: list[Event], again: list[Event]) -> None:
    for number, (before, now) in enumerate(zip(events, again, strict=False), start=1):
        if before != now:
            raise ConformanceError(
                f"{what} {_asked(before)} and then {_asked(now)} as number {number}"
            )


def _asked(event: Event) -> str | Partial:
    if isinstance(event, Query) and event.result.epochs is not None:
        return Partial(event.expression, event.result.epochs)
    return event.expression if isinstance(event, Query) else str(event)
