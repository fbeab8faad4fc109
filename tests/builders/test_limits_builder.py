"""The files of entries trained with their limit at 0, from runs that are made up."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from act_bench.files.manifest import DataError
from act_bench.spaces.limits import load_limits
from act_bench.spaces.paper import load_space
from act_bench.tables import files
from act_bench.tables.files import limits_file
from act_bench.tables.schema import ENTRY_COLUMNS, METRICS, RUN_COLUMNS, names
from builders import limits
from builders.embedded import BuildError
from regenerate.data import ImageData, Split
from regenerate.recipes import find

IMAGES = Split(np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.int64))
DATA = ImageData("digits", 10, 16, IMAGES, IMAGES, IMAGES)
OWN = find("mlp", "full")
FILLED = dataclasses.replace(OWN, undefined="limit")


def run(entry: int, seed: int, accuracy: float | None, sha: str = FILLED.sha) -> dict[str, object]:
    return {
        "expression": load_space().representatives[entry],
        "entry": entry,
        "fidelity": "full",
        "learning_rate": OWN.learning_rate,
        "seed": seed,
        "outcome": "diverged" if accuracy is None else "ok",
        **dict.fromkeys(METRICS, accuracy),
        "train_loss_curve": [],
        "validation_loss_curve": [],
        "validation_accuracy_curve": [],
        "runtime_s": 1.0,
        "images_seen": 100,
        "device": "cpu",
        "recipe_sha": sha,
        "versions": json.dumps({"data": DATA.fingerprint}),
    }


def build(tmp_path, rows):
    parts = tmp_path / "parts"
    parts.mkdir()
    pl.DataFrame(rows, orient="row").select(names(RUN_COLUMNS)).cast(
        {"entry": pl.Int32, "train_loss_curve": pl.List(pl.Float32),
         "validation_loss_curve": pl.List(pl.Float32),
         "validation_accuracy_curve": pl.List(pl.Float32)}
    ).write_parquet(parts / "part.parquet")  # fmt: skip
    return limits.build(parts, OWN, DATA, load_space(), tmp_path)


def test_one_row_per_entry_that_was_trained(tmp_path) -> None:
    first, second = sorted(load_limits())[:2]
    rows = [run(first, 0, 0.5), run(first, 1, 0.7), run(first, 2, 0.6), run(second, 0, None)]
    records = build(tmp_path, rows)
    assert records["mlp-limits.parquet"].counts == {"diverged": 1, "ok": 1}
    table = pq.read_table(tmp_path / "mlp-limits.parquet")
    assert table.column_names == names(ENTRY_COLUMNS)
    found = table.to_pylist()
    assert [row["entry"] for row in found] == [first, second]
    assert found[0]["validation_accuracy"] == pytest.approx(0.6)
    assert pq.read_metadata(tmp_path / "mlp-limit-runs.parquet").num_rows == 4


def test_runs_of_the_formula_as_written_and_of_other_entries_are_refused(tmp_path) -> None:
    first = min(load_limits())
    with pytest.raises(BuildError, match=f"expected recipe {FILLED.sha}"):
        build(tmp_path, [run(first, 0, 0.5, OWN.sha)])
    (tmp_path / "again").mkdir()
    with pytest.raises(BuildError, match="train with act-bench sweep --limits"):
        build(tmp_path / "again", [run(0, 0, 0.5)])


def test_a_table_without_them_says_how_to_make_them(monkeypatch) -> None:
    monkeypatch.setattr(files, "table_files", lambda table: {})
    with pytest.raises(DataError, match="act-bench sweep cnn --limits"):
        limits_file("cnn")
