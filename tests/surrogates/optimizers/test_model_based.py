"""Optimizers with a model: what they ask for, what they start with, and features that lack."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from act_bench.errors import MissingExtraError
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from surrogates.optimizers import find_optimizer
from surrogates.protocol import SearchSpace
from surrogates.searches.single import run_search
from tests.surrogates.results import result_of

MakeData = Callable[..., BenchmarkData]

with_models = pytest.mark.parametrize("name", ["gp-ei", "gp-thompson", "forest-ei"])


@pytest.fixture(scope="module")
def data(make_data: MakeData) -> BenchmarkData:
    return make_data()


@pytest.fixture(scope="module")
def space(data: BenchmarkData) -> SearchSpace:
    return SearchSpace.of(data)


def line(functions: int = 40, invalid: tuple[int, ...] = ()) -> SearchSpace:
    """Functions on a line: outputs and spectra are their place on it."""
    valid = np.ones(functions, dtype=bool)
    valid[list(invalid)] = False
    places = np.arange(float(functions))[:, None]
    names = [[f"x{'' if i == 0 else i}"] for i in range(functions)]
    return SearchSpace(range(functions), names, places / 10, spectra=(places, valid))


def test_equals_are_drawn_from_as_choice_draws() -> None:
    """Which is slower; recorded searches rest on what it draws."""
    for count in (1, 2, 2913):
        one, other = np.random.default_rng(5), np.random.default_rng(5)
        equals = np.arange(count) * 3
        drawn = [equals[one.integers(count)] for _ in range(200)]
        assert drawn == [other.choice(equals) for _ in range(200)]
        assert one.random() == other.random()


@with_models
def test_they_start_where_random_search_does(space: SearchSpace, name: str) -> None:
    random, model = find_optimizer("random")(space, 5), find_optimizer(name)(space, 5)
    assert [model.ask() for _ in range(10)] == [random.ask() for _ in range(10)]


@with_models
@pytest.mark.parametrize("features", ["outputs", "fim", "union"])
def test_they_find_the_top_of_a_hill(name: str, features: str) -> None:
    """On a line of 40 functions with one hill: 14 evaluations beat chance by far."""
    hits = 0
    for seed in range(6):
        space = line()
        optimizer = find_optimizer(name)(space, seed, starts=5, features=features)
        best = 0.0
        for _ in range(14):
            position = space.expressions.index(optimizer.ask())
            score = 1.0 - abs(position - 27) / 40
            best = max(best, score)
            optimizer.tell(result_of(position, score))
        hits += best >= 1.0 - 1 / 40  # one of three functions; chance: 0.74 of all searches
    assert hits == 6


@with_models
def test_random_starts_go_on_while_all_scores_are_equal(name: str) -> None:
    """Where all starts diverged, a process asks for what is far from everything, by rounding."""
    places = 2.0 ** np.arange(20)[:, None]
    names = [[f"x{'' if i == 0 else i}"] for i in range(20)]
    far = 0
    for seed in range(40):
        space = SearchSpace(range(20), names, places)
        optimizer = find_optimizer(name)(space, seed, starts=6)
        for _ in range(6):
            optimizer.tell(result_of(space.expressions.index(optimizer.ask()), 0.1))
        far += space.expressions.index(optimizer.ask()) >= 18
    assert far <= 12  # uniformly: 4 in the mean; more than 12 once in 11,000


@with_models
@pytest.mark.parametrize("features", ["fim", "union"])
def test_functions_without_a_valid_spectrum_come_last(name: str, features: str) -> None:
    invalid = (0, 3, 7, 11)
    space = line(12, invalid)
    optimizer = find_optimizer(name)(space, 1, starts=3, features=features)
    asked = []
    for _ in range(12):
        position = space.expressions.index(optimizer.ask())
        asked.append(position)
        optimizer.tell(result_of(position, position / 12))
    assert set(asked[-4:]) == set(invalid)
    assert len(set(asked)) == 12


def test_the_forest_beats_random_search_with_few_trees_regrown(
    data: BenchmarkData, space: SearchSpace
) -> None:
    def mean_best(name: str, **settings: int) -> float:
        bests = []
        for seed in range(8):
            bench = Benchmark(data)
            run_search(bench, find_optimizer(name)(space, seed, **settings), 50)
            bests.append(bench.reveal().validation_accuracy)
        return float(np.mean(np.array(bests, dtype=float)))

    assert mean_best("forest-ei", trees=10, regrown=2) > mean_best("random") + 0.02


def test_features_that_are_not_there_are_refused(space: SearchSpace) -> None:
    with pytest.raises(ValueError, match="expected features outputs, fim, union"):
        space.features("loss")
    bare = SearchSpace([0], [["relu(x)"]], [[0.0]])
    with pytest.raises(ValueError, match="this space has none"):
        bare.features("union")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "surrogates.optimizers.forest", raising=False)
    monkeypatch.setitem(sys.modules, "sklearn.tree", None)
    with pytest.raises(MissingExtraError, match=r"needs sklearn.*act-bench\[surrogates\]"):
        find_optimizer("forest-ei")


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("gp-ei", {"starts": 0}, "starts"),
        ("gp-thompson", {"subset": 0}, "subset"),
        ("forest-ei", {"regrown": 31}, "regrown"),
        ("forest-ei", {"trees": 1, "regrown": 1}, "two trees"),
    ],
)
def test_settings_out_of_range_are_refused(
    space: SearchSpace, name: str, settings: dict[str, int], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        find_optimizer(name)(space, 0, **settings)
