"""How published files are written."""

import pyarrow as pa
import pytest

from act_bench.errors import ArgumentError
from act_bench.publishing.parquet import write_table
from act_bench.tables.schema import Column


def test_null_vectors_are_refused(tmp_path):
    columns = [Column("outputs", "float32[2]", "", "")]
    rows = pa.table({"outputs": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2))})
    with pytest.raises(ArgumentError, match=r"no null among the vectors outputs, got 1.*NaN"):
        write_table(rows, columns, tmp_path / "file.parquet", {"made": "by a test"})
    assert not list(tmp_path.iterdir())
