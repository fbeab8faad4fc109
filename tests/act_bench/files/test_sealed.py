"""Sealed Parquet files: any change of a bit is an error, and every other reader reads them."""

import io

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_bench.files import sealed

TABLE = pa.table({"entry": list(range(50)), "value": [0.1 * n for n in range(50)]})
CONTENT = sealed.to_bytes(TABLE)


def test_a_sealed_file_is_read_under_any_name_and_by_other_readers(tmp_path):
    path = tmp_path / "part.parquet"
    sealed.write(path, TABLE)
    renamed = path.rename(tmp_path / "other name.parquet")
    assert sealed.read(renamed) == (TABLE, True)
    assert pl.read_parquet(renamed).to_arrow().cast(TABLE.schema) == TABLE
    assert pq.read_table(renamed) == TABLE
    assert [file.name for file in tmp_path.iterdir()] == ["other name.parquet"]


@given(st.integers(0, len(CONTENT) - 1), st.integers(0, 7))
def test_any_flipped_bit_is_seen(place, bit):
    changed = bytearray(CONTENT)
    changed[place] ^= 1 << bit
    with pytest.raises(sealed.SealError, match="SHA-256 is not the one"):
        sealed.is_sealed(bytes(changed))


@given(st.integers(0, len(CONTENT) - 1))
def test_a_truncated_file_is_no_data(length):
    with pytest.raises(sealed.SealError):
        sealed.decode(CONTENT[:length])


def test_files_without_a_seal_are_read_and_told_apart():
    plain = io.BytesIO()
    pq.write_table(TABLE, plain)
    assert sealed.decode(plain.getvalue()) == (TABLE, False)


def test_the_seal_is_the_sha256_of_the_file_with_the_seal_blank():
    seal = pq.read_metadata(io.BytesIO(CONTENT)).metadata[sealed.KEY]
    assert seal.startswith(sealed.PREFIX)
    assert len(seal) == len(sealed.PREFIX) + 64
    assert CONTENT.count(sealed.PREFIX) == 1
    assert sealed.to_bytes(TABLE) == CONTENT, "the same rows give the same bytes"


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        sealed.write(tmp_path / "absent" / "part.parquet", TABLE)
    assert list(tmp_path.iterdir()) == []


STATE = bytes(range(256)) * 3


@settings(max_examples=40)
@given(st.integers(0, len(STATE) + 75), st.integers(0, 7))
def test_any_flipped_bit_of_other_formats_is_seen(tmp_path_factory, place, bit):
    path = tmp_path_factory.mktemp("sealed") / "state"
    sealed.write_bytes(path, STATE)
    assert sealed.read_bytes(path) == STATE
    changed = bytearray(path.read_bytes())
    assert len(changed) == len(STATE) + 76
    changed[place] ^= 1 << bit
    path.write_bytes(changed)
    with pytest.raises(sealed.SealError, match="SHA-256"):
        sealed.read_bytes(path)


@settings(max_examples=40)
@given(st.integers(0, len(STATE) + 75))
def test_a_truncated_file_of_other_formats_is_seen(tmp_path_factory, length):
    path = tmp_path_factory.mktemp("sealed") / "state"
    sealed.write_bytes(path, STATE)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(sealed.SealError, match="no SHA-256 at its end"):
        sealed.read_bytes(path)
