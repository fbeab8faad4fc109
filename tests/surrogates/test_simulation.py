"""Simulated searches against a plain loop, and against the exact law of random search."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from act_bench.errors import ArgumentError
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Result
from act_bench.search.loading import load_data
from act_bench.search.trace import read_trace
from act_bench.search.verify import verify
from surrogates.optimizers import OPTIMIZERS, RandomSearch, find_optimizer
from surrogates.protocol import SearchSpace, SpaceExhaustedError
from surrogates.searches.single import StalledSearchError, rerun, run_search, trial_seed
from surrogates.simulation import Simulation, simulate

MakeData = Callable[..., BenchmarkData]


@pytest.fixture(scope="module")
def data(make_data: MakeData) -> BenchmarkData:
    return make_data()


@pytest.fixture(scope="module")
def simulation(data: BenchmarkData) -> Simulation:
    return simulate(data, trials=6, evaluations=40, seed=3)


def test_every_row_is_what_a_plain_loop_over_queries_gives(
    data: BenchmarkData, simulation: Simulation
) -> None:
    space = SearchSpace.of(data)
    rng = np.random.default_rng(0)
    best_of_table = max(data.score(entry) or 0.0 for entry in data.covered)
    for name, factory in OPTIMIZERS.items():
        trial = int(rng.integers(6))
        rows = simulation.steps.filter(pl.col("optimizer") == name, pl.col("trial") == trial)
        bench = Benchmark(data)
        optimizer = factory(space, trial_seed(3, trial))
        best = 0.0
        for row in rows.iter_rows(named=True):
            result = bench.query(optimizer.ask())
            optimizer.tell(result)
            assert result.score is not None
            best = max(best, result.score)
            assert row["evaluation"] == bench.evaluations
            assert row["entry"] == result.entry
            assert row["validation_accuracy"] == result.validation_accuracy
            assert row["best_so_far"] == best
            assert row["regret"] == best_of_table - best
            assert row["clock_s"] == bench.clock_s
        final = bench.reveal()
        chosen = simulation.finals.filter(pl.col("optimizer") == name, pl.col("trial") == trial)
        (row,) = chosen.iter_rows(named=True)
        assert {key: row[key] for key in final._asdict()} == final._asdict()


def test_random_search_agrees_with_the_exact_law(data: BenchmarkData) -> None:
    trials = 2000
    found = simulate(data, {"random": OPTIMIZERS["random"]}, trials=trials, evaluations=50)
    regret = found.steps["regret"].to_numpy().reshape(trials, 50)
    expected = found.exact.expected_regret
    error = regret.std(axis=0, ddof=1) / np.sqrt(trials)
    assert (np.abs(regret.mean(axis=0) - expected) < 4.5 * error).all()
    # The exact median lies within the order statistics around the middle of the sample.
    middle = np.sort(found.steps["best_so_far"].to_numpy().reshape(trials, 50), axis=0)
    half_width = int(4.5 * np.sqrt(trials) / 2)
    exact = found.exact.quantile(0.5)
    assert (middle[trials // 2 - half_width] <= exact).all()
    assert (exact <= middle[trials // 2 + half_width]).all()


def test_regret_falls_to_zero_when_everything_is_evaluated(make_data: MakeData) -> None:
    data = make_data(missing=tuple(range(25, 2913)))
    found = simulate(data, trials=2, evaluations=25)
    last = found.steps.filter(pl.col("evaluation") == 25)
    assert last["regret"].to_list() == [0.0] * 8
    assert (found.steps["regret"] >= 0).all()
    cost = sum(data.cost_s[entry] for entry in data.covered)
    assert last["clock_s"].to_numpy() == pytest.approx(cost)


def test_a_diverged_evaluation_is_null_and_counts_as_chance(make_data: MakeData) -> None:
    data = make_data()
    diverged = [e for e, outcome in enumerate(data.outcome) if outcome == "diverged"]
    only = make_data(missing=tuple(set(range(2913)) - set(diverged[:5])))
    found = simulate(only, trials=1, evaluations=3)
    assert found.steps["validation_accuracy"].null_count() == 12
    assert found.steps["best_so_far"].unique().to_list() == [0.1]
    assert found.finals["test_accuracy"].null_count() == 4


def test_the_same_seed_gives_the_same_frames(data: BenchmarkData, simulation: Simulation) -> None:
    again = simulate(data, trials=6, evaluations=40, seed=3)
    assert again.steps.equals(simulation.steps)
    assert again.finals.equals(simulation.finals)
    other = simulate(data, trials=6, evaluations=40, seed=4)
    assert not other.steps.equals(simulation.steps)


def test_processes_change_nothing_but_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def threads(workers: int, _: None) -> ThreadPoolExecutor:  # processes would take seconds
        assert workers == 2
        return ThreadPoolExecutor(1)  # two of one process would share what each process has

    monkeypatch.setattr("regenerate.sweeps.processes.worker_pool", threads)
    left: list[float] = []
    told: list[tuple[str, int]] = []
    data = load_data("mlp")
    alone = simulate(data, trials=5, evaluations=12, seed=3)
    again = simulate(
        data,
        trials=5,
        evaluations=12,
        seed=3,
        jobs=2,
        forecast=left.append,
        progress=lambda name, done: told.append((name, done)),
    )
    assert again.steps.equals(alone.steps)
    assert again.finals.equals(alone.finals)
    assert len(left) == 1
    assert left[0] >= 0
    for name in OPTIMIZERS:
        assert [done for other, done in told if other == name] == [1, 2, 3, 4, 5]
        rows = again.processes.filter(pl.col("optimizer") == name)
        assert rows["trials"].sum() == 5
        assert rows["seconds"].sum() == pytest.approx(again.seconds[name])


def test_an_optimizer_that_no_other_process_knows_is_refused(data: BenchmarkData) -> None:
    class Own(RandomSearch):
        """Of this function."""

    with pytest.raises(ArgumentError, match="define it in a module"):
        simulate(data, {"own": Own}, trials=2, evaluations=3, jobs=2)


def test_more_than_fits_in_memory_is_refused_before_anything_runs(data: BenchmarkData) -> None:
    with pytest.raises(ArgumentError, match="at most 13 trials at a time"):
        simulate(data, trials=14, evaluations=50, memory=400_000)


def test_trials_can_be_traced_and_replayed(data: BenchmarkData, tmp_path: Path) -> None:
    simulate(data, trials=2, evaluations=30, traces=tmp_path)
    assert len(list(tmp_path.iterdir())) == 8
    for path in tmp_path.iterdir():
        checks = verify(path, data=data, rerun=rerun)
        assert [check.name for check in checks] == ["format", "data", "answers", "rerun"]
        assert all(check.passed for check in checks), checks


def test_a_search_that_was_not_the_optimizers_is_found_out(
    data: BenchmarkData, tmp_path: Path
) -> None:
    """True answers, but to questions that this optimizer with this seed does not ask."""
    simulate(data, {"random": OPTIMIZERS["random"]}, trials=1, evaluations=30, traces=tmp_path)
    trace = read_trace(tmp_path / "random-0.jsonl")
    bench = Benchmark(data, searcher=trace.header.optimizer)
    for text in data.space.representatives[:30]:
        bench.query(text)
    bench.trace.save(tmp_path / "forged.jsonl")
    checks = {
        check.name: check for check in verify(tmp_path / "forged.jsonl", data=data, rerun=rerun)
    }
    assert checks["answers"].passed
    assert checks["rerun"].passed is False
    assert checks["rerun"].line == 2


def test_summary_matches_the_steps(simulation: Simulation) -> None:
    for row in simulation.summary():
        chosen = simulation.steps.filter(pl.col("optimizer") == row["optimizer"])
        at_10 = chosen.filter(pl.col("evaluation") == 10)["regret"]
        expected = [at_10.quantile(q, "linear") for q in (0.25, 0.5, 0.75)]
        assert row["regret_at_10"] == pytest.approx(expected)
        hits = chosen.filter(pl.col("best_so_far") >= simulation.top_score)
        assert row["reached_top"] == hits["trial"].n_unique() / 6
        assert "regret_at_100" not in row
        assert "regret_at_40" in row


class AsksOnce:
    """Asks for one function for ever."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self.expression = space.expressions[0]

    def ask(self) -> str:
        return self.expression

    def tell(self, result: Result) -> None:
        pass


