"""Look-up on the CPU: numba loops over bit patterns, compiled once and cached on disk.

Measured on one core of an AMD Zen 5 with torch 2.13: value and slope of 2 million elements at 3.1 G
elements per second, ReLU at 6.9, ``torch.take`` from the same table at 0.12 (it wants 64-bit
indices). `benchmarks/steps/activations.py` measures them again.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from regenerate.kernels.compiled import compiled

# Below this many elements a second thread costs more than it gains.
_ELEMENTS_A_THREAD = 1 << 16
_ROW = 512  # elements whose pairs of value and slope are in the first cache at once


@compiled("void(uint16[::1], uint16[::1], uint16[::1])")
def _look_up(table, codes, value):  # type: ignore[no-untyped-def]
    for i in range(codes.size):
        value[i] = table[codes[i]]


@compiled("void(uint32[::1], uint16[::1], uint16[::1], uint16[::1])")
def _look_up_both(packed, codes, value, slope):  # type: ignore[no-untyped-def]
    both = np.empty(_ROW, np.uint32)
    for begin in range(0, codes.size, _ROW):
        row = codes[begin : begin + _ROW]
        value_row, slope_row = value[begin : begin + _ROW], slope[begin : begin + _ROW]
        # The second loop becomes vectors; two stores a look-up would take a core twice as long.
        for i in range(row.size):
            both[i] = packed[row[i]]
        for i in range(row.size):
            value_row[i] = np.uint16(both[i] & np.uint32(0xFFFF))
            slope_row[i] = np.uint16(both[i] >> np.uint32(16))


def value(x: torch.Tensor, table: torch.Tensor, value: torch.Tensor) -> None:
    """Write ``table[x]`` to ``value``.

    Parameters
    ----------
    x, value
        bfloat16 of one shape and memory format, without gaps.
    table
        (65,536,) int16, bfloat16 bit patterns.
    """
    codes, out = _flat(x), _flat(value)
    values = table.numpy().view(np.uint16)
    in_threads(codes.size, lambda part: _look_up(values, codes[part], out[part]))


def value_and_slope(
    x: torch.Tensor, packed: torch.Tensor, value: torch.Tensor, slope: torch.Tensor
) -> None:
    """Write f(x) to ``value`` and f'(x) to ``slope``; ``packed`` is (65,536,) int32."""
    codes, out, out_slope = _flat(x), _flat(value), _flat(slope)
    both = packed.numpy().view(np.uint32)
    in_threads(
        codes.size, lambda part: _look_up_both(both, codes[part], out[part], out_slope[part])
    )


def _flat(x: torch.Tensor) -> NDArray[np.uint16]:
    """Return the storage of a gapless tensor in memory order, without a copy."""
    array: NDArray[np.uint16] = (
        x.detach().as_strided((x.numel(),), (1,)).view(torch.int16).numpy().view(np.uint16)
    )
    return array


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="tabulated-activation")


def in_threads(count: int, work: Callable[[slice], object], *, multiple: int = 1) -> None:
    """Run ``work`` over slices of ``range(count)`` on as many threads as torch uses.

    All slices begin at a multiple of ``multiple``.
    """
    threads = min(torch.get_num_threads(), count // _ELEMENTS_A_THREAD)
    if threads <= 1:
        work(slice(0, count))
        return
    edges = [count * i // threads // multiple * multiple for i in range(threads)] + [count]
    parts = [slice(*pair) for pair in pairwise(edges)]
    list(_pool(threads).map(work, parts))  # list: raises what a part raised
