"""Runs: their fields are the schema's columns, and a table holds them without loss."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from act_bench.tables.schema import RUN_COLUMNS, names
from regenerate.runs import parts
from regenerate.runs.environment import environment
from regenerate.runs.run import Run

RUN = Run(
    expression="relu(x)",
    entry=12,
    fidelity="tiny",
    seed=3,
    outcome="ok",
    train_accuracy=0.1 + 0.2,  # no short decimal: float64 must come through
    validation_accuracy=0.5,
    test_accuracy=0.25,
    train_loss=1.0,
    validation_loss=2.0,
    test_loss=3.0,
    train_loss_curve=(1e40, 0.1 + 0.2),  # more than float32 holds, and more digits
    validation_loss_curve=(1e40, 2.0),
    validation_accuracy_curve=(0.25, 0.5),
    runtime_s=0.125,
    images_seen=100,
    device="cpu",
    recipe_sha="0123456789ab",
    versions="{}",
)


def test_fields_are_the_run_columns():
    assert {field.name for field in dataclasses.fields(Run)} == set(names(RUN_COLUMNS))


def test_table_and_back():
    diverged = dataclasses.replace(
        RUN,
        outcome="diverged",
        entry=None,
        validation_accuracy=None,
        validation_loss_curve=(),
    )
    rows = parts.to_table([RUN, diverged]).to_pylist()
    assert [Run.from_row(row) for row in rows] == [RUN, diverged]


def test_parts_with_curves_in_float32_are_read(tmp_path: Path) -> None:
    run = dataclasses.replace(RUN, train_loss_curve=(2.5, 0.1), validation_loss_curve=(2.5, 2.0))
    table = parts.to_table([run])
    place = table.schema.get_field_index("train_loss_curve")
    short = table.column(place).cast(pa.list_(pa.float32()))
    pq.write_table(table.set_column(place, "train_loss_curve", short), tmp_path / "part.parquet")
    (part,) = parts.read(tmp_path)
    assert part.table.schema == table.schema
    assert not part.sealed
    (row,) = part.table.to_pylist()
    assert Run.from_row(row).train_loss_curve == (2.5, float(np.float32(0.1)))


def test_environment_says_what_can_change_the_last_bits():
    facts = json.loads(environment("feedbeef", "cpu"))
    assert set(facts) == {
        "act_bench", "data", "device", "instructions", "numpy", "platform", "processor", "python",
        "threads", "torch",
    }  # fmt: skip
    assert facts["data"] == "feedbeef"
    assert environment("feedbeef", "cpu") == environment("feedbeef", "cpu")
