"""An order of images that depends on their content alone, and of which any prefix is stratified."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def stratified_order(
    digests: Sequence[bytes], labels: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Return the order by (rank within the class by digest, class).

    Parameters
    ----------
    digests
        A hash of each image, or of what names it.
    labels
        (images,) its class.
    classes
        How many there are.

    Examples
    --------
    >>> stratified_order([b"c", b"b", b"a"], np.array([0, 1, 0]), 2).tolist()
    [2, 1, 0]
    """
    rank = np.empty(len(digests), dtype=np.int64)
    seen = [0] * classes
    for index in sorted(range(len(digests)), key=digests.__getitem__):
        label = int(labels[index])
        rank[index] = seen[label]
        seen[label] += 1
    return np.lexsort((labels, rank))
