"""What the arrangement of the compiled loops of training is worth, in turns in one run.

Each loop is measured against the same arithmetic written straight on, on one core in processor
time, at sizes of a ``proxy`` step of MobileViTv2; results are compared to the last bit first:

- ``look-up``: f and f' of bfloat16 numbers, each stored as it is found;
- ``normalize and look up``: the same behind a batch normalization, on the numbers in place;
- ``gradient of taps``: depthwise 3x3 of stride 2, with a remainder for the channel of each lane.

    python benchmarks/loops.py [--turns 25]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from act_bench.functions.expression import parse
from regenerate.activations import cpu, normalized_cpu, tabulate
from regenerate.kernels import depthwise_cpu
from regenerate.kernels.bfloat16_cpu import rounded, widened

Codes = NDArray[np.uint16]
Outcome = tuple[NDArray[Any], ...]
Job = Callable[[], Outcome]
IMAGES = 64


@numba.njit("void(uint32[::1], uint16[::1], uint16[::1], uint16[::1])", nogil=True)
def plain_look_up(packed, codes, value, slope):  # type: ignore[no-untyped-def]
    """Write f and f', one after the other."""
    for i in range(codes.size):
        both = packed[codes[i]]
        value[i] = np.uint16(both & np.uint32(0xFFFF))
        slope[i] = np.uint16(both >> np.uint32(16))


@numba.njit("void(uint32[::1], float32[:, ::1], uint16[::1], uint16[::1], uint16[::1])", nogil=True)
def plain_normalized(packed, rows, x, value, slope):  # type: ignore[no-untyped-def]
    """Write f(scale x + offset) and f', row by row."""
    scale, offset = rows[0], rows[1]
    for begin in range(0, x.size, scale.size):
        row, value_row = x[begin : begin + scale.size], value[begin : begin + scale.size]
        slope_row = slope[begin : begin + scale.size]
        for i in range(row.size):
            value_row[i] = rounded(widened(row[i]) * scale[i] + offset[i])
        for i in range(row.size):
            both = packed[value_row[i]]
            value_row[i] = np.uint16(both & np.uint32(0xFFFF))
            slope_row[i] = np.uint16(both >> np.uint32(16))


@numba.njit(
    "void(uint16[:, ::1], uint16[:, ::1], intp, float32[:, ::1])", nogil=True, fastmath={"contract"}
)
def plain_taps(maps, gradients, side, found):  # type: ignore[no-untyped-def]
    """Add the gradient of the taps, as `depthwise_cpu.weight_gradient` does, lane by lane."""
    channels, half = found.shape[1], (side + 1) // 2
    lanes = channels * max(1, min(half, depthwise_cpu.LANES // channels))
    sums, gradient = np.empty((9, lanes), np.float32), np.empty(lanes, np.float32)
    buffer = np.zeros((side + 2, (side + 3) * channels), np.float32)
    columns, length = depthwise_cpu._neighbours(side, channels), half * channels
    for n in range(maps.shape[0]):
        depthwise_cpu._widen(maps[n], side, side, channels, buffer)
        sums[:] = 0
        for y in range(half):
            for start in range(0, length, lanes):
                stop = min(start + lanes, length)
                bits = gradients[n, y * length + start : y * length + stop]
                for i in range(bits.size):
                    gradient[i] = widened(bits[i])
                for tap in range(9):
                    row = buffer[2 * y + tap // 3]
                    neighbours, own = row[columns[tap % 3] + start :], sums[tap]
                    for i in range(bits.size):
                        own[i] += gradient[i] * neighbours[i]
        for tap in range(9):
            for lane in range(lanes):
                found[tap, lane % channels] += sums[tap, lane]


def codes(random: np.random.Generator, *shape: int) -> Codes:
    """Return normal draws as bits of bfloat16."""
    drawn = random.standard_normal(shape, np.float32).view(np.uint32)
    return (drawn >> np.uint32(16)).astype(np.uint16)


def pairs() -> dict[str, tuple[Job, Job]]:
    """Return the jobs: what is measured -> the plain loop, and ours."""
    random = np.random.default_rng(0)
    packed = tabulate(parse("mul(erf(x),softplus(x))")).packed
    packed_at = packed.ctypes.data
    rows = np.ones((2, normalized_cpu.LANES), np.float32)
    jobs: dict[str, tuple[Job, Job]] = {}
    for count in (147_456, 1_179_648):
        x, value, slope = codes(random, count), *np.empty((2, count), np.uint16)

        def looked_up(
            loop: Any, x: Codes = x, value: Codes = value, slope: Codes = slope
        ) -> Outcome:
            loop(packed, x, value, slope)
            return value, slope

        jobs[f"look-up of {count:,}"] = (
            lambda job=looked_up: job(plain_look_up),  # type: ignore[misc]
            lambda job=looked_up: job(cpu._look_up_both),  # type: ignore[misc]
        )

        def plain(x: Codes = x, value: Codes = value, slope: Codes = slope) -> Outcome:
            plain_normalized(packed, rows, x, value, slope)
            return value, slope

        def ours(x: Codes = x, value: Codes = value, slope: Codes = slope) -> Outcome:
            at, value_at, slope_at = (each.ctypes.data for each in (x, value, slope))
            normalized_cpu.forward(at, 0, rows, packed_at, value_at, slope_at, 0, x.size)
            return value, slope

        jobs[f"normalize and look up {count:,}"] = plain, ours
    for channels, side in ((64, 24), (128, 12), (256, 6), (384, 4)):
        half = (side + 1) // 2
        maps = codes(random, IMAGES, side * side * channels)
        gradients = codes(random, IMAGES, half * half * channels)

        def plain_gradient(
            maps: Codes = maps, gradients: Codes = gradients, side: int = side, n: int = channels
        ) -> Outcome:
            found = np.zeros((9, n), np.float32)
            plain_taps(maps, gradients, side, found)
            return (found,)

        def our_gradient(
            maps: Codes = maps, gradients: Codes = gradients, side: int = side, n: int = channels
        ) -> Outcome:
            found = np.zeros((9, n), np.float32)
            depthwise_cpu.weight_gradient(maps, gradients, side, side, found)
            return (found,)

        jobs[f"gradient of taps, {channels} channels, side {side}"] = plain_gradient, our_gradient
    return jobs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=25)
    turns = parser.parse_args().turns
    torch.set_num_threads(1)
    print("| loop | plain, us | ours, us | ratio |\n|---|---|---|---|")
    for name, both in pairs().items():
        first, second = ([each.tobytes() for each in job()] for job in both)
        if first != second:
            raise SystemExit(f"{name}: the loops differ")
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(turns):
            for job, times in zip(both, taken, strict=True):
                start = time.thread_time()
                job()
                times.append((time.thread_time() - start) * 1e6)
        plain, ours = (statistics.median(times) for times in taken)
        print(f"| {name} | {plain:.0f} | {ours:.0f} | {plain / ours:.2f} |")


if __name__ == "__main__":
    main()
