"""Sums over large maps on the CPU, in one pass each.

Maps are ``channels_last``, so the channel changes fastest, and loops over channels become vector
instructions. Sums are float64, whatever the maps are.
"""

from __future__ import annotations

import numpy as np

from regenerate.kernels.compiled import compiled

@compiled("void(float32[:, ::1], float64[:, ::1])", fastmath={"contract"})
def mean_and_variance(pixels, found):  # type: ignore[no-untyped-def]
    """Write mean and variance (over n, not n - 1) of the columns of ``pixels`` to (2, channels).

    Sums are of differences from the first row, so that a large mean does not cost the variance its
    digits.
    """
    count, channels = pixels.shape
    shift = np.empty(channels, np.float64)
    for c in range(channels):
        shift[c] = pixels[0, c]
    found[:] = 0
    first, second = found[0], found[1]
    for row in range(count):
        own = pixels[row]
        for c in range(channels):
            difference = own[c] - shift[c]
            first[c] += difference
            second[c] += difference * difference
    for c in range(channels):
        first[c] /= count
        variance = second[c] / count - first[c] * first[c]
        second[c] = 0.0 if variance < 0.0 else variance  # rounding; NaN stays NaN
        first[c] += shift[c]
