"""The builder of input distributions: resumable, and of the columns that the schema states."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow.parquet as pq

from act_bench.tables.inputs.distributions import INPUT_COLUMNS, inputs_name
from act_bench.tables.schema import arrow_schema
from builders import inputs
from builders.inputs import Chosen, build
from regenerate.recipes import find


def test_a_file_is_made_in_pieces(tmp_path: Path, monkeypatch) -> None:
    functions = {"add(zero(x),relu(x))": Chosen(7, "baseline"), "golu": Chosen(None, "named")}
    monkeypatch.setattr(inputs, "choose", lambda table: functions)
    recipe = dataclasses.replace(find("mlp", "full"), epochs=1)
    assert build(recipe, None, tmp_path / "parts", tmp_path, limit=1) is None
    (first,) = (tmp_path / "parts").glob("*.parquet")
    written = first.stat().st_mtime_ns
    records = build(recipe, None, tmp_path / "parts", tmp_path)
    assert records is not None
    assert first.stat().st_mtime_ns == written
    name = inputs_name("mlp")
    assert records[name].rows == 2 * 2 * 2
    found = pq.read_table(tmp_path / name)
    assert found.schema.remove_metadata().equals(arrow_schema(INPUT_COLUMNS))
    assert found.column("entry").to_pylist() == [7] * 4 + [None] * 4
