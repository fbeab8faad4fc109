"""Distances of functions whose features lie side by side: outputs first, then Fisher spectra."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_bench.errors import ArgumentError
from act_bench.spaces.distances import all_pairs

Float = NDArray[np.float64]


def part_distances(a: Float, b: Float, split: int | None) -> list[Float]:
    """Return the distances of two sets of functions, one matrix a part.

    Parameters
    ----------
    a, b : array of shape (functions, columns)
    split : int or None
        Columns before it are compared by the Euclidean distance, as outputs are (Eq. 3), columns
        from it on by the Manhattan distance, as Fisher spectra are (Eq. 2). None: all Euclidean.

    Examples
    --------
    >>> apart = part_distances(np.zeros((1, 4)), np.array([[3.0, 4.0, 1.0, 1.0]]), split=2)
    >>> [distances.tolist() for distances in apart]
    [[[5.0]], [[2.0]]]
    """
    split = a.shape[1] if split is None else split
    found = []
    if split > 0:
        found.append(all_pairs(a[:, :split], b[:, :split], "euclidean"))
    if split < a.shape[1]:
        found.append(all_pairs(a[:, split:], b[:, split:], "manhattan"))
    return found


def check_split(split: int | None, columns: int) -> None:
    """Refuse a split that is not within the columns."""
    if split is not None and not 0 <= split <= columns:
        raise ArgumentError(f"split must lie in 0..{columns}, the columns of X, got {split}")
