"""The memory that the C library holds on to."""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import cache
from typing import Final

HUGE: Final = 1 << 30
"""Bytes of the heap for which huge pages are asked: more than a training step of a ``proxy``."""


@cache
def keep_freed_memory() -> None:
    """Tell the C library to keep freed memory, for all threads alike, for the rest of the process.

    What trains or takes spectra frees and allocates the same feature maps over and over; getting
    them from the system again costs page faults. Measured on one core: 5 % of the time of a run of
    All-CNN-C at 16 pixels, 8 % at 32. The first `HUGE` bytes of that memory are asked for in huge
    pages, where Linux gives them to who asks (``madvise``, the default of most distributions).
    Linux with glibc only; elsewhere this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        library = ctypes.CDLL(None)
        mallopt = library.mallopt
    except (OSError, AttributeError):
        return
    # Parameters of <malloc.h>. One arena: those of other threads cannot hold large blocks.
    trim_threshold, mmap_threshold, arena_max = -1, -3, -8
    # Older versions of glibc refuse more than 32 MiB. Where both are refused nothing may be set:
    # any setting ends the threshold's own growth, and every feature map would be mapped anew.
    mapped = next((size for size in (1 << 30, 1 << 25) if mallopt(mmap_threshold, size)), None)
    if mapped is None:
        return
    mallopt(trim_threshold, -1)  # never; a number could be at most 2 GiB
    mallopt(arena_max, 1)
    _ask_for_huge_pages(library, mapped // 2)


def _ask_for_huge_pages(library: ctypes.CDLL, block: int) -> None:
    """Let the heap grow by `HUGE` bytes, ask for huge pages there, and free them unused.

    Feature maps of some hundred megabytes are more than the processor holds addresses of in pages
    of 4 KiB. Memory is taken when it is written to, so this takes none.

    Parameters
    ----------
    library
        The C library.
    block
        Bytes to ask for at a time: fewer than what is mapped on its own, since that is no part of
        the heap and gone when it is freed.
    """
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.restype, library.free.argtypes = None, [ctypes.c_void_p]
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    page, advice = mmap.PAGESIZE, mmap.MADV_HUGEPAGE
    blocks = [library.malloc(block) for _ in range(HUGE // block)]
    for address in filter(None, blocks):
        start = address // page * page
        library.madvise(start, address + block - start, advice)  # may refuse
    for address in blocks:
        library.free(address)
