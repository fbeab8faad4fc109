"""Depthwise 3x3 convolutions with stride 2, of bfloat16 on the CPU, and their gradients.

torch has a fast path for stride 1, but none for the gradients at stride 2, nor for the gradient of
the taps where a map is smaller than they are (`small_weight_gradient`). Here every map is
widened once to float32 with a border of zeros, the even columns of a row first and then the odd
ones. So the nine neighbours of a stretch of outputs are nine stretches of that buffer, and the
loops over a stretch of `LANES` numbers or nearly so, a multiple of the channels, become vector
instructions.

Maps are ``channels_last``, ``(images, height * width * channels)`` bits of bfloat16; taps are
``(9, channels)`` float32 in the order of rows and columns. Results are rounded once.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from regenerate.kernels.bfloat16_cpu import rounded, widened
from regenerate.kernels.compiled import compiled

LANES = 512

Bits = NDArray[np.uint16]
Singles = NDArray[np.float32]


@numba.njit(inline="always")
def _neighbours(width, channels):  # type: ignore[no-untyped-def]
    """Return where in a row of the buffer the left, middle and right neighbours begin."""
    return 0, (width + 3) // 2 * channels, channels


@compiled()
def _widen(image, height, width, channels, buffer):  # type: ignore[no-untyped-def]
    """Write a map into the buffer, whose border stays as it is: zeros."""
    evens = (width + 3) // 2
    for y in range(height):
        row = buffer[y + 1]
        for x in range(width):
            column = (x + 1) // 2 + (x + 1) % 2 * evens
            source = image[(y * width + x) * channels : (y * width + x + 1) * channels]
            place = row[column * channels : (column + 1) * channels]
            for c in range(channels):
                place[c] = widened(source[c])


@compiled()
def _to_lanes(taps, lanes):  # type: ignore[no-untyped-def]
    wide = np.empty((taps.shape[0], lanes), np.float32)
    channels = taps.shape[1]
    for tap in range(taps.shape[0]):
        for start in range(0, lanes, channels):
            for channel in range(channels):
                wide[tap, start + channel] = taps[tap, channel]
    return wide


@compiled(
    "void(uint16[:, ::1], float32[:, ::1], intp, intp, uint16[:, ::1])",
    fastmath={"contract"},
)
def forward(maps, taps, height, width, out):  # type: ignore[no-untyped-def]
    """Write the convolution."""
    channels = taps.shape[1]
    high, wide = (height + 1) // 2, (width + 1) // 2
    lanes = channels * max(1, min(wide, LANES // channels))
    t = _to_lanes(taps, lanes)
    t0, t1, t2, t3, t4, t5, t6, t7, t8 = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8]
    buffer = np.zeros((height + 2, (width + 3) * channels), np.float32)
    left, middle, right = _neighbours(width, channels)
    length = wide * channels
    for n in range(maps.shape[0]):
        _widen(maps[n], height, width, channels, buffer)
        for y in range(high):
            a, b, c = buffer[2 * y], buffer[2 * y + 1], buffer[2 * y + 2]
            for start in range(0, length, lanes):
                stop = min(start + lanes, length)
                place = out[n, y * length + start : y * length + stop]
                a0, a1, a2 = a[left + start :], a[middle + start :], a[right + start :]
                b0, b1, b2 = b[left + start :], b[middle + start :], b[right + start :]
                c0, c1, c2 = c[left + start :], c[middle + start :], c[right + start :]
                for i in range(place.size):
                    upper = a0[i] * t0[i] + a1[i] * t1[i] + a2[i] * t2[i]
                    same = b0[i] * t3[i] + b1[i] * t4[i] + b2[i] * t5[i]
                    lower = c0[i] * t6[i] + c1[i] * t7[i] + c2[i] * t8[i]
                    place[i] = rounded(upper + same + lower)


@compiled(
    "void(uint16[:, ::1], uint16[:, ::1], intp, intp, float32[:, ::1])",
    fastmath={"contract"},
)
def weight_gradient(maps, gradients, height, width, found):  # type: ignore[no-untyped-def]
    """Add the gradient of the taps to ``found``, (9, channels).

    Sums run over an image in float32 and then over images, so none is long.
    """
    channels = found.shape[1]
    high, wide = (height + 1) // 2, (width + 1) // 2
    lanes = channels * max(1, min(wide, LANES // channels))
    sums = np.empty((9, lanes), np.float32)
    gradient = np.empty(lanes, np.float32)
    buffer = np.zeros((height + 2, (width + 3) * channels), np.float32)
    columns = _neighbours(width, channels)
    length = wide * channels
    for n in range(maps.shape[0]):
        _widen(maps[n], height, width, channels, buffer)
        sums[:] = 0
        for y in range(high):
            for start in range(0, length, lanes):
                stop = min(start + lanes, length)
                bits = gradients[n, y * length + start : y * length + stop]
                for i in range(bits.size):
                    gradient[i] = widened(bits[i])
                for tap in range(9):
                    # One tap after the other: of more sums at once no vectors are made.
                    row = buffer[2 * y + tap // 3]
                    neighbours, own = row[columns[tap % 3] + start :], sums[tap]
                    for i in range(bits.size):
                        own[i] += gradient[i] * neighbours[i]
        for tap in range(9):
            for start in range(0, lanes, channels):
                own, total = sums[tap, start : start + channels], found[tap]
                for channel in range(channels):
                    total[channel] += own[channel]


@compiled(
    "void(uint16[:, ::1], float32[:, ::1], intp, intp, uint16[:, ::1])",
    fastmath={"contract"},
)
def input_gradient(gradients, taps, height, width, out):  # type: ignore[no-untyped-def]
    """Write the gradient of the maps, of ``height`` and ``width``.

    An even row of a map was seen by the middle row of the taps only; an odd one by the last for the
    output row above and by the first for the one below. So with columns.
    """
    channels = taps.shape[1]
    high, wide = (height + 1) // 2, (width + 1) // 2
    length = wide * channels
    t = _to_lanes(taps, length)
    buffer = np.zeros((high + 1, length + channels), np.float32)
    even, odd = np.empty(length, np.float32), np.empty(length, np.float32)
    for n in range(gradients.shape[0]):
        for y in range(high):
            source, row = gradients[n, y * length : (y + 1) * length], buffer[y]
            for i in range(length):
                row[i] = widened(source[i])
        for y in range(height):
            # For an even row the second is the row of zeros below the gradients.
            first, second = buffer[y // 2], buffer[y // 2 + 1 if y % 2 else high]
            row1, row2 = (2, 0) if y % 2 else (1, 0)
            l1, m1, r1 = t[3 * row1], t[3 * row1 + 1], t[3 * row1 + 2]
            l2, m2, r2 = t[3 * row2], t[3 * row2 + 1], t[3 * row2 + 2]
            next1, next2 = first[channels:], second[channels:]
            for i in range(length):
                even[i] = first[i] * m1[i] + second[i] * m2[i]
            for i in range(length):
                odd[i] = (first[i] * r1[i] + next1[i] * l1[i]) + (
                    second[i] * r2[i] + next2[i] * l2[i]
                )
            for x in range(width):
                source = odd if x % 2 else even
                begin = x // 2 * channels
                place = out[n, (y * width + x) * channels : (y * width + x + 1) * channels]
                for c in range(channels):
                    place[c] = rounded(source[begin + c])


@compiled(
    "void(uint16[:, ::1], uint16[:, ::1], intp, intp, float32[:, ::1])",
    fastmath={"contract"},
)
def small_weight_gradient(maps, gradients, height, width, found):  # type: ignore[no-untyped-def]
    """Add the gradient of the taps at stride 1 to ``found``, (9, channels), for maps of few pixels.

    Sums run over images in float32, for each pair of pixels on its own.
    """
    channels = found.shape[1]
    total = np.empty(channels, np.float32)
    for y in range(height):
        for x in range(width):
            for tap in range(9):
                row, column = y + tap // 3 - 1, x + tap % 3 - 1
                if row < 0 or row >= height or column < 0 or column >= width:
                    continue
                own, other = (y * width + x) * channels, (row * width + column) * channels
                total[:] = 0
                for n in range(maps.shape[0]):
                    gradient, seen = gradients[n, own:], maps[n, other:]
                    for c in range(channels):
                        total[c] += widened(gradient[c]) * widened(seen[c])
                for c in range(channels):
                    found[tap, c] += total[c]
