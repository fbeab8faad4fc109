"""What every optimizer must do, and what each one is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from act_bench.functions.operators import BASELINES
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Query
from surrogates.optimizers import OPTIMIZERS, RandomSearch, find_optimizer
from surrogates.protocol import Factory, SearchSpace, settings_of
from surrogates.searches.single import run_search
from surrogates.simulation import simulate
from tests.surrogates.results import result_of

MakeData = Callable[..., BenchmarkData]

each_optimizer = pytest.mark.parametrize("factory", OPTIMIZERS.values(), ids=list(OPTIMIZERS))


@pytest.fixture(scope="module")
def data(make_data: MakeData) -> BenchmarkData:
    return make_data()


@pytest.fixture(scope="module")
def space(data: BenchmarkData) -> SearchSpace:
    return SearchSpace.of(data)


def search(
    data: BenchmarkData, space: SearchSpace, factory: Factory, seed: int, n: int = 60
) -> Benchmark:
    bench = Benchmark(data)
    run_search(bench, factory(space, seed), n)
    return bench


def entries(bench: Benchmark) -> list[int]:
    return [event.result.entry for event in bench.events if isinstance(event, Query)]


@each_optimizer
def test_seeds_differ_and_nothing_is_asked_for_twice(
    data: BenchmarkData, space: SearchSpace, factory: Factory
) -> None:
    asked = entries(search(data, space, factory, seed=3, n=100))
    assert len(set(asked)) == len(asked) == 100
    assert entries(search(data, space, factory, seed=4, n=100)) != asked


def test_knn_asks_the_baselines_first(data: BenchmarkData, space: SearchSpace) -> None:
    asked = entries(search(data, space, OPTIMIZERS["knn"], seed=0, n=8))
    assert asked == [data.space.resolve(text).entry for text in BASELINES]


def test_knn_asks_for_the_best_prediction_of_scikit_learn(
    data: BenchmarkData, space: SearchSpace
) -> None:
    bench = Benchmark(data)
    optimizer = OPTIMIZERS["knn"](space, 7)
    known: list[int] = []
    scores: list[float] = []
    for n in range(40):
        text = optimizer.ask()
        result = bench.query(text)
        if n >= len(BASELINES):
            model = KNeighborsRegressor(3, algorithm="brute").fit(space.outputs[known], scores)
            left = np.setdiff1d(np.arange(len(space)), known)
            predicted = model.predict(space.outputs[left])
            chosen = predicted[np.searchsorted(left, space.position[result.entry])]
            # scikit-learn may break ties of distance another way, which changes a prediction.
            assert np.mean(predicted > chosen + 1e-9) < 0.01
        optimizer.tell(result)
        assert result.score is not None
        known.append(space.position[result.entry])
        scores.append(result.score)


def test_local_search_steps_to_neighbours_of_the_best_start(
    data: BenchmarkData, space: SearchSpace
) -> None:
    bench = Benchmark(data)
    optimizer = OPTIMIZERS["local"](space, 5, starts=6)
    told: dict[int, float] = {}
    for n in range(30):
        result = bench.query(optimizer.ask())
        position = space.position[result.entry]
        if n >= 6:
            best = max(told, key=lambda p: told[p])
            assert position in space.neighbours(best)
        assert result.score is not None
        told[position] = result.score
        optimizer.tell(result)


def test_local_search_starts_again_from_a_summit() -> None:
    """Two islands: after the first is known, only a restart finds the other."""
    names = ["relu(x)", "elu(x)", "add(tanh(x),tanh(x))", "add(tanh(x),sigmoid(x))"]
    space = SearchSpace([0, 1, 2, 3], [[name] for name in names], np.eye(4))
    optimizer = OPTIMIZERS["local"](space, 0, starts=1)
    assert {optimizer.ask() for _ in range(4)} == set(names)


def test_local_search_climbs(data: BenchmarkData, space: SearchSpace) -> None:
    """Over 20 seeds it finds more than random search does in as many evaluations."""

    def mean_best(name: str) -> float:
        bests = []
        for seed in range(20):
            bench = search(data, space, OPTIMIZERS[name], seed, n=100)
            bests.append(bench.reveal().validation_accuracy)
        return float(np.mean(np.array(bests, dtype=float)))

    assert mean_best("local") > mean_best("random") + 0.02


def test_settings_are_the_keyword_only_parameters() -> None:
    assert settings_of(OPTIMIZERS["random"]) == {}
    assert settings_of(OPTIMIZERS["local"]) == {"starts": 10}


@pytest.mark.parametrize(("name", "setting"), [("knn", "neighbours"), ("local", "starts")])
def test_settings_out_of_range_are_refused(space: SearchSpace, name: str, setting: str) -> None:
    with pytest.raises(ValueError, match=setting):
        OPTIMIZERS[name](space, 0, **{setting: 0})


def test_evolution_breeds_the_best_of_the_youngest(data: BenchmarkData, space: SearchSpace) -> None:
    """With a tournament of the whole population the parent is known: the best of the last ten."""
    bench = Benchmark(data)
    optimizer = OPTIMIZERS["evolution"](space, 3, population=10, tournament=10)
    told: list[tuple[float, int]] = []
    for n in range(50):
        result = bench.query(optimizer.ask())
        position = space.position[result.entry]
        if n >= 10:
            best = max(score for score, _ in told[-10:])
            parents = [p for score, p in told[-10:] if score == best]
            assert any(position in space.neighbours(parent) for parent in parents)
        assert result.score is not None
        told.append((result.score, position))
        optimizer.tell(result)


def test_evolution_walks_on_where_all_neighbours_are_known() -> None:
    names = ["relu(x)", "elu(x)", "add(tanh(x),tanh(x))", "add(tanh(x),sigmoid(x))"]
    space = SearchSpace([0, 1, 2, 3], [[name] for name in names], np.eye(4))
    optimizer = OPTIMIZERS["evolution"](space, 0, population=1, tournament=1)
    first = optimizer.ask()
    optimizer.tell(result_of(names.index(str(first)), 0.5))
    assert {first, *(optimizer.ask() for _ in range(3))} == set(names)


@pytest.mark.parametrize(
    "settings", [{"tournament": 0}, {"population": 4}, {"population": 0}, {"patience": -1}]
)
def test_evolution_refuses_settings_out_of_range(
    space: SearchSpace, settings: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match=r"expected|patience"):
        OPTIMIZERS["evolution"](space, 0, **settings)


def test_names_that_are_not_known_are_refused_with_those_that_are() -> None:
    with pytest.raises(LookupError, match="no optimizer magic; choose from random"):
        find_optimizer("magic")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([RandomSearch], "a factory of your own needs a name"),
        ({"mine": "random"}, "got 'random' for a factory"),
    ],
)
def test_names_and_factories_are_not_mixed_up(given: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        simulate("mlp", given, trials=1, evaluations=2)
