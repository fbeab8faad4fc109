"""What is known of the functions of a space before any training: vectors, and distances by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from act_bench.spaces.distances import Metric, among, output_vectors, spectrum_vectors, to_one

Float = NDArray[np.float64]

KINDS: Final = ("outputs", "fim", "union")
"""What is known of a function: its outputs, its Fisher spectrum, or both."""
VIEWS: Final = ("", "standard-", "pca-", "umap-")
"""As it is, or as :mod:`surrogates.embeddings` turns it."""
FEATURES: Final = tuple(view + kind for view in VIEWS for kind in KINDS)
"""Names of the features that models can use: ``outputs``, ``umap-union`` and so on."""

_FEW: Final = 300


@dataclass(frozen=True, eq=False)
class Part:
    """Vectors of one kind, with the metric that makes sense of them.

    Parameters
    ----------
    vectors : array of shape (functions, values)
        Scaled so that the metric of two is the distance of their functions.
    metric : {"euclidean", "manhattan"}
    repeats : int
        How many positions in a row each vector is that of: of a function at several learning
        rates.

    Examples
    --------
    >>> part = Part(np.array([[0.0, 0.0], [3.0, 4.0]]), "manhattan")
    >>> part.distances(0).tolist()
    [0.0, 7.0]
    >>> Part(part.vectors, "manhattan", repeats=2).distances(1).tolist()
    [0.0, 0.0, 7.0, 7.0]
    """

    vectors: Float
    metric: Metric
    repeats: int = 1
    _known: dict[int, Float] = field(default_factory=dict, repr=False)

    def distances(self, position: int) -> Float:
        """Return the distance of a function to every function: (functions,), not to be changed."""
        row = position // self.repeats
        known = self._known.get(row)
        if known is None:
            known = to_one(self.vectors, self.vectors[row], self.metric)
            known.flags.writeable = False
            self._known[row] = known
        return known if self.repeats == 1 else np.repeat(known, self.repeats)

    def between(
        self, positions: NDArray[np.intp], *, half: bool = False, out: Float | None = None
    ) -> Float:
        """Return the distances between some functions: (positions, positions).

        ``half`` and ``out`` are those of :func:`act_bench.spaces.distances.among`.
        """
        return among(self.vectors[positions // self.repeats], self.metric, half=half, out=out)


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

    def distances(self, position: int) -> Float:
        """Return the distance of a function to every function: (functions,), not to be changed.

        With two parts it is the sum of both distances, each in units of :attr:`scales`.
        """
        if len(self.parts) == 1:
            return self.parts[0].distances(position)
        each = zip(self.parts, self.scales, strict=True)
        total: Float = np.sum([part.distances(position) / scale for part, scale in each], axis=0)
        return total

    @cached_property
    def scales(self) -> tuple[float, ...]:
        """Median distance of each part, between a few hundred functions that have it."""
        positions = np.flatnonzero(self.known)
        some = positions[:: max(1, len(positions) // _FEW)]
        return tuple(median_distance(part.between(some)) for part in self.parts)

    def vectors(self) -> Float:
        """Return the vectors of all parts side by side: (functions, values)."""
        return np.hstack([np.repeat(part.vectors, part.repeats, axis=0) for part in self.parts])

    @property
    def split(self) -> int:
        """How many columns of :meth:`vectors` are compared by the Euclidean distance; the first."""
        euclidean = [part for part in self.parts if part.metric == "euclidean"]
        return sum(part.vectors.shape[1] for part in euclidean)


def median_distance(distances: Float) -> float:
    """Return the median of the distances that are not 0; 1 if there are none."""
    apart = distances[distances > 0]
    return float(np.median(apart)) if apart.size else 1.0


def output_part(outputs: NDArray[np.floating]) -> Part:
    """Return outputs, (functions, points) and finite, such that distances are those of Eq. 3."""
    return Part(output_vectors(outputs), "euclidean")


def spectrum_part(quantiles: NDArray[np.floating], weights: Float) -> Part:
    """Return Fisher spectra such that distances are those of Eq. 2.

    Parameters
    ----------
    quantiles : array of shape (functions, layers, values)
        Of valid spectra.
    weights : array of shape (layers,)
        As from ``act_bench.tables.distances.layer_weights``.
    """
    return Part(spectrum_vectors(quantiles, weights), "manhattan")
