"""Look-up on a GPU: one Triton kernel each for the value and for value and slope.

The tables have 128 KiB (value) and 256 KiB (value and slope packed), so they stay in the L2 cache,
and the few thousand entries that a network's inputs really hit stay in L1. Each element costs one
cached gather; the kernels are bound by the memory traffic of reading x and writing the results,
as any element-wise activation is.

Under ``TRITON_INTERPRET=1``, set before this module is imported, Triton interprets the kernels, and
they take tensors of the CPU: so they are tested where there is no GPU.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import triton  # type: ignore[import-not-found, unused-ignore]
import triton.language as tl  # type: ignore[import-not-found, unused-ignore]

_BLOCK = 1024


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _value_kernel(codes, table, value, count, block: tl.constexpr):  # type: ignore[no-untyped-def, unused-ignore]
    start = tl.program_id(0).to(tl.int64) * block
    offsets = start + tl.arange(0, block)
    inside = offsets < count
    code = tl.load(codes + offsets, mask=inside, other=0).to(tl.int32) & 0xFFFF
    tl.store(value + offsets, tl.load(table + code, mask=inside, other=0), mask=inside)


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _both_kernel(codes, packed, value, slope, count, block: tl.constexpr):  # type: ignore[no-untyped-def, unused-ignore]
    start = tl.program_id(0).to(tl.int64) * block
    offsets = start + tl.arange(0, block)
    inside = offsets < count
    code = tl.load(codes + offsets, mask=inside, other=0).to(tl.int32) & 0xFFFF
    both = tl.load(packed + code, mask=inside, other=0)
    tl.store(value + offsets, both.to(tl.int16), mask=inside)  # integer casts keep the low bits
    tl.store(slope + offsets, (both >> 16).to(tl.int16), mask=inside)


def value(x: torch.Tensor, table: torch.Tensor, value: torch.Tensor) -> None:
    """Write ``table[x]`` to ``value``; see `regenerate.activations.cpu.value`."""
    count = x.numel()
    if count == 0:
        return
    with _current(x.device):
        _value_kernel[(triton.cdiv(count, _BLOCK),)](
            _codes(x), table, _codes(value), count, block=_BLOCK
        )


def value_and_slope(
    x: torch.Tensor, packed: torch.Tensor, value: torch.Tensor, slope: torch.Tensor
) -> None:
    """Write f(x) and f'(x); see `regenerate.activations.cpu.value_and_slope`."""
    count = x.numel()
    if count == 0:
        return
    with _current(x.device):
        _both_kernel[(triton.cdiv(count, _BLOCK),)](
            _codes(x), packed, _codes(value), _codes(slope), count, block=_BLOCK
        )


def _current(device: torch.device) -> AbstractContextManager[object]:
    """Make a GPU the current one, on which Triton starts kernels; interpreted, there is none."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _codes(x: torch.Tensor) -> torch.Tensor:
    """Return the storage of a gapless tensor in memory order as int16, without a copy."""
    return x.detach().as_strided((x.numel(),), (1,)).view(torch.int16)
