"""Folders that are written whole: drafts that a kill leaves are cleared, and nothing old is lost.

A draft is a hidden folder with a random name that says who writes it. Whoever writes to the same
place next removes the drafts whose writer is gone.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from act_bench.files.atomic import SUFFIX, named
from act_bench.files.cache import DRAFT_S

OLD: Final = ".old"
"""Suffix of what a folder held, while it is being replaced."""

_TRIES: Final = 10
_TAKEN: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST})


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """Make a folder with its parents; when the block raises, remove those that are still empty.

    Examples
    --------
    >>> folder = getfixture("tmp_path") / "results" / "mlp"
    >>> with making(folder) as made:
    ...     _ = (made / "answer.txt").write_text("42")
    >>> folder.is_dir()
    True
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except BaseException:
        with suppress(OSError):  # not empty: somebody's files are in it
            for each in made:
                each.rmdir()
        raise


@contextmanager
def filling(folder: Path, last: str | None = None) -> Iterator[Path]:
    """Yield a draft inside a folder, whose files are moved into the folder at the end.

    So they may lie on any file system, below a folder that cannot be written to. Files of the same
    names are replaced, all others are left alone.

    Parameters
    ----------
    folder : Path
        Made with its parents if need be.
    last : str, optional
        Name of the file that is moved last, such as one that names the others.

    Raises
    ------
    OSError
        About what was to be written; it names ``folder``.

    Examples
    --------
    >>> folder = getfixture("tmp_path") / "dataset"
    >>> with filling(folder) as draft:
    ...     _ = (draft / "README.md").write_text("42")
    >>> [file.name for file in folder.iterdir()]
    ['README.md']
    """
    with making(folder), _drafting(folder, folder) as draft:
        yield draft
        files = [file.relative_to(draft) for file in draft.rglob("*") if file.is_file()]
        for file in sorted(files, key=lambda file: (file.name == last, file)):
            (folder / file.parent).mkdir(parents=True, exist_ok=True)
            (draft / file).replace(folder / file)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a draft beside a folder, which takes its place at the end; its parent must exist.

    A kill at any moment leaves the old folder or the new one, once :func:`recover` was called.

    Raises
    ------
    OSError
        About what was to be written; it names ``folder``.
    """
    recover(folder)
    with _drafting(folder, folder.parent) as draft:
        yield draft
        for _ in range(_TRIES):
            old = folder.with_name(f".{folder.name}.{_token()}{OLD}")
            with suppress(FileNotFoundError):
                folder.replace(old)
            try:
                draft.replace(folder)
            except BaseException as error:
                if isinstance(error, OSError) and error.errno in _TAKEN:
                    continue  # another process was faster: replace what it wrote
                recover(folder)
                raise
            break
        else:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(folder))
        _clear(folder.parent, f".{folder.name}.", OLD)


def recover(folder: Path) -> None:
    """Put a folder back that a killed :func:`replacing_folder` had moved away."""
    if folder.exists():
        return
    held = sorted(
        _named(folder.parent, f".{folder.name}.", OLD), key=lambda old: old.stat().st_mtime
    )
    if held:
        with suppress(OSError):  # another process was faster
            held[-1].replace(folder)


@contextmanager
def _drafting(folder: Path, where: Path) -> Iterator[Path]:
    """Yield a new hidden folder in ``where``, which is removed at the end."""
    prefix = f".{folder.name}."
    _clear(where, prefix, SUFFIX)
    draft = where / f"{prefix}{_token()}{SUFFIX}"
    try:
        with named(folder, draft):
            draft.mkdir()
            yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def is_draft(path: Path) -> bool:
    """Say whether a name is that of a draft."""
    return path.name.startswith(".") and path.suffix == SUFFIX


def _token() -> str:
    """Return who writes, and a random part."""
    return f"{_host()}-{os.getpid()}-{secrets.token_hex(8)}"


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _clear(where: Path, prefix: str, suffix: str) -> None:
    """Remove folders of such names whose writer is gone."""
    for left in _named(where, prefix, suffix):
        if suffix == OLD or _is_left(left, left.name.removeprefix(prefix)):
            shutil.rmtree(left, ignore_errors=True)


def _named(where: Path, prefix: str, suffix: str) -> list[Path]:
    return list(where.glob(f"{glob.escape(prefix)}*{suffix}"))


def _is_left(draft: Path, token: str) -> bool:
    host, _, rest = token.partition("-")
    process = rest.partition("-")[0]
    if host == _host() and process.isdecimal() and os.name == "posix":
        return not _runs(int(process))
    try:  # of another machine
        times = [each.stat().st_mtime for each in (draft, *draft.rglob("*"))]
    except OSError:
        return False
    return max(times) < time.time() - DRAFT_S


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)  # asks only; on Windows it would end it
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
