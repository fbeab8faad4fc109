"""AQuaSurF and the filter alone: what they ask for, in which order, and what it costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from act_bench.files.manifest import DataError
from act_bench.functions.operators import BASELINES
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Charge, Query
from act_bench.tables.registry import TABLES
from act_bench.tables.spectra import load_spectra
from act_bench.testing import check_optimizer
from surrogates.optimizers import find_optimizer
from surrogates.protocol import SearchSpace, settings_of
from surrogates.simulation import begin, run_search

MakeData = Callable[..., BenchmarkData]


@pytest.fixture(scope="module")
def data(make_data: MakeData) -> BenchmarkData:
    return make_data(table="mlp")


@pytest.fixture(scope="module")
def space(data: BenchmarkData) -> SearchSpace:
    return SearchSpace.of(data)


@pytest.mark.parametrize(
    "name",
    [
        "aquasurf",
        "aquasurf:features=umap-outputs",
        "aquasurf:features=umap-fim:only_valid=false",
        "fisher-filter",
        "fisher-filter:baselines=false",
        "knn:features=union",
    ],
)
def test_they_keep_the_rules(name: str) -> None:
    check_optimizer(find_optimizer(name), evaluations=20)


def test_aquasurf_asks_for_the_arg_max_of_scikit_learns_prediction_on_the_map(
    data: BenchmarkData, space: SearchSpace
) -> None:
    optimizer, bench = find_optimizer("aquasurf")(space, 3), Benchmark(data)
    features = space.features("umap-union")
    places, valid = features.vectors(), features.known
    known: list[int] = []
    scores: list[float] = []
    for n in range(40):
        result = bench.query(optimizer.ask())
        position = space.position[result.entry]
        if n < len(BASELINES):
            assert result.entry == data.space.resolve(BASELINES[n]).entry
        else:
            model = KNeighborsRegressor(3, algorithm="brute").fit(places[known], scores)
            left = np.setdiff1d(np.flatnonzero(valid), known)
            predicted = model.predict(places[left])
            assert valid[position]
            assert predicted[np.searchsorted(left, position)] > predicted.max() - 1e-9
        optimizer.tell(result)
        assert result.score is not None
        if valid[position]:
            known.append(position)
            scores.append(result.score)


def test_what_has_no_valid_spectrum_comes_last(make_data: MakeData) -> None:
    """Over a part of the space, searched to the end."""
    valid = load_spectra("mlp").valid
    kept = [*np.flatnonzero(valid)[:30].tolist(), *np.flatnonzero(~valid)[:10].tolist()]
    part = make_data(table="mlp", missing=tuple(np.setdiff1d(np.arange(2913), kept).tolist()))
    names = "aquasurf", "aquasurf:features=umap-outputs", "fisher-filter:baselines=false"
    orders = {}
    for name in names:
        bench = Benchmark(part)
        run_search(bench, find_optimizer(name)(SearchSpace.of(part), 0), 40)
        asked = [event.result.entry for event in bench.events if isinstance(event, Query)]
        assert set(asked) == set(kept)
        orders[name] = valid[asked].tolist()
        assert orders[name] == [True] * 30 + [False] * 10
    unfiltered = find_optimizer("aquasurf:features=umap-outputs:only_valid=false")
    bench = Benchmark(part)
    run_search(bench, unfiltered(SearchSpace.of(part), 0), 40)
    asked = [event.result.entry for event in bench.events if isinstance(event, Query)]
    assert valid[asked].tolist() != orders["aquasurf"]


def test_the_filter_alone_is_random_search_after_the_baselines(space: SearchSpace) -> None:
    first = [space.find(text) for text in BASELINES]
    orders = []
    for seed in (0, 1):
        optimizer = find_optimizer("fisher-filter")(space, seed)
        asked = [space.find(str(optimizer.ask())) for _ in range(60)]
        assert asked[:8] == first
        assert len(set(asked)) == 60
        orders.append(asked[8:])
    assert orders[0] != orders[1]


def test_spectra_are_charged_before_anything_is_trained(
    data: BenchmarkData, space: SearchSpace
) -> None:
    spent = TABLES["mlp"].spectrum_s * len(space)
    for name, due in (("aquasurf", spent), ("fisher-filter", spent), ("knn", 0.0)):
        bench = Benchmark(data)
        begin(bench, space, find_optimizer(name), 0)
        assert bench.clock_s == pytest.approx(due)
        assert [type(event) for event in bench.events] == ([Charge] if due else [])


def test_with_workers_the_spectra_are_computed_by_all_of_them(
    data: BenchmarkData, space: SearchSpace
) -> None:
    bench = Benchmark(data)
    optimizer = begin(bench, space, find_optimizer("aquasurf"), 0)
    steps = run_search(bench, optimizer, 8, workers=4)
    spent = TABLES["mlp"].spectrum_s * len(space)
    assert spent / 4 < steps[0].elapsed_s < spent / 4 + 3
    assert steps[-1].clock_s == pytest.approx(spent + sum(data.cost_s[s.entry] for s in steps))


def test_a_table_without_spectra_says_what_there_is(make_data: MakeData, bare_table: str) -> None:
    space = SearchSpace.of(make_data(table=bare_table))
    for name in ("aquasurf", "fisher-filter", "knn:features=fim"):
        with pytest.raises(DataError, match="no Fisher spectra of the table vit"):
            find_optimizer(name)(space, 0)
    find_optimizer("knn:features=umap-outputs")(space, 0)


def test_settings_follow_the_name() -> None:
    found = settings_of(find_optimizer("aquasurf:neighbours=5:only_valid=false"))
    assert found == {"neighbours": 5, "features": "umap-union", "only_valid": False}
    for name, says in (
        ("aquasurf:only_valid=no", "true or false"),
        ("knn:neighbours=2.5", "a whole number"),
        ("random:seed=1", "there are none"),
        ("knn:neighbours", "setting=value"),
    ):
        with pytest.raises(ValueError, match=says):
            find_optimizer(name)
