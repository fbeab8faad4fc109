"""Searches and models on an imported table: what they know of functions is the authors' own."""

from __future__ import annotations

import json
import math
from functools import partial

import numpy as np
import pytest
from click.testing import CliRunner

import act_bench
from act_bench.cli import main
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.loading import load_data
from act_bench.spaces.paper import load_space
from act_bench.tables import upstream
from act_bench.tables.distances import cdf_distances
from builders.upstream.convert import import_file
from builders.upstream.stream import CDF_KEY
from surrogates.optimizers import find_optimizer
from surrogates.protocol import SearchSpace
from surrogates.regressors import DistanceProcessRegressor, NeighboursRegressor
from surrogates.simulation import simulate
from tests.builders.upstream_files import write_upstream

SPACE = load_space()
KEYS = 400  # of the 2,913: the others are missing


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory):
    """Import a generated file for all tests here; yield its valid vectors by entry."""
    folder = tmp_path_factory.mktemp("upstream")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACT_BENCH_CACHE", str(folder / "cache"))
        document = write_upstream(folder / "act-bench-cnn.json", seed=4, count=KEYS)
        import_file(folder / "act-bench-cnn.json", "cnn")
        yield {
            SPACE.entry_of[key]: np.array(values[CDF_KEY], np.float32)
            for key, values in document.items()
            if values.get(CDF_KEY) and np.isfinite(values[CDF_KEY]).all()
        }


@pytest.fixture(scope="module")
def data(imported) -> BenchmarkData:
    return load_data("cnn", edition="upstream")


def test_features_are_the_recorded_vectors(imported, data):
    space = SearchSpace.of(data)
    assert len(space) == KEYS
    features = space.features("fim")
    assert [entry in imported for entry in space.entries] == features.known.tolist()
    [part] = features.parts
    first, *others = np.flatnonzero(features.known)[::20]
    near = part.distances(first)
    for other in others:
        ours, theirs = (imported[space.entries[position]] for position in (first, other))
        brute = math.fsum(abs(float(a) - float(b)) for a, b in zip(ours, theirs, strict=True))
        assert near[other] == pytest.approx(brute, rel=1e-12)
        one, another = (space.expressions[position] for position in (first, other))
        found = act_bench.distance(one, another, "fim", table="cnn", edition="upstream")
        assert found == pytest.approx(brute, rel=1e-12)
    assert [part.metric for part in space.features("union").parts] == ["euclidean", "manhattan"]


def test_distances_that_there_are_not(imported, data):
    valid = SPACE.representatives[next(iter(imported))]
    without = SPACE.representatives[next(e for e in data.covered if e not in imported)]
    missing = SPACE.representatives[next(e for e in range(2913) if e not in data.covered)]
    distance = partial(act_bench.distance, feature="fim", table="cnn", edition="upstream")
    assert math.isnan(distance(valid, without))
    assert math.isnan(distance(missing, valid))
    assert distance(valid, valid) == 0
    with pytest.raises(ValueError, match="'uniform' needs the sizes"):
        distance(valid, valid, weighting="uniform")
    with pytest.raises(ValueError, match="mine"):
        act_bench.distance(valid, valid, "fim", table="cnn", edition="mine")


def test_some_vectors_can_be_loaded_alone(imported):
    some = sorted(imported)[3::50]
    cdfs = upstream.load_cdfs("cnn", [*some, 2912 if 2912 not in imported else 0])
    assert set(some) <= set(cdfs.entries.tolist())
    every = upstream.load_cdfs("cnn")
    assert every.entries.tolist() == sorted(imported)
    places = np.searchsorted(every.entries, cdfs.entries)
    np.testing.assert_array_equal(cdfs.values, every.values[places])
    pairs = cdf_distances(cdfs.values, every.values)
    assert pairs.shape == (len(cdfs.entries), len(every.entries))
    assert not pairs[np.arange(len(places)), places].any()


@pytest.mark.parametrize("features", ["fim", "union"])
def test_a_gaussian_process_searches_by_them(imported, data, features):
    chosen = {"gp": partial(find_optimizer("gp-ei"), features=features, starts=5)}
    simulation = simulate(data, chosen, trials=1, evaluations=12)
    asked = simulation.steps["entry"].to_list()
    assert len(asked) == len(set(asked)) == 12
    assert set(asked) <= set(imported), "functions without a valid vector come last"


def test_regressors_learn_from_them(data):
    space = SearchSpace.of(data)
    features = space.features("fim")
    vectors = features.vectors()[features.known]
    # A score that the spectrum determines: how much of the mass lies low.
    scores = vectors.mean(axis=1)
    train, test = np.arange(0, len(vectors), 2), np.arange(1, len(vectors), 2)
    for model in (NeighboursRegressor(metric="manhattan"), DistanceProcessRegressor(split=0)):
        predicted = model.fit(vectors[train], scores[train]).predict(vectors[test])
        assert np.corrcoef(predicted, scores[test])[0, 1] > 0.9


def test_the_command_simulates_on_it(imported, tmp_path):
    arguments = "simulate cnn --edition upstream --trials 2 --evaluations 8 --json --output"
    chosen = "random,knn:features=fim,gp-ei:features=fim:starts=3"
    done = CliRunner().invoke(main, [*arguments.split(), str(tmp_path), "--optimizers", chosen])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["edition"], told["fidelity"]) == ("upstream", "full")
    assert (tmp_path / "steps.parquet").exists()


def test_the_command_evaluates_surrogates_on_it(imported, tmp_path):
    arguments = "evaluate-surrogates cnn --edition upstream --splits 2 --regressors knn,gp"
    more = ["--features", "outputs,fim", "--sizes", "30", "--json", "--output", str(tmp_path)]
    done = CliRunner().invoke(main, [*arguments.split(), *more])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["edition"] == "upstream"
    assert (tmp_path / "summary.parquet").exists()
