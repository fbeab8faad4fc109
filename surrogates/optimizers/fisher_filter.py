"""The Fisher filter alone: random search among functions with a valid spectrum."""

from __future__ import annotations

from act_bench.functions.operators import BASELINES
from act_bench.search.events import Result
from surrogates.optimizers.each_once import EachOnce
from surrogates.protocol import SearchSpace, generator


class FisherFilter(EachOnce):
    """Asks for the baselines, then at random for functions whose Fisher spectrum is valid.

    AQuaSurF without its surrogate: what it finds above random search is due to the baselines and to
    the failures that the spectra tell beforehand (Bingham and Miikkulainen, NeurIPS 2023). What has
    no valid spectrum is asked for last, in random order.

    Parameters
    ----------
    space : SearchSpace
        With Fisher spectra.
    seed : int
        Of the order.
    baselines : bool
        Whether the baselines come first; without them, the filter is the only difference from
        random search.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> optimizer = FisherFilter(SearchSpace.of(load_data("mlp")), seed=0)
    >>> optimizer.ask(), optimizer.ask()
    ('add(zero(x),elu(x))', 'add(zero(x),relu(x))')
    """

    def __init__(self, space: SearchSpace, seed: int, *, baselines: bool = True) -> None:
        order = generator(seed).permutation(len(space))
        valid = space.features("fim").known[order]
        first = [space.find(text) for text in BASELINES] if baselines else []
        positions = [position for position in first if position is not None]
        positions += [*order[valid].tolist(), *order[~valid].tolist()]
        super().__init__(space, positions)

    def ask(self) -> str:
        """Return the next expression of the order."""
        return self._take(self._next())

    def tell(self, result: Result) -> None:
        """Learn nothing: the order was drawn beforehand."""
