"""The stored maps: who is on them, what they were made from, and clear errors."""

from __future__ import annotations

import numpy as np
import pytest

from act_bench.files.manifest import DataError
from act_bench.tables import maps
from act_bench.tables.maps import load_map, spectra_sha
from act_bench.tables.schema import UnknownNameError
from act_bench.tables.spectra import load_spectra


def test_only_functions_with_a_valid_spectrum_are_on_the_maps_by_spectra() -> None:
    valid = load_spectra("mlp").valid
    for feature in ("fim", "union"):
        places, known = load_map("mlp", feature)
        np.testing.assert_array_equal(known, valid)
        assert places.shape == (2913, 2)
        assert np.isfinite(places[known]).all()
        np.testing.assert_allclose(places[known].mean(axis=0), 0, atol=1e-3)
    assert load_map("mlp", "outputs").known.all()


def test_the_map_by_outputs_is_the_same_for_all_tables() -> None:
    np.testing.assert_array_equal(
        load_map("mlp", "outputs").places, load_map("vit", "outputs").places
    )


def test_a_table_without_spectra_and_unknown_names_are_refused(bare_table: str) -> None:
    with pytest.raises(DataError, match=r"table vit; it has those of .*mlp.* makes one"):
        load_map(bare_table, "union")
    with pytest.raises(UnknownNameError, match="'both'; choose from outputs, fim, union"):
        load_map("mlp", "both")
    with pytest.raises(UnknownNameError, match="mpl"):
        load_map("mpl")


def test_a_map_of_other_spectra_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    spectra = load_spectra("mlp")
    other = spectra._replace(quantiles=spectra.quantiles + np.float32(1))
    assert spectra_sha(other) != spectra_sha(spectra)
    monkeypatch.setattr(maps, "load_spectra", lambda table: other)
    with pytest.raises(DataError, match=r"other Fisher spectra.*--table mlp"):
        load_map.__wrapped__("mlp", "fim")


def test_a_map_with_other_weights_of_layers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "DEFAULT_WEIGHTING", "uniform")
    with pytest.raises(DataError, match=r"other weights of layers than uniform.*--table mlp"):
        load_map.__wrapped__("mlp", "union")
