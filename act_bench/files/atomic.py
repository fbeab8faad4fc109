"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OF_DISKS = {errno.ENOSPC, errno.EROFS, errno.EDQUOT}
"""Errors of a full or read-only disk, which come without the name of a file."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a path to write to, in the folder of ``path``, and move it there at the end.

    When the block raises, what was written is removed and ``path`` stays as it was. An OSError
    about what was to be written names ``path``.

    Parameters
    ----------
    path : str or Path
        The file to write; its folder must exist.

    Yields
    ------
    Path
        A name that only this process uses, with the suffix of ``path``.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> with replacing(folder / "answer.txt") as draft:
    ...     _ = draft.write_text("42")
    >>> [file.name for file in folder.iterdir()]
    ['answer.txt']
    """
    path = Path(path)
    draft = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        yield draft
        draft.replace(path)
    except OSError as error:
        if error.filename == str(draft) or (error.filename is None and error.errno in _OF_DISKS):
            error.filename = str(path)  # the file that the user knows
        raise
    finally:
        draft.unlink(missing_ok=True)
