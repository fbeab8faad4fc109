"""The cache of decoded images: what it holds, its limit, clearing it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from act_bench.cli.cache import command
from act_bench.files import cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("ACT_BENCH_CACHE_GB", "0.000001")  # 1,000 bytes
    return tmp_path


def keep(folder: Path, name: str, size: int, used: float) -> Path:
    made = folder / name
    made.mkdir()
    (made / "images.npy").write_bytes(bytes(size))
    os.utime(made, (used, used))
    return made


def test_the_least_recently_used_goes_first(folder: Path) -> None:
    old = keep(folder, "imagenette-b-64", 400, used=10)
    new = keep(folder, "imagenette-a-48", 400, used=30)
    middle = keep(folder, "cifar10-c", 100, used=20)
    upstream = keep(folder, "upstream", 5000, used=0)
    assert [kept.folder for kept in cache.decoded()] == [old, middle, new]
    assert cache.make_room(100)  # 900 + 100: it fits as it is
    assert old.exists()
    assert cache.make_room(500)  # 1,400: the oldest is enough
    assert [kept.folder for kept in cache.decoded()] == [middle, new]
    assert not cache.make_room(1001)  # cannot fit: nothing is sacrificed for it
    assert [kept.folder for kept in cache.decoded()] == [middle, new]
    assert upstream.exists()


def test_clearing_leaves_imported_tables(folder: Path) -> None:
    keep(folder, "imagenette-b-64", 400, used=10)
    upstream = keep(folder, "upstream", 5000, used=0)
    assert cache.clear() == 400
    assert cache.decoded() == []
    assert upstream.exists()


def test_what_cannot_be_written_leaves_nothing(folder: Path) -> None:
    old = keep(folder, "imagenette-b-64", 400, used=10)

    def fails(draft: Path) -> None:
        (draft / "images.npy").write_bytes(bytes(10))
        raise OSError(errno.ENOSPC, "No space left on device")

    cache.keep(folder / "cifar10-a", 100, fails)
    cache.keep(folder / "cifar10-b", 1001, fails)  # over the limit: not even begun
    assert list(folder.iterdir()) == [old]
    cache.keep(folder / "cifar10-a", 700, lambda draft: None)  # in the place of the old
    assert list(folder.iterdir()) == [folder / "cifar10-a"]


def test_drafts_of_killed_processes_go_and_those_in_use_stay(folder: Path) -> None:
    left, used = folder / ".decoded-left", folder / ".decoded-used"
    for draft in (left, used):
        draft.mkdir()
        (draft / "images.npy").write_bytes(bytes(400))
        os.utime(draft, (10, 10))
    os.utime(left / "images.npy", (10, 10))
    cache.clear()
    assert list(folder.iterdir()) == [used]


@pytest.mark.parametrize("text", ["-1", "much", "nan", "inf"])
def test_a_limit_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ACT_BENCH_CACHE_GB", text)
    with pytest.raises(cache.CacheLimitError, match=f"got '{text}'"):
        cache.limit()


def test_the_limit_is_four_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACT_BENCH_CACHE_GB", raising=False)
    assert cache.limit() == 4_000_000_000


def test_command_lists_and_clears(folder: Path) -> None:
    keep(folder, "imagenette-b-64", 400, used=10)
    listed = CliRunner().invoke(command, ["--json"])
    document = json.loads(listed.stdout)
    assert (document["limit"], document["freed"]) == (1000, 0)
    assert [Path(each["folder"]).name for each in document["decoded"]] == ["imagenette-b-64"]
    assert "imagenette-b-64" in CliRunner().invoke(command).stdout
    cleared = CliRunner().invoke(command, ["--clear", "--json"])
    assert json.loads(cleared.stdout)["freed"] == 400
    assert not (folder / "imagenette-b-64").exists()
