r"""A Gaussian process over functions that are known by their distances.

The covariance of the scores of two functions is

.. math:: k(f, g) = s^2 \Big( \exp\Big(-\sum_i d_i(f, g) / l_i\Big) + \nu \, [f = g] \Big)

with one distance :math:`d_i` a feature: for the union of outputs and Fisher spectra, two. It is a
covariance because the exponential of a Euclidean distance (Matern with nu = 1/2) and of a Manhattan
distance (a product of such in one dimension) are, and so are their products (Rasmussen and
Williams, *Gaussian Processes for Machine Learning*, 2006, section 4.2). Rough paths suit the data:
on the table ``mlp``, 100 entries have a higher marginal likelihood than under nu = 3/2, 5/2 or the
Gaussian kernel, and rank the others better.

The mean and the scale :math:`s^2` are at their maximum likelihood in closed form; the lengths
:math:`l_i` and the noise :math:`\nu` are the most likely on a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogates.features import median_distance

Float = NDArray[np.float64]

NOISES: Final = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
"""Grid of the noise, as a share of the scale; never 0, for entries may be the same function."""
LENGTHS: Final = {1: np.geomspace(1 / 16, 16, 9), 2: np.geomspace(1 / 16, 16, 5)}
"""Grids of the lengths, in medians of a distance, by the number of distances; 2 is for more too."""


class Hyperparameters(NamedTuple):
    """Lengths of a Gaussian process, one a distance, in its units; and noise."""

    lengths: tuple[float, ...]
    noise: float


def most_likely(distances: Sequence[Float], scores: Float) -> Hyperparameters:
    """Return the hyperparameters with the highest marginal likelihood on a grid.

    The lengths of the grid lie around the median of each distance, from a sixteenth to sixteen
    times it: by factors of 2, or of 4 if there are two distances. For each choice of lengths the
    correlations are made tridiagonal once, which gives the likelihood of every noise.

    Parameters
    ----------
    distances : sequence of array of shape (n, n)
    scores : array of shape (n,)

    Examples
    --------
    >>> apart = np.abs(np.subtract.outer(np.arange(9.0), np.arange(9.0)))
    >>> most_likely([apart], np.sin(np.arange(9.0) / 3)).noise
    0.001
    """
    around = LENGTHS[min(len(distances), 2)]
    grids = [median_distance(distance) * around for distance in distances]
    choices = list(product(*(grid.tolist() for grid in grids)))
    sides = np.column_stack([scores, np.ones_like(scores)])
    reduced = [_tridiagonal(correlation(distances, lengths), sides) for lengths in choices]
    likelihood = _likelihood(*map(np.array, zip(*reduced, strict=True)))
    best, found = -np.inf, Hyperparameters(choices[0], NOISES[-1])
    for lengths, row in zip(choices, likelihood, strict=True):
        top = int(np.argmax(row))
        if best < row[top] < np.inf:
            best, found = float(row[top]), Hyperparameters(lengths, NOISES[top])
    return found


def _tridiagonal(matrix: Float, sides: Float) -> tuple[Float, Float, Float]:
    """Return Q^T A Q for a symmetric A, as its diagonal and the one beside it, and Q^T ``sides``.

    By Householder reflections (Golub and Van Loan, *Matrix Computations*, section 8.3.1), as LAPACK
    has them; they leave the first row of the sides alone.
    """
    from scipy.linalg import lapack

    n = len(matrix)
    if n == 1:
        return matrix[0], np.empty(0), sides
    # LAPACK has matrices by columns, which for a symmetric one is the same. Of two sides blocks of
    # reflectors would cost more than they save, and the least memory lets LAPACK do without.
    reflectors, diagonal, beside, factors, _ = lapack.dsytrd(
        matrix.T, lower=1, lwork=32 * n, overwrite_a=1
    )
    turned, _, _ = lapack.dormqr(
        "L", "T", reflectors[1:, : n - 1], factors, np.asfortranarray(sides[1:]), sides.shape[1]
    )
    return diagonal, beside, np.vstack([sides[:1], turned])


def _likelihood(diagonal: Float, beside: Float, sides: Float) -> Float:
    """Return log likelihoods, less a constant: (lengths, noises).

    Parameters
    ----------
    diagonal, beside : array of shape (lengths, n), (lengths, n - 1)
        Of tridiagonal correlations without noise.
    sides : array of shape (lengths, n, 2)
        The scores and a vector of ones, in the same bases.
    """
    from scipy.linalg import lapack

    lengths, n = diagonal.shape
    noises = len(NOISES)
    # All systems one after the other are one tridiagonal system.
    spectrum = diagonal[:, None] + np.array(NOISES)[:, None]
    joints = np.concatenate([beside, np.zeros((lengths, 1))], axis=1)
    joined = np.repeat(joints[:, None], noises, axis=1).ravel()[:-1]
    right = np.repeat(sides[:, None], noises, axis=1)
    pivots, factors, _ = lapack.dpttrf(spectrum.ravel(), joined)
    solved, _ = lapack.dpttrs(pivots, factors, right.reshape(-1, 2))
    solved = solved.reshape(right.shape)
    y, one = right[..., 0], right[..., 1]
    mean = (y * solved[..., 1]).sum(axis=-1) / (one * solved[..., 1]).sum(axis=-1)
    rest = y - mean[..., None] * one
    scale = (rest * (solved[..., 0] - mean[..., None] * solved[..., 1])).mean(axis=-1)
    determinant = np.log(pivots.reshape(lengths, noises, n)).sum(axis=-1)
    with np.errstate(divide="ignore"):  # equal scores: a scale of 0, and all are as likely
        likelihood: Float = -0.5 * (n * np.log(np.maximum(scale, 0.0)) + determinant)
    return likelihood


def correlation(
    distances: Sequence[Float], lengths: Sequence[float], out: Float | None = None
) -> Float:
    """Return the correlations of scores, without noise, from distances of any shape.

    ``out`` is where to put them, which may be the first of the distances.
    """
    total = np.multiply(distances[0], -1.0 / lengths[0], out=out)
    for distance, length in zip(distances[1:], lengths[1:], strict=True):
        total -= distance / length
    return np.exp(total, out=total)


class Posterior:
    r"""The posterior of a Gaussian process over all functions, some observations after others.

    With the Cholesky factor :math:`L` of the correlations of what was observed, it keeps
    :math:`V = L^{-1} K_*`, one row an observation and one column a function. The next rows need
    only the columns of the functions that were observed, so that an observation costs one pass over
    :math:`V`, and several together one product (Golub and Van Loan, *Matrix Computations*, section
    4.2.9: Cholesky by blocks). The scores in the same basis times :math:`V` are kept as a sum over
    the rows, and so are a vector of ones times it, of which the mean is made without such a pass.

    Parameters
    ----------
    hyperparameters : Hyperparameters
    functions : int

    Examples
    --------
    >>> posterior = Posterior(Hyperparameters((1.0,), 0.001), functions=3)
    >>> apart = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))
    >>> posterior.observe([0], [apart[[0]]], [0.0])
    >>> posterior.observe([2], [apart[[2]]], [1.0])
    >>> posterior.mean().round(3).tolist()
    [0.001, 0.5, 0.999]
    """

    def __init__(self, hyperparameters: Hyperparameters, functions: int) -> None:
        self._rows = np.empty((128, functions))
        self._unexplained = np.empty(functions)  # 1 less the sum of squares of each column of V
        self._sums = np.empty((2, functions))  # what was told, times V
        self._room = np.empty(functions)
        self.restart(hyperparameters)

    def restart(self, hyperparameters: Hyperparameters) -> None:
        """Forget what was observed, and go on with other hyperparameters in the same memory."""
        self._lengths, self._noise = hyperparameters
        self._count = 0
        self._unexplained[:] = 1.0
        self._sums[:] = 0.0
        self._told = np.empty((2, 0))  # L^-1 times the scores, and times a vector of ones
        self._center = self._scale = 0.0  # the most likely mean and scale

    def observe(
        self,
        positions: Sequence[int],
        distances: Sequence[Sequence[Float] | Float],
        scores: Sequence[float],
    ) -> None:
        """Learn the scores of functions, given their distances to all: each (these, functions)."""
        before, after = self._count, self._count + len(positions)
        if after > len(self._rows):
            more = np.empty((max(after, 2 * before) - len(self._rows), self._rows.shape[1]))
            self._rows = np.concatenate([self._rows, more])
        rows = self._rows[before:after]
        for row, *apart in zip(rows, *distances, strict=True):  # one at a time stays in cache
            correlation(apart, self._lengths, out=row)
        told = np.array([scores, [1.0] * len(scores)])
        told = (self._extended if len(rows) == 1 else self._extended_by_block)(
            positions, rows, told
        )
        self._told = np.concatenate([self._told, told], axis=1)
        self._count = after
        y, one = self._told
        self._center = float(one @ y / (one @ one))
        rest = y - self._center * one
        self._scale = float(rest @ rest) / after

    def _extended(self, positions: Sequence[int], rows: Float, told: Float) -> Float:
        """Turn correlations of one function into the next row of V, and what was told of it."""
        from scipy.linalg import blas

        known, (row,), (position,) = self._rows[: self._count], rows, positions
        column = known[:, position].copy()
        scale = 1.0 / float(row[position] + self._noise - column @ column) ** 0.5
        if self._count:
            blas.dgemv(-scale, known.T, column, scale, row, overwrite_y=1)
            told[:, 0] -= self._told @ column
        else:
            row *= scale
        told *= scale
        self._unexplained -= np.multiply(row, row, out=self._room)
        for total, weight in zip(self._sums, told[:, 0].tolist(), strict=True):
            blas.daxpy(row, total, a=weight)
        return told

    def _extended_by_block(self, positions: Sequence[int], rows: Float, told: Float) -> Float:
        """Turn correlations of several functions into rows of V, and what was told of them."""
        from scipy.linalg import blas, lapack

        known = self._rows[: self._count]
        columns = known[:, positions]
        own = rows[:, positions] - columns.T @ columns
        own.flat[:: len(own) + 1] += self._noise
        if self._count:
            told -= self._told @ columns
            rows -= columns.T @ known
        # The inverse of a triangle of a hundred rows is soon made; a product with it, of the
        # transposed, which lie by columns, takes half the time of solving.
        inverse, _ = lapack.dtrtri(_cholesky(own), lower=1, overwrite_c=1)
        blas.dtrmm(1.0, inverse, rows.T, side=1, lower=1, trans_a=1, overwrite_b=1)
        told = blas.dtrmm(1.0, inverse, told, side=1, lower=1, trans_a=1)
        self._unexplained -= np.einsum("ij,ij->j", rows, rows)
        self._sums += told @ rows
        return np.asarray(told)

    def mean(self) -> Float:
        """Return the expected score of each function: (functions,)."""
        return self._expected(self._sums)

    def deviation(self) -> Float:
        """Return the standard deviation of each function's score, noise left out: (functions,)."""
        deviation = np.maximum(self._unexplained, 0.0)
        np.sqrt(deviation, out=deviation)
        deviation *= self._scale**0.5
        return deviation

    def sample(
        self, some: NDArray[np.intp], distances: Sequence[Float], rng: np.random.Generator
    ) -> Float:
        """Return a draw of the scores of some functions, together: (some,).

        Parameters
        ----------
        some : array of shape (some,), int
        distances : sequence of array of shape (some, some)
            Between them, at least on the diagonal and above it; the first is overwritten.
        rng : Generator
        """
        from scipy.linalg import blas

        rows = self._rows[: self._count, some]
        # All of it in the memory of the distances, transposed, for that is how BLAS has a matrix,
        # and only below the diagonal.
        covariance = correlation(distances, self._lengths, out=distances[0]).T
        blas.dsyrk(-1.0, rows.T, 1.0, covariance, lower=1, overwrite_c=1)
        # The jitter is far below the noise; without it rounding may make an eigenvalue negative.
        np.einsum("ii->i", covariance)[:] += 1e-6
        drawn = blas.dtrmv(_cholesky(covariance), rng.standard_normal(len(some)), lower=1)
        drawn *= self._scale**0.5
        drawn += self._expected(self._sums[:, some])
        return np.asarray(drawn)

    def _expected(self, sums: Float) -> Float:
        """Return the expected scores of functions, given what was told times their columns."""
        y, one = sums
        expected: Float = one * -self._center
        expected += y
        expected += self._center
        return expected


def _cholesky(matrix: Float) -> Float:
    """Return the Cholesky factor of a matrix, of which all above the diagonal is left as it was.

    A matrix with columns in a row in memory is overwritten.
    """
    from scipy.linalg import LinAlgError, lapack

    factor: Float
    factor, failed = lapack.dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise LinAlgError(f"the correlations are not positive definite: row {failed} of them")
    return factor
