"""Sums over the pixels of large maps on the CPU, in one pass.

Maps are ``channels_last``, so the channel changes fastest, and loops over channels become vector
instructions. Sums are float64, whatever the maps are.
"""

from __future__ import annotations

import numpy as np

from regenerate.kernels.compiled import compiled

_MAPS = ("float32", "float64")


@compiled(
    [
        f"void({kind}[:, :, :, ::1], intp[:, ::1], UniTuple(intp, 2), float64[:, ::1])"
        for kind in _MAPS
    ],
    fastmath={"contract"},
)
def products_of_pixels(maps, parts, stride, found):  # type: ignore[no-untyped-def]
    """Add to ``found`` sums over images and pixels of the products of a pixel with another.

    Parameters
    ----------
    maps
        (images, height, width, channels).
    parts
        (sums, 6): of each sum the first pixel (row, column), the first of the others, and how many
        there are down and across.
    stride
        From one of them to the next, (down, across).
    found
        (sums, channels).
    """
    images, _, _, channels = maps.shape
    for n in range(images):
        for k in range(len(parts)):
            total = found[k]
            for y in range(parts[k, 4]):
                row, other = parts[k, 0] + y * stride[0], parts[k, 2] + y * stride[0]
                for x in range(parts[k, 5]):
                    one = maps[n, row, parts[k, 1] + x * stride[1]]
                    two = maps[n, other, parts[k, 3] + x * stride[1]]
                    for c in range(channels):
                        total[c] += np.float64(one[c]) * np.float64(two[c])


@compiled([f"void({kind}[:, ::1], float64[::1])" for kind in _MAPS], fastmath={"contract"})
def squares(pixels, found):  # type: ignore[no-untyped-def]
    """Add the sums of squares of the columns of ``pixels`` to ``found`` (channels,)."""
    for row in range(len(pixels)):
        own = pixels[row]
        for c in range(len(found)):
            found[c] += np.float64(own[c]) * np.float64(own[c])
