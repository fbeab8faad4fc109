"""Folders of work that may be stopped: whose they are, and files whole or absent."""

import stat

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from act_bench.files import resumable
from act_bench.files.atomic import replacing

TABLE = pa.table({"entry": [1, 2]})


class FolderError(Exception):
    pass


def claim(folder, **identity):
    resumable.claim(folder, "work.json", identity, holds="a sweep", error=FolderError)


def fail_while_writing(path):
    with replacing(path) as draft:
        draft.write_text("second")
        raise FolderError


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file.parquet"
    with replacing(path) as draft:
        draft.write_text("first")
        assert [each.suffix for each in tmp_path.iterdir()] == [".draft"]
    with pytest.raises(FolderError):
        fail_while_writing(path)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_two_drafts_of_one_file_are_two_files(tmp_path):
    path = tmp_path / "file.txt"
    with replacing(path) as one, replacing(path) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"  # the one that ends last


def test_files_have_the_permissions_of_any_other(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    with replacing(tmp_path / "file") as draft:
        draft.touch()
    modes = {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_folder_belongs_to_one_work(tmp_path):
    folder = tmp_path / "deep" / "folder"
    claim(folder, seeds=(0, 1), table="mlp")
    claim(folder, seeds=[0, 1], table="mlp")
    for other in ({"seeds": [0], "table": "mlp"}, {"seeds": [0, 1]}):
        with pytest.raises(
            FolderError, match=r"holds a sweep with another .* choose another --out"
        ):
            claim(folder, **other)
    (folder / "work.json").write_text("{")
    with pytest.raises(FolderError, match=r"work\.json is damaged"):
        claim(folder, seeds=[0, 1], table="mlp")
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="cannot write to"):
        claim(tmp_path / "file", table="mlp")
    with pytest.raises(FolderError, match="does not hold a sweep"):
        resumable.read_identity(tmp_path, "work.json", holds="a sweep", error=FolderError)


def test_parts_are_checked_and_old_ones_are_read(tmp_path):
    path = resumable.part_path(tmp_path, ["relu(x)"])
    assert path == resumable.part_path(tmp_path, ["relu(x)"])
    resumable.write_part(path, TABLE, FolderError)
    assert resumable.read_part(path, FolderError) == (TABLE, True)
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)
    with pytest.raises(FolderError, match=rf"{path.name} is damaged.*delete it"):
        resumable.read_part(path, FolderError)
    pq.write_table(TABLE, path)
    assert resumable.read_part(path, FolderError) == (TABLE, False)
    with pytest.raises(FolderError, match="cannot write"):
        resumable.write_part(tmp_path / "absent" / "part.parquet", TABLE, FolderError)
