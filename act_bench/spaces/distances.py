"""Distances between functions whose features are vectors: the arithmetic, in one place.

Vectors are scaled such that the distance by outputs (Eq. 3 of the poster) is their Euclidean
distance, and that by Fisher spectra (Eq. 2) their Manhattan distance. There are three ways to
compute them, which agree up to rounding. Searches rest on the bits of each, so none replaces
another: :func:`to_one` is what searches learn from; :func:`all_pairs` is the fastest for many, and
:func:`among` for a few hundred in a search's loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from act_bench.errors import ArgumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

Metric = Literal["euclidean", "manhattan"]

_ROWS = 256
"""Vectors that are compared at a time, so that what is computed of them stays in cache."""


def output_vectors(outputs: ArrayLike) -> Floats:
    r"""Return outputs such that their Euclidean distance is that of Eq. 3.

    .. math:: d(f, g) = \sqrt{\frac{1}{n} \sum_{i=1}^n (f(x_i) - g(x_i))^2}

    Parameters
    ----------
    outputs
        (functions, points) or (points,), finite, as from
        :func:`act_bench.spaces.paper.finite_outputs`.

    Examples
    --------
    >>> output_vectors([[0.0, 0.0, 3.0, 4.0]]).tolist()
    [[0.0, 0.0, 1.5, 2.0]]
    """
    import numpy as np

    values = np.asarray(outputs, dtype=np.float64)
    scaled: Floats = values / np.sqrt(values.shape[-1])
    return scaled


def spectrum_vectors(quantiles: ArrayLike, weights: ArrayLike) -> Floats:
    r"""Return Fisher spectra such that their Manhattan distance is that of Eq. 2.

    .. math:: d(f, g) = \sum_l c_l \, W_1(\mu_l, \nu_l)

    Parameters
    ----------
    quantiles
        (functions, layers, values) quantile functions.
    weights
        c_l of each layer, (layers,), or one for all; see
        :func:`act_bench.tables.distances.layer_weights`.

    Returns
    -------
    ndarray
        (functions, layers * values) float64.

    Raises
    ------
    ValueError
        If the quantile functions have another shape.

    Examples
    --------
    >>> spectrum_vectors([[[0.0, 2.0], [4.0, 6.0]]], [1.0, 0.5]).tolist()
    [[0.0, 1.0, 1.0, 1.5]]
    """
    import numpy as np

    values = np.asarray(quantiles, dtype=np.float64)
    if values.ndim != 3:
        raise ArgumentError(f"expected (functions, layers, values), got the shape {values.shape}")
    scale = np.broadcast_to(np.asarray(weights, np.float64), values.shape[1]) / values.shape[2]
    products: Floats = values * scale[:, None]
    return products.reshape(len(values), -1)


def to_one(vectors: Floats, one: Floats, metric: Metric = "euclidean") -> Floats:
    """Return the distance of each vector to one, or to the one in its row: (functions,).

    Examples
    --------
    >>> import numpy as np
    >>> vectors = np.array([[0.0, 0.0], [3.0, 4.0]])
    >>> to_one(vectors, vectors[0]).tolist(), to_one(vectors, vectors[0], "manhattan").tolist()
    ([0.0, 5.0], [0.0, 7.0])
    """
    import numpy as np

    lengths = np.empty(len(vectors))
    room = np.empty((min(_ROWS, len(vectors)), vectors.shape[1]))
    # The one many times over: rows that are broadcast are subtracted at half the speed.
    ones = np.broadcast_to(one, room.shape).copy() if one.ndim == 1 else one
    for start in range(0, len(vectors), _ROWS):
        some = vectors[start : start + _ROWS]
        others = ones[: len(some)] if one.ndim == 1 else ones[start : start + _ROWS]
        offsets = np.subtract(some, others, out=room[: len(some)])
        if metric == "manhattan":
            np.abs(offsets, out=offsets)
        else:
            np.multiply(offsets, offsets, out=offsets)
        offsets.sum(axis=-1, out=lengths[start : start + _ROWS])
    return lengths if metric == "manhattan" else np.sqrt(lengths, out=lengths)


def among(
    vectors: Floats, metric: Metric = "euclidean", *, half: bool = False, out: Floats | None = None
) -> Floats:
    """Return the distances between a few vectors: (functions, functions).

    Euclidean ones are from products, ``|a - b|^2 = |a|^2 + |b|^2 - 2ab``: small ones lose digits.

    Parameters
    ----------
    vectors : array of shape (functions, values)
    metric : {"euclidean", "manhattan"}
    half : bool
        Whether only those on the diagonal and above it are needed; what is below it is anything.
    out : array of shape (functions, functions), optional
        Where to put them, by rows in memory; fresh memory takes as long as the arithmetic.

    Examples
    --------
    >>> import numpy as np
    >>> among(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    import numpy as np
    from scipy.linalg import blas

    count = len(vectors)
    apart: Floats = np.empty((count, count)) if out is None else out
    if metric == "manhattan":
        for row, one in zip(apart, vectors, strict=True):
            row[:] = to_one(vectors, one, metric)
        return apart
    squares = np.einsum("ij,ij->i", vectors, vectors)
    np.add.outer(squares, squares, out=apart)
    # BLAS has matrices by columns, so this is above the diagonal.
    blas.dsyrk(-2.0, vectors.T, 1.0, apart.T, trans=1, lower=1, overwrite_c=1)
    if not half:
        below = np.tril_indices(count, -1)
        apart[below] = apart.T[below]
    np.maximum(apart, 0.0, out=apart)
    np.fill_diagonal(apart, 0.0)
    return np.sqrt(apart, out=apart)


def all_pairs(
    a: NDArray[np.floating], b: NDArray[np.floating] | None = None, metric: Metric = "euclidean"
) -> Floats:
    """Return the distances between two sets of vectors, or within one: all pairs.

    Returns
    -------
    ndarray
        (functions of a, functions of b) float64; NaN where a vector has one.

    Raises
    ------
    ValueError
        If the vectors are of different lengths.

    Examples
    --------
    >>> import numpy as np
    >>> all_pairs(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]])).tolist()
    [[5.0, 1.0]]
    """
    import numpy as np
    from scipy.spatial.distance import cdist, pdist, squareform

    name: Literal["euclidean", "cityblock"] = "cityblock" if metric == "manhattan" else "euclidean"
    if b is None:
        found: Floats = squareform(pdist(a, name))
        # A distance to itself is NaN as well where a feature is.
        np.fill_diagonal(found, np.where(np.isnan(a).any(1), np.nan, 0.0))
        return found
    if a.shape[1] != b.shape[1]:
        raise ArgumentError(f"features of different lengths: {a.shape[1]} and {b.shape[1]}")
    return np.asarray(cdist(a, b, name))
