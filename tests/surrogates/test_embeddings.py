"""Views of the features: against scikit-learn, from the cache, and in a search space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from act_bench.files.manifest import read_manifest
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.tables.maps import load_map
from act_bench.tables.registry import TABLES
from act_bench.tables.spectra import fisher_name, load_spectra
from surrogates import embeddings
from surrogates.choices import Choices
from surrogates.embeddings import UmapSettings, cached_places
from surrogates.features import FEATURES, Features, Part, output_part
from surrogates.metering import Meter
from surrogates.protocol import SearchSpace

MakeData = Callable[..., BenchmarkData]
RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((40, 5)) * [1, 2, 3, 4, 5] + 7
VECTORS[:, 4] = 2.5  # a column that does not vary
KNOWN = np.arange(40) % 5 > 0
PLAIN = Features((Part(VECTORS, "euclidean"),), KNOWN)


@pytest.fixture(scope="module")
def space(make_data: MakeData) -> SearchSpace:
    return SearchSpace.of(make_data(table="mlp", missing=tuple(range(0, 2913, 3))))


def test_standardized_is_that_of_scikit_learn_over_the_known() -> None:
    found = embeddings.standardized(PLAIN).vectors()
    expected = StandardScaler().fit(VECTORS[KNOWN]).transform(VECTORS) / 2  # four columns vary
    np.testing.assert_allclose(found[KNOWN], expected[KNOWN], atol=1e-12)
    assert (found[~KNOWN] == 0).all()


def test_each_part_of_a_union_weighs_as_much() -> None:
    wide = Part(RNG.standard_normal((40, 50)), "manhattan")
    found = embeddings.standardized(Features((*PLAIN.parts, wide), KNOWN)).vectors()[KNOWN]
    assert found[:, :5].var(axis=0).sum() == pytest.approx(1)
    assert found[:, 5:].var(axis=0).sum() == pytest.approx(1)


def test_components_are_those_of_scikit_learn() -> None:
    found = embeddings.principal_components(PLAIN, count=3).vectors()[KNOWN]
    plain = embeddings.standardized(PLAIN).vectors()[KNOWN]
    expected = PCA(3).fit_transform(plain)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, expected * signs, atol=1e-10)
    loadings = np.linalg.lstsq(plain, found, rcond=None)[0]
    assert (loadings[np.abs(loadings).argmax(axis=0), range(3)] > 0).all()


def test_places_are_computed_once_for_each_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def places(parts: Sequence[Part], settings: UmapSettings) -> NDArray[np.float64]:
        calls.append(settings)
        return np.full((len(parts[0].vectors), 2), float(len(calls)))

    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(embeddings, "umap_places", places)
    part, moved = Part(VECTORS, "euclidean"), Part(VECTORS + 1e-9, "euclidean")
    first = cached_places([part])
    np.testing.assert_array_equal(cached_places([part]), first)
    assert len(calls) == 1
    # Other data, metric, parts, settings and versions each have a key of their own.
    cached_places([moved])
    cached_places([Part(VECTORS, "manhattan")])
    cached_places([part, part])
    cached_places([part], UmapSettings(seed=1))
    monkeypatch.setattr(embeddings, "version", lambda name: "0.0")
    cached_places([part])
    assert len(calls) == 6
    assert len(list((tmp_path / "umap").iterdir())) == 6


def test_each_draw_of_a_map_is_laid_out_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path))
    drawn = []

    def laid_out(maps: embeddings.Maps, draw: int) -> NDArray[np.float64]:
        drawn.append(draw)
        return np.full((40, 2), float(draw))

    monkeypatch.setattr(embeddings.Maps, "_laid_out", laid_out)
    part = Part(VECTORS, "euclidean")
    for draw in (1, 2, 1):
        assert embeddings.Maps([part]).places(draw).max() == draw
    embeddings.Maps([Part(VECTORS, "manhattan")]).places(1)
    assert drawn == [1, 2, 1]


def test_a_space_has_another_map_for_each_draw(
    space: SearchSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Maps:
        def __init__(self, parts: Sequence[Part]) -> None:
            self.functions = len(parts[0].vectors)
            asked.append([part.vectors.shape[1] for part in parts])

        def places(self, draw: int) -> NDArray[np.float64]:
            return np.full((self.functions, 2), float(draw))

    monkeypatch.setattr(embeddings, "Maps", Maps)
    for draw in (1, 2):
        found = space.features("umap-union", Choices(points=7, weighting="uniform", map=draw))
        np.testing.assert_array_equal(found.vectors()[found.known], draw)
        assert (found.vectors()[~found.known] == 0).all()
    assert asked == [[7, 3 * 128]]  # one graph for all draws


def test_a_space_of_an_embedded_table_takes_the_stored_maps(space: SearchSpace) -> None:
    entries = list(space.entries)
    for kind in ("outputs", "fim", "union"):
        found, stored = space.features(f"umap-{kind}"), load_map("mlp", kind)
        np.testing.assert_array_equal(found.known, stored.known[entries])
        known = found.known
        expected = stored.places[entries][known]
        np.testing.assert_allclose(found.vectors()[known], expected, rtol=1e-6)


def test_other_spaces_are_laid_out_when_that_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def places(parts: Sequence[Part]) -> NDArray[np.float64]:
        seen.append([(part.metric, len(part.vectors)) for part in parts])
        return np.ones((len(parts[0].vectors), 2))

    monkeypatch.setattr(embeddings, "cached_places", places)
    valid = np.array([True, True, False])
    space = SearchSpace(
        [0, 1, 2],
        [["relu(x)"], ["elu(x)"], ["exp(x)"]],
        np.eye(3),
        spectra=(np.ones((3, 4)), valid),
    )
    assert space.features("umap-union").vectors().tolist() == [[1, 1], [1, 1], [0, 0]]
    assert seen == [[("euclidean", 2), ("manhattan", 2)]]


def test_all_features_know_the_functions_with_a_valid_spectrum(space: SearchSpace) -> None:
    valid = load_spectra("mlp").valid[list(space.entries)]
    for name in FEATURES:
        found = space.features(name)
        expected = np.ones_like(valid) if name.endswith("outputs") else valid
        np.testing.assert_array_equal(found.known, expected)
        assert np.isfinite(found.vectors()).all()
        assert len(found.vectors()) == len(space)


def test_the_distance_of_a_union_is_the_sum_of_both_in_their_medians() -> None:
    outputs, spectra = output_part(VECTORS), Part(VECTORS[::-1] * 100, "manhattan")
    both = Features((outputs, spectra), KNOWN)
    some = np.flatnonzero(KNOWN)
    medians = []
    for part in both.parts:
        apart = np.array([part.distances(int(p))[some] for p in some])
        medians.append(np.median(apart[apart > 0]))
    expected = outputs.distances(3) / medians[0] + spectra.distances(3) / medians[1]
    np.testing.assert_allclose(both.distances(3), expected, rtol=1e-9)
    np.testing.assert_array_equal(PLAIN.distances(3), PLAIN.parts[0].distances(3))


def test_spectra_that_are_asked_for_are_noted_with_their_cost(space: SearchSpace) -> None:
    _, nothing = space.meter.metered(lambda: space.features("umap-outputs"))
    assert not nothing
    _, charges = space.meter.metered(
        lambda: [space.features(name) for name in ("umap-union", "fim")]  # paid once
    )
    (seconds,) = charges.values()
    assert seconds == pytest.approx(TABLES["mlp"].spectrum_s * len(space))
    embedded = {name for name in TABLES if fisher_name(name) in read_manifest()}
    priced = {name for name in TABLES if TABLES[name].spectrum_s}
    assert embedded <= priced, "a table has spectra whose cost is not known"


def test_spectra_whose_cost_is_not_known_are_refused() -> None:
    space = SearchSpace(
        [0], [["relu(x)"]], [[1.0]], spectra=(np.ones((1, 4)), np.ones(1, bool)),
        meter=Meter(spectrum_s=None),
    )  # fmt: skip
    space.features("outputs")
    with pytest.raises(ValueError, match="feature_cost"):
        space.features("fim")
