"""The list of spectra that are others than those of an earlier commit."""

from __future__ import annotations

import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from act_bench.files.manifest import DATA_FOLDER
from act_bench.spaces.paper import load_space
from act_bench.tables.spectra import load_spectra
from builders.embedded import BuildError
from builders.fisher import changed

FILE = "mlp-fisher.parquet"


def folder_with(tmp_path, **others):
    """A folder with the embedded spectra of the digits, of which some rows have another reason."""
    table = pq.read_table(DATA_FOLDER / FILE)
    reasons = table["fim_reason"].to_pylist()
    for row, reason in others.items():
        reasons[int(row.removeprefix("row"))] = reason
    place = table.schema.get_field_index("fim_reason")
    folder = tmp_path / "before"
    folder.mkdir()
    pq.write_table(table.set_column(place, "fim_reason", pa.array(reasons)), folder / FILE)
    return folder


def test_a_spectrum_that_became_valid_is_listed(tmp_path):
    before = folder_with(tmp_path, row20="gradients of layer 0: not finite")
    assert changed.changed("mlp", before) == [
        (20, load_space().representatives[20], "mlp", "gradients of layer 0: not finite", "valid")
    ]


def test_another_row_that_differs_is_refused(tmp_path):
    before = folder_with(tmp_path, row20="inputs of layer 0: not finite")
    with pytest.raises(BuildError, match=r"only where gradients .* rows \[20\] differ as well"):
        changed.changed("mlp", before)


def test_the_list_is_written_and_counted(tmp_path, monkeypatch):
    before = folder_with(tmp_path, row20="gradients of layer 0: not finite")
    monkeypatch.setattr(changed, "BUILT_IN", ("mlp",))
    monkeypatch.setattr(changed, "LIST", tmp_path / "list.csv")
    result = CliRunner().invoke(changed.main, [str(before), "--write"])
    assert result.output == (
        "mlp: 1 spectra changed, 1 of them became valid; 2912 have the same bits\n"
    )
    head, row = (tmp_path / "list.csv").read_text().splitlines()
    assert head == "entry,expression,table,before,after"
    assert row.startswith("20,")
    assert row.endswith(",mlp,gradients of layer 0: not finite,valid")


def test_the_recorded_list_is_of_the_embedded_spectra():
    with changed.LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    reasons = {table: load_spectra(table).reason for table in {row["table"] for row in rows}}
    differ = [
        row
        for row in rows
        if (reasons[row["table"]][int(row["entry"])] or changed.VALID) != row["after"]
    ]
    assert rows
    assert not differ