def test_an_optimizer_that_repeats_itself_is_stopped(data: BenchmarkData) -> None:
    with pytest.raises(StalledSearchError, match="1 of 5"):
        simulate(data, {"stuck": AsksOnce}, trials=1, evaluations=5)


def test_more_evaluations_than_entries_are_refused(make_data: MakeData) -> None:
    with pytest.raises(ValueError, match=r"1\.\.3"):
        simulate(make_data(missing=tuple(range(3, 2913))), trials=1, evaluations=4)
    with pytest.raises(ValueError, match="at least one trial"):
        simulate(make_data(), trials=0)


def test_progress_is_told_after_each_trial(data: BenchmarkData) -> None:
    told: list[tuple[str, int]] = []
    simulate(
        data,
        {"random": OPTIMIZERS["random"]},
        trials=3,
        evaluations=2,
        progress=lambda name, done: told.append((name, done)),
    )
    assert told == [("random", 1), ("random", 2), ("random", 3)]


class InOrder:
    """Asks for the functions in order, keeps what it is told, and repeats where it is bidden."""

    def __init__(self, space: SearchSpace, repeat_at: tuple[int, ...] = ()) -> None:
        self.space = space
        self.asked: list[int] = []
        self.told_before: list[tuple[int, ...]] = []
        self.told: list[int] = []
        self.repeat_at = repeat_at

    def ask(self) -> str:
        fresh = len(set(self.asked))
        if fresh == len(self.space):
            raise SpaceExhaustedError("no more")
        position = self.asked[-1] if len(self.asked) in self.repeat_at else fresh
        self.asked.append(position)
        self.told_before.append(tuple(self.told))
        return self.space.expressions[position]

    def tell(self, result: Result) -> None:
        self.told.append(self.space.position[result.entry])


