"""AQuaSurF: nearest neighbours on a UMAP of Fisher spectra and outputs."""

from __future__ import annotations

from surrogates.optimizers.knn import NearestNeighbours
from surrogates.protocol import SearchSpace


class AQuaSurF(NearestNeighbours):
    """The reference search of Bingham and Miikkulainen (NeurIPS 2023).

    It asks for the eight baselines, then always for the function with the highest mean score of its
    three nearest evaluated functions on a map: UMAP of the outputs (Euclidean, Eq. 3) joined with
    UMAP of the Fisher spectra (Manhattan, Eq. 2). What has no valid spectrum is filtered out: asked
    for last, for most of it fails. Two things differ from the published code. It fits UMAP anew for
    each suggestion, which changes nothing but the draws; here the map is fixed (how much hangs on
    the draw of the map, docs/studies/results/ measures). And it takes the first of equal
    predictions; here one is drawn, so that seeds differ.

    Spectra cost time, and so a search with them begins with that on its clock.

    Parameters
    ----------
    space : SearchSpace
        With Fisher spectra.
    seed : int
        Of the draws between equal predictions, and of the order of what was filtered out.
    neighbours : int
        How many are averaged; at least 1.
    features : str
        Where nearness is measured: one of ``surrogates.features.FEATURES``.
    only_valid : bool
        Whether functions without a valid spectrum are filtered out also where the features need
        none: ``features="umap-outputs"`` with it uses spectra as a filter only.

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
    ) -> None:
        super().__init__(space, seed, neighbours=neighbours, features=features)
        if only_valid:
            self._known = self._known & space.features("fim").known
