"""Successive halving and Hyperband: brackets by hand, and what they spend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Partial
from act_bench.search.verify import verify
from surrogates.optimizers import find_optimizer
from surrogates.optimizers.halving import Hyperband, SuccessiveHalving, rungs
from surrogates.protocol import SearchSpace, SpaceExhaustedError
from surrogates.searches.single import rerun
from surrogates.simulation import simulate
from tests.surrogates.results import result_of

MakeData = Callable[..., BenchmarkData]


def space_of(functions: int, epochs: int) -> SearchSpace:
    names = [[f"f{i}"] for i in range(functions)]
    return SearchSpace(range(functions), names, [[0.0]] * functions, epochs=epochs)


def ask(optimizer: Hyperband) -> tuple[int, int | None]:
    asked = optimizer.ask()
    if isinstance(asked, Partial):
        return int(asked.expression[1:]), asked.epochs
    return int(asked[1:]), None


def test_a_bracket_by_hand() -> None:
    """Nine begin, the best three go on, and the best of these is trained to the end."""
    optimizer = SuccessiveHalving(space_of(40, 9), 0)
    first = [ask(optimizer) for _ in range(9)]
    assert {epochs for _, epochs in first} == {1}
    for entry, epochs in first:
        optimizer.tell(result_of(entry, entry / 40, epochs))
    second = [ask(optimizer) for _ in range(3)]
    assert [e for e, _ in second] == sorted((e for e, _ in first), reverse=True)[:3]
    assert {epochs for _, epochs in second} == {3}
    for entry, epochs in second:  # now the worst of them is the best
        optimizer.tell(result_of(entry, 1 - entry / 40, epochs))
    assert ask(optimizer) == (min(e for e, _ in second), None)
    assert ask(optimizer)[1] == 1  # nothing to wait for: the next bracket


def test_hyperband_starts_from_many_short_to_few_long_ones() -> None:
    """Li et al. 2018, table 1, for a maximum of 81: the first rung of each bracket."""
    optimizer = Hyperband(space_of(500, 81), 0)
    found = []
    for functions in (81, 34, 15, 8, 5):
        asked = [ask(optimizer) for _ in range(functions)]
        assert len({epochs for _, epochs in asked}) == 1
        found.append((functions, asked[0][1]))
    assert found == [(81, 1), (34, 3), (15, 9), (8, 27), (5, None)]


def test_rungs_end_with_whole_trainings() -> None:
    assert rungs(81, 3) == [1, 3, 9, 27, 81]
    assert rungs(10, 4) == [1, 3, 10]


def test_missing_results_end_a_bracket() -> None:
    optimizer = SuccessiveHalving(space_of(12, 9), 0)
    for _ in range(12):
        entry, epochs = ask(optimizer)
        optimizer.tell(result_of(entry, None, epochs))
    with pytest.raises(SpaceExhaustedError, match="all 12"):
        optimizer.ask()


@pytest.mark.parametrize("name", ["halving", "hyperband"])
def test_they_are_given_as_many_epochs_as_others(
    make_data: MakeData, tmp_path: Path, name: str
) -> None:
    data = make_data()
    found = simulate(data, {name: find_optimizer(name)}, trials=2, evaluations=20, traces=tmp_path)
    assert found.steps.height == 40
    for path in tmp_path.iterdir():
        assert all(check.passed for check in verify(path, data=data, rerun=rerun))
    for row in found.finals.iter_rows(named=True):
        assert 0 < row["evaluations"] < 20
        assert row["validation_accuracy"] == data.validation_accuracy[row["entry"]]
    ends = found.steps.filter(pl.col("evaluation") == 20)["best_so_far"]
    assert ends.to_list() == found.finals["validation_accuracy"].to_list()


def test_workers_replay_too(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data()
    factory = {"hyperband": find_optimizer("hyperband")}
    found = simulate(data, factory, trials=2, evaluations=15, workers=3, traces=tmp_path)
    assert found.steps.height == 30
    for path in tmp_path.iterdir():
        assert all(check.passed for check in verify(path, data=data, rerun=rerun))


@pytest.mark.parametrize("workers", [1, 5])
def test_every_function_is_trained_to_the_end_at_last(make_data: MakeData, workers: int) -> None:
    data = make_data(missing=tuple(range(25, 2913)))
    factory = {"hyperband": find_optimizer("hyperband")}
    found = simulate(data, factory, trials=2, evaluations=25, workers=workers)
    assert found.finals["evaluations"].to_list() == [25, 25]
    assert found.steps.filter(pl.col("evaluation") == 25)["regret"].to_list() == [0.0, 0.0]


def test_a_search_may_end_before_anything_is_trained(make_data: MakeData) -> None:
    data = make_data()
    found = simulate(data, {"halving": find_optimizer("halving")}, trials=1, evaluations=1)
    assert found.finals["entry"].to_list() == [None]
    assert found.steps["best_so_far"].to_list() == [data.chance]


def test_a_function_is_trained_by_one_worker_at_a_time(make_data: MakeData) -> None:
    data = make_data(missing=tuple(range(9, 2913)))
    optimizer = Hyperband(SearchSpace.of(data), 0)
    running: list[str | Partial] = []
    bench = Benchmark(data)
    while bench.evaluations < 9:
        full = len(running) == 4
        try:
            running.append(optimizer.ask())
        except SpaceExhaustedError:
            assert running
            full = True
        texts = [r.expression if isinstance(r, Partial) else r for r in running]
        assert len(set(texts)) == len(texts)
        if full:
            outcome = bench.query(running.pop())
            assert not outcome.repeated
            optimizer.tell(outcome)


def test_a_reduction_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="reduction"):
        Hyperband(space_of(3, 4), 0, reduction=1)