def test_workers_train_at_the_same_time(make_data: MakeData) -> None:
    """Costs 5, 1, 2, 1, 4, 1 on two workers: a schedule that can be drawn by hand."""
    data = make_data(missing=tuple(range(6, 2913)))
    data = replace(data, cost_s=[5.0, 1.0, 2.0, 1.0, 4.0, 1.0, *data.cost_s[6:]])
    bench = Benchmark(data)
    optimizer = InOrder(SearchSpace.of(data))
    ends = [step.elapsed_s for step in run_search(bench, optimizer, 6, workers=2)]
    # The first worker trains 0 until 5, then 5; the other 1, 2, 3 and, from 4 to 8, 4.
    assert optimizer.told == [1, 2, 3, 0, 5, 4]
    assert ends == [1.0, 3.0, 4.0, 5.0, 6.0, 8.0]
    assert optimizer.told_before == [(), (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 0)]
    assert bench.clock_s == 14.0


def test_what_is_running_is_not_trained_twice(make_data: MakeData) -> None:
    data = make_data(missing=tuple(range(4, 2913)))
    data = replace(data, cost_s=[5.0, 1.0, 2.0, 1.0, *data.cost_s[4:]])
    bench = Benchmark(data)
    optimizer = InOrder(SearchSpace.of(data), repeat_at=(1,))
    ends = [step.elapsed_s for step in run_search(bench, optimizer, 4, workers=2)]
    assert optimizer.told == [0, 0, 1, 2, 3]  # the repeat waits for the training that runs
    assert ends == [5.0, 6.0, 7.0, 7.0]
    assert bench.clock_s == 9.0


def test_one_worker_is_as_long_as_its_trainings(simulation: Simulation) -> None:
    assert simulation.steps["elapsed_s"].equals(simulation.steps["clock_s"])


def test_workers_are_deterministic_and_can_be_replayed(data: BenchmarkData, tmp_path: Path) -> None:
    first = simulate(data, trials=2, evaluations=30, workers=4, traces=tmp_path)
    assert first.steps.equals(simulate(data, trials=2, evaluations=30, workers=4).steps)
    for _, rows in first.steps.group_by("optimizer", "trial"):
        elapsed, clock = rows["elapsed_s"], rows["clock_s"]
        assert elapsed.is_sorted()
        assert clock[-1] / 4 <= elapsed[-1] < clock[-1] / 2
    for path in tmp_path.iterdir():
        assert all(check.passed for check in verify(path, data=data, rerun=rerun))


def test_no_worker_is_an_error(data: BenchmarkData) -> None:
    with pytest.raises(ValueError, match="worker"):
        simulate(data, trials=1, evaluations=1, workers=0)


def test_each_evaluation_says_what_it_trained_to_the_end() -> None:
    data = load_data("mlp")
    names = ("random", "halving")
    simulation = simulate(
        data, {name: find_optimizer(name) for name in names}, trials=2, evaluations=12
    )
    whole, parts = (simulation.steps.filter(pl.col("optimizer") == name) for name in names)
    assert whole["trained"].to_list() == whole["entry"].to_list()
    assert parts["trained"].null_count() > 0
    for _, rows in parts.group_by("trial"):
        best = -np.inf
        for row in rows.sort("evaluation").iter_rows(named=True):
            if row["trained"] is not None:
                best = max(best, data.score(row["trained"]))
            if np.isfinite(best):
                assert row["best_so_far"] == best


def test_the_clock_to_the_top_is_in_mean_trainings(make_data: MakeData) -> None:
    data = make_data(table="mlp")
    simulation = simulate(data, {"random": find_optimizer("random")}, trials=5, evaluations=600)
    (row,) = simulation.summary()
    steps = simulation.steps.filter(pl.col("best_so_far") >= simulation.top_score)
    firsts = steps.group_by("trial").agg(pl.col("clock_s").min(), pl.col("evaluation").min())
    mean = np.mean([data.cost_s[entry] for entry in data.covered])
    assert firsts.height == 5
    assert row["evaluations_to_top"] == firsts["evaluation"].median()
    assert row["trainings_to_top"] == pytest.approx(firsts["clock_s"].median() / mean)
