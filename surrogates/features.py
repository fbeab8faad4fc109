"""What is known of the functions of a space before any training: vectors, and distances by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Metric = Literal["euclidean", "manhattan"]

FEATURES: Final = ("outputs", "fim", "union")
"""Names of the features that models can use; ``union`` is both."""


@dataclass(frozen=True, eq=False)
class Part:
    """Vectors of one kind, with the metric that makes sense of them.

    Parameters
    ----------
    vectors : array of shape (functions, values)
        Scaled so that the metric of two is the distance of their functions.
    metric : {"euclidean", "manhattan"}

    Examples
    --------
    >>> part = Part(np.array([[0.0, 0.0], [3.0, 4.0]]), "manhattan")
    >>> part.distances(0).tolist()
    [0.0, 7.0]
    """

    vectors: Float
    metric: Metric
    _known: dict[int, Float] = field(default_factory=dict, repr=False)

    def distances(self, position: int) -> Float:
        """Return the distance of a function to every function: (functions,), not to be changed."""
        known = self._known.get(position)
        if known is None:
            known = self._metric(self.vectors - self.vectors[position])
            known.flags.writeable = False
            self._known[position] = known
        return known

    def between(self, positions: NDArray[np.intp]) -> Float:
        """Return the distances between some functions: (positions, positions)."""
        some = self.vectors[positions]
        if self.metric == "euclidean":
            # |a - b|^2 by products; what rounding makes negative is 0.
            squares = np.einsum("ij,ij->i", some, some)
            apart = np.maximum(squares[:, None] + squares - 2 * (some @ some.T), 0.0)
            np.fill_diagonal(apart, 0.0)
            roots: Float = np.sqrt(apart)
            return roots
        return np.array([self._metric(some - one) for one in some])

    def _metric(self, offsets: Float) -> Float:
        if self.metric == "euclidean":
            lengths: Float = np.sqrt((offsets * offsets).sum(axis=1))
        else:
            lengths = np.abs(offsets).sum(axis=1)
        return lengths


@dataclass(frozen=True, eq=False)
class Features:
    """The features of all functions of a space.

    Attributes
    ----------
    parts : sequence of Part
        One, or for the union two.
    known : array of shape (functions,), bool
        Functions that have the features. A function without a valid Fisher spectrum does not; its
        vectors hold zeros, which no model is shown.
    """

    parts: Sequence[Part]
    known: NDArray[np.bool_]

    def vectors(self) -> Float:
        """Return the vectors of all parts side by side: (functions, values)."""
        return np.hstack([part.vectors for part in self.parts])
