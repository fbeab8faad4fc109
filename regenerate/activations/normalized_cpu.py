"""Batch normalization, addition and look-up in one loop each way, for bfloat16 on the CPU.

A feature map in ``channels_last`` is a line of numbers in which the channel changes fastest. The
loops cut it into rows of `LANES` numbers or nearly so, a multiple of the channels: so each lane
always meets the same channel, its sums and coefficients lie in arrays of a row's length, and the
compiler makes vector instructions of the loop over lanes, however few channels there are. Sums run
over rows in float32 and over lanes in float64. So that a large mean does not cost the variance its
digits, sums are of differences from a channel's first number.

Deep networks of small layers call these loops thousands of times per second. So they take addresses
of tensors (``Tensor.data_ptr()``, 0 for a tensor that is not there): the view of a tensor as an
array of NumPy costs as much as the arithmetic of a small layer. A tensor of bfloat16 is read and
written as bits; arithmetic is float32 and rounds once. What belongs to channels is float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from regenerate.activations.cpu import in_threads
from regenerate.kernels.bfloat16_cpu import bits_at, float32_view, pointer, rounded, widened
from regenerate.kernels.compiled import compiled

LANES = 512

Singles: TypeAlias = NDArray[np.float32]


def in_rows(size: int, channels: int, work: Callable[[int, int], None]) -> None:
    """Call ``work(start, stop)`` for parts of a line of numbers, one per thread, of whole rows."""
    if torch.get_num_threads() == 1:
        work(0, size)
        return
    lanes = channels * max(1, LANES // channels)
    in_threads(size, lambda part: work(part.start, part.stop), multiple=lanes)


def sum_in_rows(size: int, channels: int, work: Callable[[int, int], Singles]) -> Singles:
    """Return the sum of what ``work(start, stop)`` gives for such parts."""
    if torch.get_num_threads() == 1:
        return work(0, size)
    found: dict[int, Singles] = {}
    in_rows(size, channels, lambda start, stop: found.update({start: work(start, stop)}))
    # In the order of the parts, so that the sum does not depend on which thread ends first.
    total: Singles = np.sum([found[start] for start in sorted(found)], axis=0)
    return total


@compiled("float32[:, ::1](intp, intp, intp, intp)")
def sums(x_at, start, stop, channels):  # type: ignore[no-untyped-def]
    """Return (2, lanes): of x[start:stop], less each channel's first number, and of its square."""
    lanes = channels * max(1, LANES // channels)
    x = bits_at(x_at, stop)
    shift, found = np.empty(lanes, np.float32), np.zeros((2, lanes), np.float32)
    for begin in range(0, lanes, channels):  # a remainder for each lane would take longer
        for channel in range(channels):
            shift[begin + channel] = widened(x[channel])
    first, second = found[0], found[1]
    for begin in range(start, stop, lanes):
        row = x[begin : min(begin + lanes, stop)]
        for i in range(row.size):
            difference = widened(row[i]) - shift[i]
            first[i] += difference
            second[i] += difference * difference
    return found


@compiled("float32[:, ::1](float32[:, ::1], intp, intp, intp)")
def statistics(total, x_at, size, channels):  # type: ignore[no-untyped-def]
    """Return (2, channels): mean and variance (over n, not n - 1), from the sums."""
    x = bits_at(x_at, channels)
    found, count = np.empty((2, channels), np.float32), size // channels
    for channel in range(channels):
        first, second = 0.0, 0.0
        for lane in range(channel, total.shape[1], channels):
            first += total[0, lane]
            second += total[1, lane]
        first /= count
        found[0, channel] = widened(x[channel]) + first
        variance = second / count - first * first
        found[1, channel] = 0.0 if variance < 0.0 else variance  # rounding; NaN stays NaN
    return found


@compiled("void(float32[:, ::1], intp, intp, intp, float64)")
def track(found, mean_at, variance_at, count, momentum):  # type: ignore[no-untyped-def]
    """Move running statistics towards those of a batch with ``count`` numbers per channel."""
    channels = found.shape[1]
    mean, variance = float32_view(mean_at, channels), float32_view(variance_at, channels)
    unbiased = count / max(count - 1, 1)
    for channel in range(channels):
        mean[channel] += momentum * (found[0, channel] - mean[channel])
        variance[channel] += momentum * (found[1, channel] * unbiased - variance[channel])


@compiled("float32[:, ::1](intp, intp, intp, intp, intp, float64)")
def normalizing(mean_at, variance_at, weight_at, bias_at, channels, eps):  # type: ignore[no-untyped-def]
    """Return (2, lanes): the scale and offset that normalize."""
    mean, variance = float32_view(mean_at, channels), float32_view(variance_at, channels)
    weight, bias = float32_view(weight_at, channels), float32_view(bias_at, channels)
    lanes = channels * max(1, LANES // channels)
    rows = np.empty((2, lanes), np.float32)
    for channel in range(channels):
        scale = np.float32(weight[channel] / np.sqrt(variance[channel] + eps))
        offset = np.float32(bias[channel] - mean[channel] * scale)
        for lane in range(channel, lanes, channels):
            rows[0, lane], rows[1, lane] = scale, offset
    return rows


@numba.njit(inline="always")
def _normalize(row, rows, shortcut, begin, value):  # type: ignore[no-untyped-def]
    """Write the rounded scale x + offset + shortcut of a row."""
    scale, offset = rows[0], rows[1]
    if shortcut.size:
        added = shortcut[begin : begin + row.size]
        for i in range(row.size):
            value[i] = rounded(widened(row[i]) * scale[i] + offset[i] + widened(added[i]))
    else:
        for i in range(row.size):
            value[i] = rounded(widened(row[i]) * scale[i] + offset[i])


@compiled("void(intp, intp, float32[:, ::1], intp, intp, intp, intp, intp)")
def forward(x_at, shortcut_at, rows, packed_at, value_at, slope_at, start, stop):  # type: ignore[no-untyped-def]
    """Write f(z) and f'(z) for z = scale x + offset + shortcut; without a table, z alone."""
    x, value = bits_at(x_at, stop), bits_at(value_at, stop)
    slope = bits_at(slope_at, stop if packed_at else 0)
    shortcut = bits_at(shortcut_at, stop if shortcut_at else 0)
    packed = numba.carray(pointer(packed_at), (1 << 16,), np.uint32)  # type: ignore[attr-defined, call-arg]
    codes, both = np.empty(rows.shape[1], np.uint16), np.empty(rows.shape[1], np.uint32)
    for begin in range(start, stop, rows.shape[1]):
        end = min(begin + rows.shape[1], stop)
        row, value_row = x[begin:end], value[begin:end]
        if not packed_at:
            _normalize(row, rows, shortcut, begin, value_row)
            continue
        _normalize(row, rows, shortcut, begin, codes)
        # Loops of their own: with the look-up in them, neither the arithmetic nor the parting of
        # value and slope would become vectors, and two stores a look-up take a core twice as long.
        for i in range(row.size):
            both[i] = packed[codes[i]]
        slope_row = slope[begin:end]
        for i in range(row.size):
            value_row[i] = np.uint16(both[i] & np.uint32(0xFFFF))
            slope_row[i] = np.uint16(both[i] >> np.uint32(16))


@compiled("void(intp, intp, float32[:, ::1], intp, intp, intp, intp)")
def evaluation(x_at, shortcut_at, rows, table_at, value_at, start, stop):  # type: ignore[no-untyped-def]
    """Write f(z) alone, or z without a table; see :func:`forward`."""
    x, value = bits_at(x_at, stop), bits_at(value_at, stop)
    shortcut = bits_at(shortcut_at, stop if shortcut_at else 0)
    table = bits_at(table_at, 1 << 16 if table_at else 0)
    for begin in range(start, stop, rows.shape[1]):
        end = min(begin + rows.shape[1], stop)
        value_row = value[begin:end]
        _normalize(x[begin:end], rows, shortcut, begin, value_row)
        if table_at:
            for i in range(value_row.size):
                value_row[i] = table[value_row[i]]


@compiled("float32[:, ::1](intp, intp, intp, float32[:, ::1], intp, intp)")
def gradient_sums(gradient_at, slope_at, x_at, found, start, stop):  # type: ignore[no-untyped-def]
    """Return (2, lanes): of d = gradient times slope (1 without slopes), and of d (x - mean)."""
    channels = found.shape[1]
    lanes = channels * max(1, LANES // channels)
    gradient, x = bits_at(gradient_at, stop), bits_at(x_at, stop)
    slope = bits_at(slope_at, stop if slope_at else 0)
    mean, total = np.empty(lanes, np.float32), np.zeros((2, lanes), np.float32)
    for begin in range(0, lanes, channels):
        for channel in range(channels):
            mean[begin + channel] = found[0, channel]
    first, second = total[0], total[1]
    for begin in range(start, stop, lanes):
        end = min(begin + lanes, stop)
        row, gradient_row, slope_row = x[begin:end], gradient[begin:end], slope[begin:end]
        if not slope_at:
            for i in range(row.size):
                inner = widened(gradient_row[i])
                first[i] += inner
                second[i] += inner * (widened(row[i]) - mean[i])
            continue
        for i in range(row.size):
            inner = widened(gradient_row[i]) * widened(slope_row[i])
            first[i] += inner
            second[i] += inner * (widened(row[i]) - mean[i])
    return total


@compiled(
    "Tuple((float32[:, ::1], float32[:, ::1]))(float32[:, ::1], float32[:, ::1], intp, intp,"
    " float64)",
)
def gradient_rows(total, found, weight_at, count, eps):  # type: ignore[no-untyped-def]
    """Return the gradients of weight and bias, and the coefficients of d, x and 1 in that of x.

    (2, channels) and (3, lanes). With r = 1 / sqrt(variance + eps) and y = w (x - mean) r + b, and
    D and E the sums of d and of d (x - mean): dL/dw = r E, dL/db = D, and
    dL/dx = w r (d - D / n - (x - mean) r^2 E / n).
    """
    channels = found.shape[1]
    weight, lanes = float32_view(weight_at, channels), total.shape[1]
    of_parameters = np.empty((2, channels), np.float32)
    rows = np.empty((3, lanes), np.float32)
    for channel in range(channels):
        first, second = 0.0, 0.0
        for lane in range(channel, lanes, channels):
            first += total[0, lane]
            second += total[1, lane]
        inverse = 1.0 / np.sqrt(found[1, channel] + eps)
        scale = weight[channel] * inverse
        by_x = -scale * inverse * inverse * second / count
        offset = -scale * first / count - by_x * found[0, channel]
        of_parameters[0, channel], of_parameters[1, channel] = second * inverse, first
        for lane in range(channel, lanes, channels):
            rows[0, lane], rows[1, lane], rows[2, lane] = scale, by_x, offset
    return of_parameters, rows


@compiled("void(intp, intp, intp, float32[:, ::1], intp, intp, intp, intp)")
def backward(gradient_at, slope_at, x_at, rows, to_x_at, to_shortcut_at, start, stop):  # type: ignore[no-untyped-def]
    """Write the gradients of x and of the shortcut; that of the shortcut only with slopes."""
    scale, by_x, offset = rows[0], rows[1], rows[2]
    gradient, x = bits_at(gradient_at, stop), bits_at(x_at, stop)
    slope = bits_at(slope_at, stop if slope_at else 0)
    to_x, to_shortcut = (
        bits_at(to_x_at, stop),
        bits_at(to_shortcut_at, stop if to_shortcut_at else 0),
    )
    for begin in range(start, stop, rows.shape[1]):
        end = min(begin + rows.shape[1], stop)
        row, gradient_row, slope_row = x[begin:end], gradient[begin:end], slope[begin:end]
        to_row = to_x[begin:end]
        if not slope_at:
            for i in range(row.size):
                inner = widened(gradient_row[i])
                to_row[i] = rounded(scale[i] * inner + by_x[i] * widened(row[i]) + offset[i])
            continue
        for i in range(row.size):
            inner = widened(gradient_row[i]) * widened(slope_row[i])
            to_row[i] = rounded(scale[i] * inner + by_x[i] * widened(row[i]) + offset[i])
        if to_shortcut.size:
            inner_row = to_shortcut[begin:end]
            for i in range(row.size):
                inner_row[i] = rounded(widened(gradient_row[i]) * widened(slope_row[i]))
