"""Images averaged down to another size, to the same integers on every machine."""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray


def shrink(images: NDArray[np.uint8], height: int, width: int | None = None) -> NDArray[np.uint8]:
    """Return images whose pixels are averages over the areas that they cover, rounded half up.

    Sides need not divide each other: a pixel that is covered in part counts in part. A side that
    grows repeats pixels. All sums are of integers that the floating-point format holds exactly,
    so no order of summation, and so no machine and no version of a library, can change a pixel.

    Parameters
    ----------
    images
        ``(n, height, width, channels)`` uint8.
    height, width
        The new size in pixels; ``width`` is ``height`` if not given.

    Examples
    --------
    >>> image = np.array([[0, 100, 200], [30, 130, 230], [60, 160, 255]], dtype=np.uint8)
    >>> shrink(image[None, :, :, None], 2)[0, :, :, 0]
    array([[ 43, 177],
           [ 83, 214]], dtype=uint8)
    """
    rows = _shares(images.shape[1], height)
    columns = _shares(images.shape[2], height if width is None else width)
    whole = rows[0].sum() * columns[0].sum()
    # Both hold these integers exactly where they are used; the shorter one is faster.
    exact: type[np.floating] = np.float32 if 255 * whole < 1 << 24 else np.float64
    rows, columns = rows.astype(exact), columns.astype(exact)
    shrunk = np.empty((len(images), len(rows), len(columns), images.shape[3]), dtype=np.uint8)
    for image, place in zip(images, shrunk, strict=True):
        before = image.astype(exact).reshape(image.shape[0], -1)
        down = (rows @ before).reshape(len(rows), *image.shape[1:]).transpose(1, 0, 2)
        total = columns @ down.reshape(image.shape[1], -1)
        rounded = np.floor(total.astype(np.float64) / whole + 0.5)
        place[:] = rounded.reshape(len(columns), len(rows), -1).transpose(1, 0, 2)
    return shrunk


def _shares(before: int, after: int) -> NDArray[np.float64]:
    """Return (after, before): how much of each old pixel lies in each new one, as integers.

    The picture is measured in units of which an old pixel has ``after / g`` and a new one
    ``before / g``, with g their greatest common divisor; so every row sums to the latter.
    """
    common = gcd(before, after)
    old, new = after // common, before // common
    edges_old = old * np.arange(before + 1)
    edges_new = new * np.arange(after + 1)[:, None]
    low = np.maximum(edges_old[None, :-1], edges_new[:-1])
    high = np.minimum(edges_old[None, 1:], edges_new[1:])
    shares: NDArray[np.float64] = np.maximum(high - low, 0).astype(np.float64)
    return shares
