"""Numbers of the page, small: bytes compressed by zlib, in base64, which the browser undoes."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

DIGITS: Final = 16
"""Binary digits after the first that floats keep: a relative error of at most 2**-17."""
_MANTISSA: Final = 23


def packed(numbers: NDArray[np.integer]) -> str:
    r"""Return the bytes of an array, compressed.

    Examples
    --------
    >>> zlib.decompress(base64.b64decode(packed(np.array([1, 2], np.uint8))))
    b'\x01\x02'
    """
    return base64.b64encode(zlib.compress(numbers.tobytes(), 9)).decode()


def packed_floats(values: ArrayLike, digits: int = DIGITS) -> str:
    """Return numbers as float32 with few digits, compressed; NaN stands for one that is missing.

    The first bytes of all numbers come first, then the second ones, which compresses better.

    Examples
    --------
    >>> [round(value, 5) for value in unpacked_floats(packed_floats([0.5, 1 / 3])).tolist()]
    [0.5, 0.33333]
    """
    with np.errstate(over="ignore"):  # a loss may be too large: infinity
        numbers = np.asarray(values, np.float32).ravel()
    step = 1 << (_MANTISSA - digits)
    bits = np.where(np.isnan(numbers), np.float32(np.nan), numbers).view(np.uint32)
    rounded = np.where(np.isfinite(numbers), bits + np.uint32(step // 2), bits)
    kept = (rounded & np.uint32(0xFFFFFFFF - (step - 1))).astype("<u4")
    return packed(np.ascontiguousarray(kept.view(np.uint8).reshape(-1, 4).T))


def unpacked_floats(text: str) -> NDArray[np.float32]:
    """Return what `packed_floats` was given, as far as it keeps it."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).view("<f4").ravel()
