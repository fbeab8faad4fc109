"""The stored map; UMAP itself is not run here, it takes a minute to compile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from act_bench.files.manifest import EMBEDDING_FILE, verified
from act_bench.spaces.paper import load_space
from act_bench.tables.distances import fim_distances, layer_weights
from act_bench.tables.maps import MAP_COLUMNS, load_map, map_name, spectra_sha
from act_bench.tables.schema import names
from act_bench.tables.spectra import Spectra, load_spectra
from builders import embedding
from builders.embedded import read_about
from surrogates.features import Part


def test_the_stored_map_says_how_it_was_made() -> None:
    about = read_about(verified(EMBEDDING_FILE))
    assert about["method"]["name"] == "UMAP"
    assert about["method"]["seed"] == 0


def test_equal_functions_lie_together() -> None:
    """Entries of one canonical class differ by rounding only, so the map should not part them."""
    table = pq.read_table(verified(EMBEDDING_FILE))
    places = np.column_stack([table["x"], table["y"]])
    space = load_space()
    classes = np.array(space.canonical_class)
    outputs = space.outputs
    spread = np.linalg.norm(places.std(axis=0))
    apart = [
        np.linalg.norm(places[members] - places[members].mean(axis=0), axis=1).max()
        for members in (np.flatnonzero(classes == number) for number in np.unique(classes))
        if len(members) > 1 and np.isfinite(outputs[members]).all()
    ]
    assert len(apart) > 50
    assert np.quantile(apart, 0.9) < 0.1 * spread


def test_neighbours_on_the_maps_by_spectra_have_like_spectra() -> None:
    """The three nearest on the map lie closer by Eq. 2 than nine in ten functions do."""
    spectra, rng = load_spectra("mlp"), np.random.default_rng(0)
    weights = layer_weights([layer.weights for layer in spectra.layers])
    valid = np.flatnonzero(spectra.valid)
    some = rng.choice(valid, 60, replace=False)
    apart = fim_distances(spectra.quantiles[some], spectra.quantiles[valid], weights)
    for feature, share in (("fim", 0.02), ("union", 0.2)):
        places = load_map("mlp", feature).places
        near = np.linalg.norm(places[some][:, None] - places[valid], axis=2).argsort(axis=1)[:, 1:4]
        close = np.take_along_axis(apart, near, axis=1)
        ranks = (apart[:, :, None] < close[:, None, :]).mean(axis=1)
        assert np.median(ranks) < share


def test_the_maps_by_spectra_say_what_they_were_made_from() -> None:
    about = read_about(verified(map_name("mlp")))
    assert about["spectra_sha"] == spectra_sha(load_spectra("mlp"))
    assert about["method"]["fim"] == {"metric": "manhattan", "neighbours": 3}
    assert {"umap-learn", "numba"} < set(about["method"])


def test_tables_are_embedded_with_nulls_where_there_is_no_spectrum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []

    def places(parts: Sequence[Part]) -> NDArray[np.float64]:
        shapes.append([(part.metric, part.vectors.shape) for part in parts])
        return np.arange(2.0 * len(parts[0].vectors)).reshape(-1, 2)

    monkeypatch.setattr(embedding, "umap_places", places)
    embedding.build_table("mlp", tmp_path)
    valid = load_spectra("mlp").valid
    known = int(valid.sum())
    fim, outputs = ("manhattan", (known, 384)), ("euclidean", (known, 80))
    assert shapes == [[fim], [outputs, fim]]
    table = pq.read_table(tmp_path / map_name("mlp"))
    assert table.schema.names == names(MAP_COLUMNS)
    assert table["union_x"].null_count == 2913 - known
    found = table["fim_x"].to_pylist()
    assert [found[entry] for entry in np.flatnonzero(valid)[:3]] == [0.0, 2.0, 4.0]
    assert found[int(np.flatnonzero(~valid)[0])] is None


def test_a_map_that_is_made_again_is_compared_number_by_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    valid = load_spectra("mlp").valid
    moved = np.float32(0)

    def again(outputs: NDArray[np.float32], spectra: Spectra) -> dict[str, NDArray[np.float32]]:
        places = {name: load_map("mlp", name).places for name in ("fim", "union")}
        return {name: np.where(valid[:, None], at + moved, np.nan) for name, at in places.items()}

    monkeypatch.setattr(embedding, "embed_spectra", again)
    done = CliRunner().invoke(embedding.main, ["--check", "--table", "mlp"])
    assert (done.exit_code, "the same numbers" in done.output) == (0, True)
    moved = np.float32(1e-5)
    done = CliRunner().invoke(embedding.main, ["--check", "--table", "mlp"])
    assert (done.exit_code, "the same within 1e-05" in done.output) == (0, True)
    moved = np.float32(1e-3)
    done = CliRunner().invoke(embedding.main, ["--check", "--table", "mlp"])
    assert done.exit_code == 1
    assert "other numbers" in done.stderr
