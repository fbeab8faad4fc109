"""The best that a search over a table could find, for reports: no optimizer may know it."""

from __future__ import annotations

from typing import NamedTuple

from act_bench.search.benchmark_data import SearchData
from act_bench.search.loading import load_data
from act_bench.tables.rates import View
from act_bench.tables.schema import UnknownNameError


class Optimum(NamedTuple):
    """The best entry of a table by what a search may see.

    Attributes
    ----------
    entry : int
        Of the highest score; of equals, the lowest.
    expression : str
        Its first spelling in the space.
    score : float
        The metric of the table, negated where lower is better.
    learning_rate : float or None
        Of its training; None where it is not known.
    """

    entry: int
    expression: str
    score: float
    learning_rate: float | None

    def regret(self, score: float) -> float:
        """Return how much a score lacks to the optimum; 0 at the optimum.

        Examples
        --------
        >>> Optimum(20, "add(zero(x),relu(x))", 0.75, 0.2).regret(0.5)
        0.25
        """
        return self.score - score


def optimum(
    table: str,
    fidelity: str | None = None,
    edition: str = "regenerated",
    seed: int | None = None,
    *,
    rate: View | None = None,
    any_rate: bool = False,
) -> Optimum:
    """Return the best that a search over a table could find.

    It is for reports. An optimizer that asks here has peeked; ``Benchmark.optimum`` tells the same
    once ``reveal()`` ended a search.

    Parameters
    ----------
    table, fidelity, edition, seed, rate
        As for `act_bench.Benchmark`.
    any_rate : bool
        Whether a search may ask for other learning rates too.

    Returns
    -------
    Optimum
        Its entry, first spelling, score and learning rate.

    Raises
    ------
    act_bench.tables.schema.UnknownNameError
        Unknown table, fidelity, edition or rate, or no run has the seed; a ValueError.
    act_bench.files.manifest.DataError
        The file is absent or damaged.

    Examples
    --------
    >>> best = optimum("mlp")
    >>> best.expression, round(best.score, 4), best.regret(best.score)
    ('add(tanh(x),tanh(x))', 0.9608, 0.0)
    """
    return best_of(load_data(table, fidelity, edition, seed, rate), any_rate=any_rate)


def best_of(data: SearchData, *, any_rate: bool = False) -> Optimum:
    """Return the best entry of data that are complete; the parameters are those of `optimum`.

    Raises
    ------
    act_bench.tables.schema.UnknownNameError
        Some functions were not trained, so that the best is not known: a live search.
    """
    if any_rate:
        others = (best_of(data.at_rate(rate)) for rate in data.rates)
        return max([best_of(data), *others], key=lambda best: best.score)
    scores = [data.score(entry) for entry in data.covered]
    known = [score for score in scores if score is not None]
    if len(known) < len(scores) or not known:
        raise UnknownNameError(
            f"{data.table}, edition {data.edition}, has no optimum: {len(scores) - len(known):,} "
            f"of {len(scores):,} functions were not trained"
        )
    best = max(known)  # the first of equals
    entry = data.covered[known.index(best)]
    return Optimum(entry, data.space.representatives[entry], best, data.learning_rate(entry))
