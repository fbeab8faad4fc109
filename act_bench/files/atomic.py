"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SUFFIX: Final = ".draft"
"""Of a file that is being written: what a kill leaves behind has the suffix of no finished file."""

OF_DISKS: Final = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of a full, read-only or broken disk, which may come without the name of a file."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a path to write to, in the folder of ``path``, and move it there at the end.

    What was written is on the disk before it is moved. When the block raises, it is removed, and
    ``path`` stays as it was. An OSError about what was to be written names ``path``.

    Parameters
    ----------
    path : str or Path
        The file to write; its folder must exist.

    Yields
    ------
    Path
        A new empty file with a name that nobody else uses, hidden and with the suffix ``.draft``.

    Raises
    ------
    OSError
        If the folder cannot be written to, or the disk is full.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> with replacing(folder / "answer.txt") as draft:
    ...     _ = draft.write_text("42")
    >>> [file.name for file in folder.iterdir()]
    ['answer.txt']
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}{SUFFIX}")
    # Exclusive: a name that is taken, or a link that waits there, is an error.
    with named(path, draft):
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield draft
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def named(path: Path, draft: Path) -> Iterator[None]:
    """Let an OSError about a draft, or about the disk, name the path that the user knows."""
    try:
        yield
    except OSError as error:
        unnamed = error.filename is None and error.errno in OF_DISKS
        if unnamed or str(error.filename).startswith(str(draft)):
            error.filename, error.filename2 = str(path), None
        raise
