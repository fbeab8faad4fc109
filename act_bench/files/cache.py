"""Where this package keeps what it can make or fetch again: one folder in the user's cache."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from act_bench.errors import ActBenchError, ExitCode

DECODED = ("cifar10-*", "imagenette-*")
"""The folders with decoded images; nothing else is ever cleared away."""

DRAFTS = ".decoded-"
"""How folders begin that are being written."""

DRAFT_S = 3600.0
"""A draft that nothing was written to for so long was left by a process that was killed."""

DEFAULT_LIMIT_GB = 4.0


class CacheLimitError(ActBenchError, ValueError):
    """``ACT_BENCH_CACHE_GB`` is no size."""

    exit_code = ExitCode.USAGE


class NoCacheError(ActBenchError, RuntimeError):
    """No folder for the cache is known."""

    exit_code = ExitCode.DATA


def warn_damaged(path: Path, why: object) -> None:
    """Warn that a file in the cache is damaged and is made again."""
    warnings.warn(f"{path} is damaged ({why}): it is made again", UserWarning, stacklevel=3)


class Kept(NamedTuple):
    """Decoded images of one data set at one size.

    Attributes
    ----------
    folder
        Where they lie.
    size
        In bytes.
    used
        When they were last read or written, in seconds since 1970.
    """

    folder: Path
    size: int
    used: float


def cache_folder() -> Path:
    """Return the folder: ``ACT_BENCH_CACHE`` or ``act-bench`` under the user's cache.

    The user's cache is ``XDG_CACHE_HOME`` or ``~/.cache``. Deleting the folder is safe: it is
    filled again when needed, imported tables by importing them again. It need not exist yet.

    Raises
    ------
    NoCacheError
        Neither variable is set, and the user has no home.

    Examples
    --------
    >>> monkeypatch = getfixture("monkeypatch")
    >>> monkeypatch.setenv("ACT_BENCH_CACHE", "/data/act-bench")
    >>> cache_folder().as_posix()
    '/data/act-bench'
    """
    if own := os.environ.get("ACT_BENCH_CACHE"):
        return Path(own)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "act-bench"
    try:
        return Path.home() / ".cache" / "act-bench"
    except RuntimeError as error:  # a container whose user has no entry in passwd
        raise NoCacheError(
            "this user has no home folder to cache in; fix: let ACT_BENCH_CACHE name a folder"
        ) from error


def limit() -> int:
    """Return how many bytes decoded images may take: ``ACT_BENCH_CACHE_GB``, 4 if it is not set.

    0 keeps none.

    Raises
    ------
    CacheLimitError
        If the variable is not a number of at least 0.

    Examples
    --------
    >>> monkeypatch = getfixture("monkeypatch")
    >>> monkeypatch.setenv("ACT_BENCH_CACHE_GB", "0.5")
    >>> limit()
    500000000
    """
    text = os.environ.get("ACT_BENCH_CACHE_GB") or str(DEFAULT_LIMIT_GB)
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise CacheLimitError(
            "ACT_BENCH_CACHE_GB must be a number of gigabytes of at least 0, such as 4; "
            f"got {text!r}"
        )
    return int(gigabytes * 1e9)


def decoded() -> list[Kept]:
    """Return the decoded images that are kept, the least recently used first."""
    return sorted(_found(), key=lambda kept: kept.used)


def _found() -> Iterator[Kept]:
    folders = (folder for pattern in DECODED for folder in cache_folder().glob(pattern))
    for folder in folders:
        try:
            size = sum(file.stat().st_size for file in folder.iterdir())
            yield Kept(folder, size, folder.stat().st_mtime)
        except OSError:  # another process has just cleared it away
            continue


def keep(folder: Path, size: int, write: Callable[[Path], None]) -> None:
    """Keep decoded images within the limit, in place of what the folder held; or do without.

    A full or read-only disk, or another process that was faster, costs time at the next load only.

    Parameters
    ----------
    folder
        Where they are to lie; its name must fit one of ``DECODED``.
    size
        In bytes.
    write
        Writes them into the empty folder that it is given, which is then moved to its place.
    """
    if not make_room(size):
        return
    draft = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=DRAFTS, dir=folder.parent))
        write(draft)
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    except OSError:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def _clear_drafts() -> None:
    for draft in cache_folder().glob(f"{DRAFTS}*"):
        try:
            times = [entry.stat().st_mtime for entry in (draft, *draft.iterdir())]
        except OSError:  # another process has just moved it
            continue
        if max(times) < time.time() - DRAFT_S:
            shutil.rmtree(draft, ignore_errors=True)


def make_room(size: int) -> bool:
    """Clear away the least recently used images until ``size`` more bytes are within the limit.

    Returns
    -------
    Whether they fit now; if ``size`` alone is over the limit, nothing is cleared away.
    """
    allowed = limit()
    _clear_drafts()
    if size > allowed:
        return False
    there = decoded()
    total = sum(kept.size for kept in there)
    for kept in there:
        if total + size <= allowed:
            break
        clear([kept])
        total -= kept.size
    return True


def clear(which: list[Kept] | None = None) -> int:
    """Remove decoded images, all of them by default, and return how many bytes that freed.

    They are made again, from the files that they came from, when they are needed.
    """
    _clear_drafts()
    freed = 0
    for kept in decoded() if which is None else which:
        shutil.rmtree(kept.folder, ignore_errors=True)
        freed += 0 if kept.folder.exists() else kept.size
    return freed
