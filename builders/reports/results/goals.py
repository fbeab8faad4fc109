"""What a search is to reach, and in which evaluation it does."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.operators import BASELINES
from act_bench.search.benchmark_data import BenchmarkData
from builders.reports.results.kept import EVALUATIONS, SEED
from surrogates.exact import RandomSearchLaw, evaluations_to_hit, random_search_law
from surrogates.significance import resampled
from surrogates.simulation import TOP_SHARE


def exact(data: BenchmarkData) -> tuple[RandomSearchLaw, float, int]:
    """Return the law of random search, the score where the top begins, and its entries."""
    scores = np.array([data.score(entry) for entry in data.covered], dtype=np.float64)
    law = random_search_law(scores, EVALUATIONS)
    top = float(law.scores[-int(np.ceil(TOP_SHARE * scores.size))])
    return law, top, int((scores >= top).sum())


class Goal(NamedTuple):
    """What a search is to reach.

    Attributes
    ----------
    about
        In words, after "is".
    score
        The least score that reaches it.
    random
        Evaluations that random search needs in the median, exactly.
    entries
        How many entries reach it.
    within
        How probably random search reaches it within :data:`EVALUATIONS`, exactly.
    """

    about: str
    score: float
    random: int
    entries: int
    within: float

    def first(self, best: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return in which evaluation each trial reached it; infinite where it did not.

        Parameters
        ----------
        best
            (trials, evaluations) best score so far.
        """
        reached = best >= self.score
        return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def goals_of(data: BenchmarkData) -> tuple[Goal, Goal]:
    """Return the top of a table, and all that is better than every baseline."""
    law, top, entries = exact(data)
    scores = [data.score(data.space.resolve(text).entry) for text in BASELINES]
    baseline = max(score for score in scores if score is not None)
    better = law.scores[law.scores > baseline]
    beyond = float(better.min()) if better.size else np.inf
    return (
        _goal("in the top hundredth", top, entries, law),
        _goal("better than every baseline", beyond, better.size, law),
    )


def _goal(about: str, score: float, entries: int, law: RandomSearchLaw) -> Goal:
    count = law.scores.size
    drawn = np.arange(EVALUATIONS)
    missed = np.prod((count - entries - drawn) / (count - drawn))
    return Goal(
        about, score, evaluations_to_hit(count, max(1, entries)), entries, 1 - float(missed)
    )


def median_with_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the lower median and its bootstrap interval; any of them may be infinite."""
    # Between infinite values nothing can be interpolated: the inverted CDF takes one that is there.
    quantile = partial(np.quantile, method="inverted_cdf")
    middles = resampled((values,), partial(quantile, q=0.5), np.random.default_rng(SEED))
    low, high = quantile(middles, [0.025, 0.975])
    return float(quantile(values, 0.5)), float(low), float(high)


def count(value: float) -> str:
    """Return a number of evaluations; never where it is infinite."""
    return f"{value:.0f}" if np.isfinite(value) else "never"


def interval(values: NDArray[np.float64]) -> str:
    """Return the median of evaluations with its interval, as text."""
    middle, low, high = (count(value) for value in median_with_interval(values))
    return f"{middle} [{low}, {high}]"
