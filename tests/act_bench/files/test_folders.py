"""Folders appear whole; a kill at any moment loses nothing old and leaves nothing for long."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from act_bench.files import folders

KILLED = """
import os, sys
from pathlib import Path
from act_bench.files import folders
folder, method, kill_at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
renames = 0
real = Path.replace
def replace(self, target):
    global renames
    if renames == kill_at:
        os._exit(9)
    renames += 1
    return real(self, target)
Path.replace = replace
with getattr(folders, method)(folder) as draft:
    (draft / "one").write_text("new")
    (draft / "two").write_text("new")
os._exit(0)
"""


def run_killed(folder, method, kill_at):
    command = [sys.executable, "-c", KILLED, str(folder), method, str(kill_at)]
    return subprocess.run(command, check=False).returncode


@pytest.mark.parametrize("kill_at", [0, 1, 2])
def test_a_kill_while_a_folder_is_replaced_loses_nothing(tmp_path, kill_at):
    folder = tmp_path / "cnn"
    folder.mkdir()
    (folder / "one").write_text("old")
    assert run_killed(folder, "replacing_folder", kill_at) == (9 if kill_at < 2 else 0)
    folders.recover(folder)
    assert (folder / "one").read_text() == ("old" if kill_at < 2 else "new")
    with folders.replacing_folder(folder) as draft:
        (draft / "one").write_text("newer")
    assert (folder / "one").read_text() == "newer"
    assert [path.name for path in tmp_path.iterdir()] == ["cnn"]


@pytest.mark.parametrize("kill_at", [0, 1])
def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path, kill_at):
    folder = tmp_path / "export"
    assert run_killed(folder, "filling", kill_at) == 9
    assert any(folders.is_draft(path) for path in folder.iterdir())
    with folders.filling(folder) as draft:
        (draft / "one").write_text("newer")
        (draft / "two").write_text("newer")
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]


def test_a_draft_of_a_living_process_is_left_alone(tmp_path):
    with folders.filling(tmp_path / "export") as mine:
        (mine / "one").write_text("1")
        with folders.filling(tmp_path / "export") as other:
            (other / "two").write_text("2")
        assert mine.exists()
    assert sorted(path.name for path in (tmp_path / "export").iterdir()) == ["one", "two"]


def test_a_draft_of_another_machine_is_left_for_an_hour(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    fresh, old = (folder / f".export.0badcafe-1-{n}.draft" for n in "ab")
    for draft in (fresh, old):
        draft.mkdir()
    os.utime(old, (10, 10))
    with folders.filling(folder):
        pass
    assert [path.name for path in folder.iterdir()] == [fresh.name]


def write_and_fail(drafting, number):
    with drafting as draft:
        (draft / "one").write_text("1")
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("method", ["filling", "replacing_folder"])
def test_an_error_names_the_folder_and_nothing_stays(tmp_path, method, number):
    folder = tmp_path / "not" / "there"
    if method == "replacing_folder":
        folder.parent.mkdir()
    with pytest.raises(OSError, match=re.escape(os.strerror(number))) as caught:
        write_and_fail(getattr(folders, method)(folder), number)
    assert caught.value.filename == str(folder)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert method == "replacing_folder" or list(tmp_path.iterdir()) == []


def test_a_draft_is_on_the_file_system_of_its_folder(tmp_path, monkeypatch):
    folder, real = tmp_path / "mount", Path.replace

    def replace(self, target):
        if folder not in self.parents:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(self))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with folders.filling(folder, last="README.md") as draft:
        (draft / "data").mkdir()
        (draft / "data" / "one").write_text("1")
        (draft / "README.md").write_text("2")
        assert [path.name for path in tmp_path.iterdir()] == ["mount"]
    assert (folder / "data" / "one").read_text() == "1"
