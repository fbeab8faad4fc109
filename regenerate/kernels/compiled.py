"""Loops compiled by numba, and stored on disk where the disk can be written to.

numba stores beside the source or in the user's cache. Where neither can be written, as in a
read-only container, a loop is compiled anew in each process, which takes seconds;
``NUMBA_CACHE_DIR`` names a folder for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(signature: str | list[str] | None = None, **options: Any) -> Callable[[Any], Any]:
    """Return a decorator that compiles a function without the interpreter lock.

    Parameters
    ----------
    signature : str or list of str, optional
        Of numba, which then compiles at once. Default: at the first call.
    **options
        As for ``numba.njit``.

    Examples
    --------
    >>> @compiled("int64(int64)")
    ... def double(number):
    ...     return 2 * number
    >>> double(21)
    42
    """

    def decorate(function: Any) -> Any:
        try:
            return numba.njit(signature, nogil=True, cache=True, **options)(function)
        except (RuntimeError, OSError):  # no folder for the cache, or a full disk
            return numba.njit(signature, nogil=True, **options)(function)

    return decorate
