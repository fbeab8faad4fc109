"""Where this package keeps what it can make or fetch again: one folder in the user's cache."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder: ``ACT_BENCH_CACHE`` or ``act-bench`` under the user's cache.

    The user's cache is ``XDG_CACHE_HOME`` or ``~/.cache``. Deleting the folder is safe: it is
    filled again when needed, imported tables by importing them again. It need not exist yet.

    Examples
    --------
    >>> monkeypatch = getfixture("monkeypatch")
    >>> monkeypatch.setenv("ACT_BENCH_CACHE", "/data/act-bench")
    >>> cache_folder().as_posix()
    '/data/act-bench'
    """
    if own := os.environ.get("ACT_BENCH_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "act-bench"
