"""Sums over large maps on the CPU, in one pass each.

Maps are ``channels_last``, so the channel changes fastest, and loops over channels become vector
instructions. Sums are float64, whatever the maps are.
"""

from __future__ import annotations

import numpy as np

from regenerate.kernels.compiled import compiled


@compiled(
    [
        f"void({kind}[:, :, :, ::1], intp, intp, UniTuple(intp, 2), UniTuple(intp, 2),"
        " UniTuple(intp, 2), float64[:, :, ::1])"
        for kind in ("float32", "float64")
    ],
    fastmath={"contract"},
)
def depthwise_products(maps, high, wide, kernel, stride, padding, found):  # type: ignore[no-untyped-def]
    """Add to ``found`` sums over images and positions of products of the pixels of a patch.

    Parameters
    ----------
    maps
        (images, height, width, channels).
    high, wide
        Output positions down and across.
    kernel, stride, padding
        Of the convolution, (down, across).
    found
        (f, f + 1, channels) with f the pixels of the kernel: at (d, e) the products of pixel d with
        a pixel e that is not before it, at (d, f) the sums of pixel d. The rest is left alone.
    """
    images, height, width, channels = maps.shape
    pixels = kernel[0] * kernel[1]
    padded = np.zeros((height + 2 * padding[0], width + 2 * padding[1], channels), np.float64)
    for n in range(images):
        for y in range(height):
            for x in range(width):
                place, pixel = padded[y + padding[0], x + padding[1]], maps[n, y, x]
                for c in range(channels):
                    place[c] = pixel[c]
        for y in range(high):
            for x in range(wide):
                top, left = y * stride[0], x * stride[1]
                for d in range(pixels):
                    first = padded[top + d // kernel[1], left + d % kernel[1]]
                    total = found[d, pixels]
                    for c in range(channels):
                        total[c] += first[c]
                    for e in range(d, pixels):
                        second = padded[top + e // kernel[1], left + e % kernel[1]]
                        total = found[d, e]
                        for c in range(channels):
                            total[c] += first[c] * second[c]


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
