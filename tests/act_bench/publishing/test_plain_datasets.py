"""Every embedded configuration, exported and read by plain ``datasets`` without this package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

import act_bench
from act_bench.files.manifest import DATA_FOLDER
from act_bench.tables.configurations import configurations

pytest.importorskip("datasets")
SCRIPT = Path(__file__).parents[1] / "plain_datasets.py"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, exported: Path):
    """Load the export in another process; return its report and the folder it wrote to."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "written").mkdir()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), exported.name, "--parquet", str(folder / "written")],
        cwd=exported.parent,
        env={**os.environ, "HF_HOME": str(folder / "hf")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "plain datasets reads the card without a warning"
    return json.loads(done.stdout), folder / "written"


def test_every_configuration_is_there(loaded):
    found, _ = loaded
    assert list(found)[1:] == list(configurations())
    assert found["default"] == found[next(iter(configurations()))]
    assert {one["split"] for one in found.values()} == {"train"}


@pytest.mark.parametrize("name", configurations())
def test_it_reads_what_is_embedded(loaded, name):
    found, folder = loaded
    ours = act_bench.load_dataset("act-bench", name)
    features = {column: repr(kind) for column, kind in ours.features.items()}
    assert found[name] == {"split": "train", "rows": ours.num_rows, "features": features}
    assert list(features) == [column.name for column in configurations()[name].columns]
    configuration = configurations()[name]
    embedded = pl.read_parquet(DATA_FOLDER / configuration.file)
    for each in configuration.beside:
        other = pl.read_parquet(DATA_FOLDER / each.file)
        assert other["entry"].equals(embedded["entry"])
        missing = [column for column in list(features) if column not in embedded.columns]
        embedded = embedded.hstack(other.select(c for c in missing if c in other.columns))
    assert pl.read_parquet(folder / f"{name}.parquet").equals(embedded)


@pytest.mark.parametrize("file", sorted({each.file for each in configurations().values()}))
def test_files_have_a_page_index_and_are_compressed(file):
    group = pq.read_metadata(DATA_FOLDER / file).row_group(0)
    for index in range(group.num_columns):
        assert group.column(index).has_offset_index
        assert group.column(index).compression == "ZSTD"
