"""Bfloat16 numbers in compiled loops, which know no such type: as bits, and tensors by address."""

from __future__ import annotations

import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic


@intrinsic
def pointer(context, address):  # type: ignore[no-untyped-def]
    """Return an address as a pointer that ``numba.carray`` takes."""
    del context

    def generate(_, builder, __, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@numba.njit(inline="always")
def bits_at(address, size):  # type: ignore[no-untyped-def]
    """Return the bits of a tensor of bfloat16 at an address."""
    return numba.carray(pointer(address), (size,), np.uint16)  # type: ignore[attr-defined, call-arg]


@numba.njit(inline="always")
def float32_view(address, size):  # type: ignore[no-untyped-def]
    """Return the numbers of a tensor of float32 at an address."""
    return numba.carray(pointer(address), (size,), np.float32)  # type: ignore[attr-defined, call-arg]


@numba.njit(inline="always")
def widened(bits):  # type: ignore[no-untyped-def]
    """Return the float32 number of a bfloat16's bits."""
    return np.uint32(np.uint32(bits) << np.uint32(16)).view(np.float32)


@numba.njit(inline="always")
def rounded(number):  # type: ignore[no-untyped-def]
    """Return the bits of the nearest bfloat16, ties to the even one."""
    bits = np.float32(number).view(np.uint32)
    even = (bits >> np.uint32(16)) & np.uint32(1)
    nearest = (bits + np.uint32(0x7FFF) + even) >> np.uint32(16)
    return np.uint16(nearest) if number == number else np.uint16(0x7FC0)
