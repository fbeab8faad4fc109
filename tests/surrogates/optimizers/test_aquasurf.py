"""AQuaSurF and the filter alone: what they ask for, in which order, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.neighbors import KNeighborsRegressor

from act_bench.files.manifest import DataError
from act_bench.functions.operators import BASELINES
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Charge, Query
from act_bench.search.verify import verify
from act_bench.spaces.paper import load_space
from act_bench.tables.distances import fim_distances, layer_weights
from act_bench.tables.registry import TABLES
from act_bench.tables.spectra import load_spectra
from act_bench.testing import check_optimizer
from surrogates.choices import Choices, drawn_points
from surrogates.optimizers import find_optimizer
from surrogates.protocol import SearchSpace, settings_of
from surrogates.searches.single import begin, rerun, run_search
from surrogates.simulation import simulate

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
        "aquasurf:spectra=pool:pool=7",
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


def test_stored_spectra_cost_nothing_and_change_no_search(
    data: BenchmarkData, space: SearchSpace
) -> None:
    found = simulate(
        data,
        {f"aquasurf:spectra={way}": find_optimizer(f"aquasurf:spectra={way}")
         for way in ("first", "stored")},
        trials=2,
        evaluations=20,
    )  # fmt: skip
    first, stored = (found.steps.filter(pl.col("optimizer").str.contains(way))
                     for way in ("first", "stored"))  # fmt: skip
    assert first["entry"].to_list() == stored["entry"].to_list()
    difference = (first["clock_s"] - stored["clock_s"]).to_numpy()
    np.testing.assert_allclose(difference, TABLES["mlp"].spectrum_s * len(space), rtol=1e-9)


def test_a_pool_charges_each_spectrum_as_it_enters_and_offers_only_what_entered(
    data: BenchmarkData, space: SearchSpace
) -> None:
    each, pool = TABLES["mlp"].spectrum_s, 10
    bench = Benchmark(data)
    optimizer = begin(bench, space, find_optimizer(f"aquasurf:spectra=pool:pool={pool}"), 5)
    assert not bench.events
    run_search(bench, optimizer, 30, meter=space.meter)
    valid = space.features("fim").known
    charges = [event for event in bench.events if isinstance(event, Charge)]
    asked = [event for event in bench.events if isinstance(event, Query)]
    # A baseline is charged as it is asked for; then the pool is filled, and refilled one by one.
    entered = [round(charge.cost_s / each) for charge in charges]
    assert entered[: len(BASELINES)] == [1] * len(BASELINES)
    assert entered[len(BASELINES)] >= pool
    assert len(entered) == len(asked)
    assert 30 <= sum(entered[len(BASELINES) :]) < 60
    spent = sum(data.cost_s[event.result.entry] for event in asked)
    assert bench.clock_s == pytest.approx(spent + each * sum(entered))
    assert all(valid[space.position[event.result.entry]] for event in asked)
    free = find_optimizer("aquasurf")(space, 5)
    assert [free.ask() for _ in range(9)][:8] == [event.expression for event in asked[:8]]


def test_a_pool_that_is_searched_to_its_end_asks_for_everything(make_data: MakeData) -> None:
    valid = load_spectra("mlp").valid
    kept = [*np.flatnonzero(valid)[:30].tolist(), *np.flatnonzero(~valid)[:10].tolist()]
    part = make_data(table="mlp", missing=tuple(np.setdiff1d(np.arange(2913), kept).tolist()))
    bench, space = Benchmark(part), SearchSpace.of(part)
    optimizer = begin(bench, space, find_optimizer("aquasurf:spectra=pool:pool=7"), 0)
    run_search(bench, optimizer, 40, meter=space.meter)
    asked = [event.result.entry for event in bench.events if isinstance(event, Query)]
    assert valid[asked].tolist() == [True] * 30 + [False] * 10
    charged = sum(event.cost_s for event in bench.events if isinstance(event, Charge))
    assert charged == pytest.approx(40 * TABLES["mlp"].spectrum_s)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_trace_with_a_pool_is_replayed_with_its_charges(
    data: BenchmarkData, tmp_path: Path, workers: int
) -> None:
    name = "aquasurf:spectra=pool:pool=5:weighting=uniform:features=fim"
    simulate(
        data, {name: find_optimizer(name)}, trials=1, evaluations=15, workers=workers,
        traces=tmp_path,
    )  # fmt: skip
    (path,) = tmp_path.iterdir()
    assert '"charge"' in path.read_text()
    checks = verify(path, data=data, rerun=rerun)
    assert [(check.name, check.passed) for check in checks if not check.passed] == []
    changed = tmp_path / "changed.jsonl"
    text = path.read_text()
    changed.write_text(text.replace('"pool": 5', '"pool": 6').replace('"pool":5', '"pool":6'))
    assert changed.read_text() != text
    assert not all(check.passed for check in verify(changed, data=data, rerun=rerun))


def test_published_choices_are_settings(space: SearchSpace) -> None:
    spectra = load_spectra("mlp")
    sizes = [layer.weights for layer in spectra.layers]
    valid = np.flatnonzero(spectra.valid)[:40]
    for weighting in ("uniform", "reference_code", "inverse_size"):
        features = space.features("fim", Choices(weighting=weighting))
        weights = layer_weights(sizes, weighting)
        expected = fim_distances(spectra.quantiles[valid[:1]], spectra.quantiles[valid], weights)
        np.testing.assert_allclose(features.distances(int(valid[0]))[valid], expected[0])
    outputs = space.features("outputs", Choices(points=1000, clip=0)).vectors()
    assert outputs.shape == (len(space), 1000)
    points = drawn_points(1000)
    cube = space.find("mul(x,square(x))") or space.find("mul(identity(x),square(x))")
    assert cube is not None
    np.testing.assert_allclose(outputs[cube] * np.sqrt(1000), points**3, rtol=1e-6)
    assert np.abs(space.features("outputs", Choices(points=9)).vectors()).max() <= 10 / 3 + 1e-6
    unclipped = space.features("outputs", Choices(clip=0)).vectors()[cube] * np.sqrt(80)
    np.testing.assert_allclose(unclipped, load_space().points ** 3, rtol=1e-5)
    assert np.abs(unclipped).max() > 10
    assert space.features("umap-union", Choices(map=0)) is space.features("umap-union")
    for name, says in (
        ("aquasurf:weighting=bin", "no weighting 'bin'"),
        ("aquasurf:labels=none", "no labels 'none'"),
        ("aquasurf:spectra=later", "no spectra 'later'"),
        ("aquasurf:points=0", "points must be at least 1"),
        ("aquasurf:clip=-1", "clip must be"),
        ("aquasurf:map=-1", "map must be"),
        ("aquasurf:pool=0", "pool must be at least 1"),
    ):
        with pytest.raises(ValueError, match=says):
            find_optimizer(name)(space, 0)


def test_spectra_with_true_labels_are_those_of_the_users_cache(
    space: SearchSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"builders\.fisher mlp --labels true"):
        find_optimizer("aquasurf:features=fim:labels=true")(space, 0)


def test_a_space_without_the_choice_says_so() -> None:
    plain = SearchSpace([0, 1], [["relu(x)"], ["elu(x)"]], np.eye(2),
                        spectra=(np.eye(2), np.ones(2, dtype=bool)))  # fmt: skip
    for choices, says in (
        (Choices(weighting="uniform"), "Fisher spectra in one way only"),
        (Choices(clip=0), "expected clip=10"),
    ):
        with pytest.raises(ValueError, match=says):
            plain.features("union", choices)


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
    found = settings_of(find_optimizer("aquasurf:neighbours=5:only_valid=false:clip=0"))
    assert found == {
        "neighbours": 5,
        "features": "umap-union",
        "only_valid": False,
        "weighting": "inverse_size",
        "points": 80,
        "clip": 0.0,
        "labels": "predicted",
        "map": 0,
        "spectra": "first",
        "pool": 50,
    }
    for name, says in (
        ("aquasurf:only_valid=no", "true or false"),
        ("knn:neighbours=2.5", "a whole number"),
        ("random:seed=1", "there are none"),
        ("knn:neighbours", "setting=value"),
    ):
        with pytest.raises(ValueError, match=says):
            find_optimizer(name)
