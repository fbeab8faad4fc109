"""The file of the speeches: what it says of itself, and how it is made again."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.embedded import BuildError, read_about
from builders.text import SOURCE_SHA256, build
from regenerate.data.sotu import FILE


def test_the_file_says_where_it_comes_from() -> None:
    about = read_about(FILE)
    assert about["source_sha256"] == SOURCE_SHA256
    assert about["licence"] == "PDDL-1.0 AND CC0-1.0"
    assert "datasets-sotu 0.2.3" in about["source"]
    assert FILE.stat().st_size < 2_800_000


def test_a_source_becomes_the_file_in_the_order_of_its_names(tmp_path: Path) -> None:
    rows = pq.read_table(FILE).slice(0, 5)
    source, target = tmp_path / "source.parquet", tmp_path / "sotu.parquet"
    pq.write_table(rows.take(pa.array([4, 1, 3, 0, 2])), source)
    build(source, target, expected=None)
    assert pq.read_table(target).equals(rows)
    assert pq.read_schema(target).equals(pq.read_schema(FILE))
    assert read_about(target)["source_sha256"] != SOURCE_SHA256
    with pytest.raises(BuildError, match=f"expected SHA-256 {SOURCE_SHA256}"):
        build(source, target)


def test_a_source_without_the_columns_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source.parquet"
    pq.write_table(pa.table({"file": ["a"], "text": ["b"]}), source)
    with pytest.raises(BuildError, match="lacks"):
        build(source, tmp_path / "sotu.parquet", expected=None)
