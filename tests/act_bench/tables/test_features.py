"""What a model learns from, against the table, the spectra and the distances."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import act_bench
from act_bench.errors import ArgumentError
from act_bench.spaces.distances import all_pairs
from act_bench.spaces.paper import load_space
from act_bench.tables import features
from act_bench.tables.distances import fim_distances, output_distances
from act_bench.tables.maps import load_map
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import UnknownNameError
from act_bench.tables.spectra import load_spectra


@pytest.mark.parametrize("name", features.NAMES)
@pytest.mark.parametrize("table", ["mlp", "cnn"])
def test_everything_is_finite_and_in_entry_order(table, name):
    found = act_bench.load_features(table, name, features.TARGETS)
    rows = act_bench.load_table(table)
    assert np.isfinite(found.X).all()
    assert np.isfinite(found.y).all()
    assert found.X.dtype == found.y.dtype == np.float64
    assert found.y.shape == (len(found.X), len(features.TARGETS))
    assert (np.diff(found.entries) > 0).all()
    there = rows[found.entries.tolist()]
    assert found.groups.tolist() == there["canonical_class"].to_list()
    assert found.ok.tolist() == (there["outcome"] == "ok").to_list()
    for values, target in zip(found.y.T, features.TARGETS, strict=True):
        assert values[found.ok].tolist() == there[target].to_numpy()[found.ok].tolist()
        if target == "runtime_s":
            assert values.tolist() == there[target].to_list()
        else:
            nothing = 0.1 if target.endswith("accuracy") else np.log(10)
            np.testing.assert_allclose(values[np.logical_not(found.ok)], nothing)


def test_rows_are_those_with_the_feature():
    valid = load_spectra("mlp").valid
    assert act_bench.load_features("mlp").entries.tolist() == list(range(2913))
    for name in ("fim", "union", "umap-fim", "umap-union"):
        assert (
            act_bench.load_features("mlp", name).entries.tolist() == np.flatnonzero(valid).tolist()
        )


def test_distances_of_the_rows_are_those_of_the_paper():
    outputs, fim, union = (act_bench.load_features("mlp", n).X for n in ("outputs", "fim", "union"))
    some = load_space().outputs[:40]
    np.testing.assert_allclose(all_pairs(outputs[:40]), output_distances(some), atol=1e-12)
    spectra = load_spectra("mlp")
    some = spectra.quantiles[spectra.valid][:40]
    sizes = np.array([layer.weights for layer in spectra.layers])
    expected = fim_distances(some, weights=1 / sizes)
    np.testing.assert_allclose(all_pairs(fim[:40], metric="manhattan"), expected)
    assert np.array_equal(union, np.hstack([outputs[spectra.valid], fim]))
    places = load_map("mlp", "union")
    assert np.array_equal(
        act_bench.load_features("mlp", "umap-union").X, places.places[places.known].astype(float)
    )


def test_polars_has_the_same_values_with_names():
    plain = act_bench.load_features("mlp", "union", "test_loss")
    frame = act_bench.load_features("mlp", "union", "test_loss", library="polars")
    assert frame.X.columns[79:82] == ["output_79", "fim_0_0", "fim_0_1"]
    assert len(set(frame.X.columns)) == frame.X.width == 80 + 3 * 128
    assert np.array_equal(frame.X.to_numpy(), plain.X)
    assert isinstance(frame.y, pl.Series)
    for name in ("y", "ok", "groups", "entries"):
        assert getattr(frame, name).to_list() == getattr(plain, name).tolist()
    several = act_bench.load_features("mlp", targets=["test_loss"], library="polars").y
    assert isinstance(several, pl.DataFrame)
    assert several.columns == ["test_loss"]


def test_targets_of_other_rates_and_fidelities():
    assert act_bench.load_features("cnn", fidelity="proxy").y.tolist() == (
        act_bench.load_features("cnn", rate="own").y.tolist()
    )
    for rate in (0.4, "tuned"):
        found = act_bench.load_features("mlp", rate=rate)
        rows = act_bench.load_table("mlp", rate=rate)
        assert found.y.tolist() == rows["validation_accuracy"].fill_null(0.1).to_list()


def test_entries_that_were_not_trained_have_no_row(data_folder, monkeypatch):
    found = act_bench.load_features("mlp")  # entry 1 was not trained, entry 3 diverged
    assert found.entries.tolist() == [0, 2, 3]
    assert found.ok.tolist() == [True, True, False]
    assert found.y[2] == TABLES["mlp"].chance


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"features": "umap"}, UnknownNameError, "no feature 'umap'; choose from outputs, fim"),
        ({"targets": "acuracy"}, UnknownNameError, "no target 'acuracy'"),
        ({"targets": ["test_loss", "outputs"]}, UnknownNameError, "no target 'outputs'"),
        ({"targets": []}, ArgumentError, "targets: expected a name of train_accuracy"),
        ({"library": "pandas"}, UnknownNameError, "no library 'pandas'; choose from numpy, polars"),
    ],
)
def test_what_there_is_not(arguments, error, message):
    with pytest.raises(error, match=message):
        act_bench.load_features("mlp", **arguments)


@pytest.mark.parametrize("rate", [None, 0.4, "tuned"])
def test_load_table_with_features(rate):
    plain = act_bench.load_table("mlp", rate=rate)
    spectra = ["fim_quantiles", "fim_valid", "fim_reason"]
    union = act_bench.load_table("mlp", rate=rate, features="union")
    assert [name for name in union.columns if name not in spectra] == plain.columns
    assert [name for name in union.columns if name not in plain.columns] == spectra
    fim = act_bench.load_table("mlp", rate=rate, features="fim")
    assert fim.columns == [name for name in union.columns if name != "outputs"]
    assert act_bench.load_table("mlp", rate=rate, features="outputs").equals(plain)
    assert np.isnan(union["fim_quantiles"].to_numpy()).all(1).tolist() == (
        (~union["fim_valid"]).to_list()
    )
    with pytest.raises(ArgumentError, match="leave out features, or columns"):
        act_bench.load_table("mlp", rate=rate, columns=["entry"], features="fim")
    with pytest.raises(UnknownNameError, match="no feature 'fisher'"):
        act_bench.load_table("mlp", rate=rate, features="fisher")  # type: ignore[arg-type]
