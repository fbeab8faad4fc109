"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a path to write to, in the folder of ``path``, and move it there at the end.

    When the block raises, what was written is removed and ``path`` stays as it was.

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
    finally:
        draft.unlink(missing_ok=True)
