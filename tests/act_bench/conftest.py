"""A small data folder, made by the builder from drawn runs, in the place of the embedded one."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from act_bench.files import manifest
from act_bench.publishing.parquet import write_table
from act_bench.tables.schema import RUN_COLUMNS, SPACE_COLUMNS
from builders.embedded import write_manifest
from builders.tables import build
from regenerate.data import ImageData, Split
from regenerate.recipes import find

EXPRESSIONS = (
    "add(zero(x),zero(x))",
    "add(zero(x),one(x))",
    "add(one(x),zero(x))",
    "max(relu(x),elu(x))",
    "mul(exp(x),exp(x))",
)
ENTRIES = (0, 1, 1, 2, 3)
FIRST = tuple(EXPRESSIONS[ENTRIES.index(entry)] for entry in range(4))
SEEDS = 4


def _space() -> SimpleNamespace:
    outputs = np.random.default_rng(0).standard_normal((4, 80)).astype(np.float32)
    outputs[3, :3] = [np.inf, -np.inf, np.nan]
    return SimpleNamespace(
        expressions=EXPRESSIONS,
        entry_of=dict(zip(EXPRESSIONS, ENTRIES, strict=True)),
        representatives=FIRST,
        canonical_class=(0, 1, 2, 2),
        outputs=outputs,
    )


IMAGES = Split(np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.int64))
DATA = ImageData("digits", 10, 16, IMAGES, IMAGES, IMAGES)


def _runs() -> pl.DataFrame:
    """Entries 0 and 2 train, entry 3 diverges; entry 1 has no run."""
    rng = np.random.default_rng(1)
    recipe = find("mlp", "full")
    rows = []
    for entry in (3, 0, 2):
        for seed in range(SEEDS):
            ok = entry != 3 and seed != 2
            values = rng.random(6).tolist() if ok else [None] * 6
            curve = rng.random(3 if ok else 1).tolist()
            rate = recipe.learning_rate
            function = (FIRST[entry], entry, "full", rate, seed, "ok" if ok else "diverged")
            cost = (rng.random(), 300, "cpu", recipe.sha, json.dumps({"data": DATA.fingerprint}))
            rows.append((*function, *values, curve, curve, curve, *cost))
    names = [column.name for column in RUN_COLUMNS]
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)


@pytest.fixture(scope="session")
def built_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mlp-full, mlp-runs, space and the manifest; not to be changed."""
    folder = tmp_path_factory.mktemp("data")
    parts = tmp_path_factory.mktemp("sweep")
    _runs().write_parquet(parts / "part.parquet")
    space = _space()
    build(parts, find("mlp", "full"), DATA, space, folder)
    rows = pl.DataFrame(
        {
            "expression": list(EXPRESSIONS),
            "entry": list(ENTRIES),
            "canonical_class": list(ENTRIES),
            "outputs": pl.Series(space.outputs[list(ENTRIES)], dtype=pl.Array(pl.Float32, 80)),
        }
    )
    write_table(rows.to_arrow(), SPACE_COLUMNS, folder / "space.parquet", {"made": "by a test"})
    write_manifest(folder)
    return folder


@pytest.fixture
def data_folder(built_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the small data folder that act_bench reads instead of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    for file in built_data.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(manifest, "DATA_FOLDER", folder)
    return folder
