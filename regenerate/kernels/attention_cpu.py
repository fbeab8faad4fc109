"""The inner part of separable attention for bfloat16 on the CPU, in one loop each way.

What torch does in a dozen operations on slices of a small tensor, a loop does while a group of
tokens is in the cache. A row is one group, the tokens at one place in the patches of one image, and
holds for each token its score, key and value, ``1 + 2 channels`` bits of bfloat16. Arithmetic is
float32 and results are rounded once.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from regenerate.kernels.bfloat16_cpu import rounded, widened
from regenerate.kernels.compiled import compiled

Bits = NDArray[np.uint16]
Singles = NDArray[np.float32]


@compiled(
    "void(uint16[:, ::1], float32[:, ::1], float32[:, ::1], uint16[:, ::1])",
)
def forward(rows, shares, context, out):  # type: ignore[no-untyped-def]
    """Write the softmax of the scores, the context and the rectified values times it.

    ``shares`` is (groups, tokens), ``context`` (groups, channels), ``out`` (groups, tokens times
    channels).
    """
    tokens, channels = shares.shape[1], context.shape[1]
    width = 1 + 2 * channels
    for group in range(rows.shape[0]):
        row, share, mean, result = rows[group], shares[group], context[group], out[group]
        largest = widened(row[0])
        for token in range(1, tokens):
            largest = max(largest, widened(row[token * width]))
        total = np.float32(0)
        for token in range(tokens):
            share[token] = math.exp(widened(row[token * width]) - largest)
            total += share[token]
        mean[:] = 0
        for token in range(tokens):
            share[token] /= total
            weight, keys = share[token], row[token * width + 1 :]
            for channel in range(channels):
                mean[channel] += weight * widened(keys[channel])
        for token in range(tokens):
            values = row[token * width + 1 + channels :]
            place = result[token * channels : (token + 1) * channels]
            for channel in range(channels):
                value = widened(values[channel])
                rectified = np.float32(0) if value <= 0 else value  # NaN stays NaN
                place[channel] = rounded(rectified * mean[channel])


@compiled(
    "void(uint16[:, ::1], float32[:, ::1], float32[:, ::1], uint16[:, ::1], uint16[:, ::1])",
    fastmath={"contract", "reassoc"},  # or the sum over channels would not become vectors
)
def backward(rows, shares, context, gradients, to_rows):  # type: ignore[no-untyped-def]
    """Write the gradient of the rows from that of ``out``."""
    tokens, channels = shares.shape[1], context.shape[1]
    width = 1 + 2 * channels
    to_mean = np.empty(channels, np.float32)
    to_share = np.empty(tokens, np.float32)
    for group in range(rows.shape[0]):
        row, share, mean = rows[group], shares[group], context[group]
        gradient, to_row = gradients[group], to_rows[group]
        to_mean[:] = 0
        for token in range(tokens):
            values = row[token * width + 1 + channels :]
            to_values = to_row[token * width + 1 + channels :]
            own = gradient[token * channels : (token + 1) * channels]
            for channel in range(channels):
                value, incoming = widened(values[channel]), widened(own[channel])
                off = value <= 0
                to_mean[channel] += np.float32(0) if off else incoming * value
                to_values[channel] = rounded(np.float32(0) if off else incoming * mean[channel])
        weighted = np.float32(0)
        for token in range(tokens):
            keys, to_keys = row[token * width + 1 :], to_row[token * width + 1 :]
            weight, found = share[token], np.float32(0)
            for channel in range(channels):
                found += widened(keys[channel]) * to_mean[channel]
            for channel in range(channels):
                to_keys[channel] = rounded(weight * to_mean[channel])
            to_share[token] = found
            weighted += weight * found
        for token in range(tokens):
            to_row[token * width] = rounded(share[token] * (to_share[token] - weighted))
