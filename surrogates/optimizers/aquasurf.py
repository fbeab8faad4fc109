"""AQuaSurF: nearest neighbours on a UMAP of Fisher spectra and outputs."""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from act_bench.arguments import whole_number
from act_bench.spaces.paper import OUTPUT_BOUND
from act_bench.tables.distances import DEFAULT_WEIGHTING, Weighting
from act_bench.tables.schema import one_of
from act_bench.tables.spectra import Labels
from surrogates.choices import SPACE_POINTS, Choices
from surrogates.features import Features
from surrogates.optimizers.knn import NearestNeighbours
from surrogates.search_space import SearchSpace

Charged = Literal["first", "stored", "pool"]
"""When a search pays for Fisher spectra; see :class:`AQuaSurF`."""

POOL: Final = 50
"""Functions that a pool offers by default."""


class AQuaSurF(NearestNeighbours):
    """The reference search of Bingham and Miikkulainen (NeurIPS 2023).

    It asks for the eight baselines, then always for the function with the highest mean score of its
    three nearest evaluated functions on a map: UMAP of the outputs (Euclidean, Eq. 3) joined with
    UMAP of the Fisher spectra (Manhattan, Eq. 2). What has no valid spectrum is asked
    for last, for most of it fails. docs/explanation/aquasurf.md lists what differs from the
    published code; the settings ``weighting``, ``points``, ``clip`` and ``labels`` choose what it
    does.

    **Spectra cost time**, and ``spectra`` says which of them are on the clock. ``first``: those of
    the whole space, before anything is trained. ``stored``: none, they exist already. ``pool``:
    after the baselines a random pool of functions is offered, from which the search chooses; each
    spectrum is charged as its function enters, a function that was asked for or has no valid
    spectrum leaves, and another one enters. Places on a map and the scales of a union are those of
    the whole space also then.

    Parameters
    ----------
    space : SearchSpace
        With Fisher spectra.
    seed : int
        Of the draws between equal predictions, of what a pool offers, and of the order of what was
        filtered out.
    neighbours : int
        How many are averaged; at least 1.
    features : str
        Where nearness is measured: one of ``surrogates.features.FEATURES``.
    only_valid : bool
        Whether functions without a valid spectrum are filtered out also where the features need
        none: ``features="umap-outputs"`` with it uses spectra as a filter only.
    weighting, points, clip, labels, map
        How features are made: :class:`surrogates.choices.Choices`.
    spectra : {"first", "stored", "pool"}
        Which spectra are charged, and when.
    pool : int
        Functions that a pool offers at a time, or pairs of a function and a learning rate where
        these are searched too; at least 1. Only with ``spectra="pool"``.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> optimizer = AQuaSurF(SearchSpace.of(load_data("mlp")), seed=0)
    >>> optimizer.ask(), optimizer.ask()
    ('add(zero(x),elu(x))', 'add(zero(x),relu(x))')
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        *,
        neighbours: int = 3,
        features: str = "umap-union",
        only_valid: bool = True,
        weighting: Weighting = DEFAULT_WEIGHTING,
        points: int = SPACE_POINTS,
        clip: float = OUTPUT_BOUND,
        labels: Labels = "predicted",
        map: int = 0,  # noqa: A002  (the setting's name)
        spectra: Charged = "first",
        pool: int = POOL,
    ) -> None:
        one_of("spectra", spectra, get_args(Charged))
        pool = whole_number(pool, "pool", least=1)
        self._choices = Choices(weighting, points, clip, labels, map)
        self._pays_first = spectra == "first"
        super().__init__(space, seed, neighbours=neighbours, features=features)
        if only_valid:
            self._known = self._known & self._look("fim").known
        self._offers = pool if spectra == "pool" else 0
        self._entered = np.zeros(len(space), dtype=np.bool_)
        self._entering = self._rng.permutation(len(space))[::-1].tolist() if self._offers else []

    def _look(self, features: str) -> Features:
        if self._pays_first:
            return self._space.features(features, self._choices)
        with self._space.meter.waived():
            return self._space.features(features, self._choices)

    def _candidates(self) -> NDArray[np.intp]:
        if not self._offers:
            return super()._candidates()
        offered = self._open & self._known & self._entered
        missing = self._offers - np.count_nonzero(offered)
        while missing > 0 and self._entering:
            position = self._entering.pop()
            if self._open[position] and not self._entered[position]:
                entered = self._enter(position)
                new = entered[self._open[entered] & self._known[entered]]
                offered[new] = True
                missing -= len(new)
        return np.flatnonzero(offered)

    def _enter(self, position: int) -> NDArray[np.intp]:
        """Compute a function's spectrum, which is charged; return where it serves."""
        positions = np.array(self._space.together(position), dtype=np.intp)
        self._entered[positions] = True
        self._space.meter.entering(1)
        return positions

    def _take(self, position: int) -> str:
        if self._offers and not self._entered[position]:
            self._enter(position)
        return super()._take(position)
