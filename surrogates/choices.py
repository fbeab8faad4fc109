"""Choices by which features are made, where the published search and this package differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from act_bench.arguments import plain_fields, whole_number
from act_bench.errors import ArgumentError
from act_bench.functions.expression import parse
from act_bench.spaces.paper import OUTPUT_BOUND
from act_bench.tables.distances import DEFAULT_WEIGHTING, Weighting
from act_bench.tables.schema import one_of
from act_bench.tables.spectra import Labels

SPACE_POINTS: Final = 80
"""Points at which the outputs of a space are stored."""
MOST_POINTS: Final = 10_000
"""Outputs of all functions at so many points take a quarter of a gigabyte."""
OVERFLOW: Final = 1e15
"""What outputs are clipped to where they are not clipped: UMAP computes in float32, and the squared
distance of a thousand such outputs is still a number there."""
RANGE: Final = 5.0
"""Drawn points are clipped to this magnitude, as in the published code."""


@dataclass(frozen=True)
class Choices:
    """How features are made. The defaults are this package's own.

    Published (Bingham and Miikkulainen, NeurIPS 2023) are ``weighting="reference_code"``,
    ``points=1000``, ``clip=0`` and ``labels="true"``.

    Parameters
    ----------
    weighting : {"inverse_size", "uniform", "reference_code"}
        Of the layers of a Fisher spectrum: by one over the layer's size (Eq. 2), all alike, or by
        one over the width of the bins in the published code; see
        ``act_bench.tables.distances.layer_weights``.
    points : int
        Where outputs are taken: at that many draws of N(0, 1), clipped to [-5, 5] and the same for
        all functions; the first 80 are the points of the space.
    clip : float
        Magnitude to which outputs are clipped; 0: not at all, except for :data:`OVERFLOW`.
    labels : {"predicted", "true"}
        Labels of the Fisher information: drawn from the model's prediction, or the data's.
    map : int
        Draw of a map by UMAP; 0 is the stored one.

    Raises
    ------
    act_bench.errors.ArgumentError
        A number is out of range.
    act_bench.tables.schema.UnknownNameError
        There is no such weighting, or no such labels.
    """

    weighting: Weighting = DEFAULT_WEIGHTING
    points: int = SPACE_POINTS
    clip: float = OUTPUT_BOUND
    labels: Labels = "predicted"
    map: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no choice."""
        one_of("weighting", self.weighting, get_args(Weighting))
        one_of("labels", self.labels, get_args(Labels))
        plain_fields(self)
        whole_number(self.points, "points", least=1, most=MOST_POINTS)
        if not 0 <= self.clip <= OVERFLOW:
            raise ArgumentError(f"clip must be from 0 to {OVERFLOW:g}, got {self.clip}")
        if self.map < 0:
            raise ArgumentError(f"map must be the number of a draw, 0 or more, got {self.map}")

    def of(self, features: str) -> Choices:
        """Return the choices that matter for some features, with the defaults for the others.

        Examples
        --------
        >>> Choices(points=1000, map=3).of("fim") == Choices()
        True
        """
        view, _, kind = features.rpartition("-")
        default, chosen = Choices(), self
        if kind == "fim":
            chosen = replace(chosen, points=default.points, clip=default.clip)
        if kind == "outputs":
            chosen = replace(chosen, weighting=default.weighting, labels=default.labels)
        return chosen if view == "umap" else replace(chosen, map=default.map)

    @property
    def bound(self) -> float:
        """Magnitude to which outputs are clipped in the end."""
        return self.clip or OVERFLOW


DEFAULT: Final = Choices()
"""This package's own."""


def drawn_points(count: int) -> NDArray[np.float64]:
    """Return points at which outputs are taken: (count,) draws of N(0, 1), clipped to [-5, 5].

    They go on from the 80 points of the space, by the same generator.

    Examples
    --------
    >>> from act_bench.spaces.paper import load_space
    >>> bool((drawn_points(1000)[:80].astype(np.float32) == load_space().points).all())
    True
    """
    return np.clip(np.random.RandomState(0).standard_normal(count), -RANGE, RANGE)


@cache
def drawn_outputs(expressions: tuple[str, ...], count: int) -> NDArray[np.float64]:
    """Return the outputs of functions at :func:`drawn_points`: (functions, count), read-only.

    They may hold infinities and NaN.
    """
    points = drawn_points(count)
    outputs = np.array([parse(text).to_numpy()(points) for text in expressions])
    outputs.flags.writeable = False
    return outputs
