"""The spectra that depend on the slopes of training are made again, and compared."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from act_bench.files.manifest import DATA_FOLDER, read_manifest
from act_bench.spaces.paper import load_space
from act_bench.tables.spectra import read_spectra
from builders.embedded import BuildError
from builders.fisher import changes
from builders.fisher.build import build_parts
from builders.fisher.changes import entries_without_gradient, write_changes
from builders.fisher.merge import changed_rows, merge
from regenerate.fisher.networks import setting

LOST = [2770, 2774, 2776]
"""Minima with the reciprocal, whose spectra exist with the slopes of training alone."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with spectra of the digits as of automatic differentiation, and nothing else."""
    folder = tmp_path / "data"
    folder.mkdir()
    table = pq.read_table(DATA_FOLDER / "mlp-fisher.parquet")
    columns = {name: table[name].to_pylist() for name in table.column_names}
    for entry in LOST:
        columns["fim_quantiles"][entry] = [np.nan] * len(columns["fim_quantiles"][0])
        columns["fim_valid"][entry] = False
        columns["fim_reason"][entry] = "gradients of layer 0: not finite"
    file = folder / "mlp-fisher.parquet"
    pq.write_table(pa.table(columns, schema=table.schema), file)
    monkeypatch.setattr(changes, "load_spectra", lambda table: read_spectra(file))
    return folder


def test_made_again_spectra_of_the_digits_exist(tmp_path, folder):
    chosen = [LOST[0], LOST[2]]
    lost = entries_without_gradient("mlp")
    assert {*LOST} < {*lost}
    expressions = load_space().representatives
    digits = setting("mlp")
    assert [*build_parts(digits, expressions, tmp_path, entries=[2712, *chosen])] == [
        (0, 3),
        (3, 3),
    ]
    assert [*build_parts(digits, expressions, tmp_path, entries=[2712, *chosen])] == [(3, 3)]
    rows = write_changes("mlp", expressions, tmp_path).read_text().splitlines()
    assert rows[0] == "entry,expression,before,after"
    assert [int(row.partition(",")[0]) for row in rows[1:]] == chosen
    assert all(row.endswith("not finite,") for row in rows[1:])


def test_they_take_the_place_of_the_embedded_ones_and_no_other_row_changes(tmp_path, folder):
    digits, file = setting("mlp"), folder / "mlp-fisher.parquet"
    entries, before = entries_without_gradient("mlp"), read_spectra(file)
    parts, table = tmp_path / "parts", pq.read_table(file)
    assert len(list(build_parts(digits, load_space().representatives, parts, entries=entries))) == 2
    rows = write_changes("mlp", load_space().representatives, parts).read_text().splitlines()
    listed = {int(row.partition(",")[0]) for row in rows[1:]}
    record = merge(digits.convention, parts, folder)["mlp-fisher.parquet"]
    assert read_manifest(folder) == {"mlp-fisher.parquet": record}
    after = read_spectra(file)
    became = {entry for entry in entries if after.valid[entry]}
    assert listed == became == {*LOST} == changed_rows(table, pq.read_table(file))
    assert after.layers == before.layers
    assert np.isfinite(after.quantiles[sorted(became)]).all()
    others = [entry for entry in range(2913) if entry not in became]
    np.testing.assert_array_equal(after.quantiles[others], before.quantiles[others])
    assert [after.reason[entry] for entry in others] == [before.reason[entry] for entry in others]
    first, second = (pq.read_schema(path).metadata for path in (file, DATA_FOLDER / file.name))
    assert json.loads(first[b"act_bench"]) == json.loads(second[b"act_bench"])


def test_other_entries_or_another_convention_are_not_merged(tmp_path, folder):
    digits, file = setting("mlp"), folder / "mlp-fisher.parquet"
    before = file.read_bytes()
    parts, expressions = tmp_path / "parts", load_space().representatives
    list(build_parts(digits, expressions, parts, entries=[2770, 2776]))
    with pytest.raises(BuildError, match=r"20 in all, got 2; run python -m builders.fisher mlp"):
        merge(digits.convention, parts, folder)
    other = dataclasses.replace(digits.convention, seed=1)
    with pytest.raises(BuildError, match="expected spectra of the convention"):
        merge(other, parts, folder)
    assert file.read_bytes() == before
    assert [path.name for path in folder.iterdir()] == [file.name]
