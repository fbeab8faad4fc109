"""Which functions are better than which, when all were tuned with the same effort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import polars as pl
from scipy import stats

from act_bench.errors import ArgumentError
from builders.rates import RATE
from builders.reports.studies.trainings import CHOOSING, Trainings
from surrogates.live.confirm import Estimate
from surrogates.significance import holm

LEVEL: Final = 0.05

Verdict = Literal["confirmed", "refuted", "open"]


@dataclass(frozen=True)
class Standing:
    """What one function reached.

    Attributes
    ----------
    text
        The function as its runs name it.
    rate
        That seed 0 chose.
    first
        Validation accuracy of seed 0 at that rate; None where it diverged at every rate, or the
        rate was known before.
    scores
        Validation accuracy by fresh seed, chance where it diverged.
    diverged
        How many fresh runs did.
    test
        Mean test accuracy of the fresh runs, chance where one diverged.
    """

    text: str
    rate: float
    first: float | None
    scores: tuple[float, ...]
    diverged: int
    test: float

    @property
    def mean(self) -> float:
        """Mean over the fresh seeds."""
        return float(np.mean(self.scores))


@dataclass(frozen=True)
class Difference:
    """A candidate less its reference, seed by seed.

    Attributes
    ----------
    candidate, reference
        The two.
    estimate
        Mean and half-width of the 95 % interval (Student's t), not corrected.
    p
        Of the paired t-test, two-sided; corrected by Holm once `corrected` has seen all.
    """

    candidate: Standing
    reference: Standing
    estimate: Estimate
    p: float

    @property
    def better(self) -> bool:
        """Whether the candidate is significantly better."""
        return self.p < LEVEL and self.estimate.mean > 0

    @property
    def worse(self) -> bool:
        """Whether it is significantly worse."""
        return self.p < LEVEL and self.estimate.mean < 0


def standings(trainings: Trainings, folder: Path, chance: float) -> dict[str, Standing]:
    """Return what every function reached, in the order of the trainings.

    Raises
    ------
    ValueError
        Trainings are missing: run the study's ``train`` first.
    """
    if left := trainings.left(folder):
        raise ArgumentError(f"{folder}: {left:,} trainings are left: run the study's train first")
    runs, rates = trainings.runs(folder), trainings.best_rates(folder)
    found = {}
    for text in trainings.texts:
        own = runs.filter((pl.col("expression") == text) & (pl.col(RATE) == rates[text]))
        first = own.filter(pl.col("seed") == CHOOSING)["validation_accuracy"].to_list()
        fresh = own.filter(pl.col("seed").is_between(1, trainings.fresh)).sort("seed")
        found[text] = Standing(
            text,
            rates[text],
            first[0] if first else None,
            tuple(fresh["validation_accuracy"].fill_null(chance).to_list()),
            int((fresh["outcome"] == "diverged").sum()),
            float(np.mean(fresh["test_accuracy"].fill_null(chance).to_list())),
        )
    return found


def difference(candidate: Standing, reference: Standing) -> Difference:
    """Compare two functions seed by seed.

    Examples
    --------
    >>> a, b = (Standing(t, 0.1, 0.5, s, 0, 0.5) for t, s in
    ...         (("a", (0.5, 0.6, 0.7)), ("b", (0.4, 0.51, 0.6))))
    >>> found = difference(a, b)
    >>> found.estimate, round(found.p, 4)
    (Estimate(mean=0.0967, half_width=0.0143), 0.0012)
    """
    apart = np.subtract(candidate.scores, reference.scores)
    if len(apart) < 2 or not np.ptp(apart):
        p = 1.0 if len(apart) < 2 or not apart.any() else 0.0
    else:
        p = float(stats.ttest_1samp(apart, 0.0).pvalue)
    return Difference(candidate, reference, Estimate.of(apart.tolist()), p)


def corrected(differences: Sequence[Difference]) -> list[Difference]:
    """Return the differences with p-values corrected for their number (Holm 1979)."""
    p_values = holm([each.p for each in differences]).tolist() if differences else []
    return [
        Difference(each.candidate, each.reference, each.estimate, p)
        for each, p in zip(differences, p_values, strict=True)
    ]


def best_of(found: Mapping[str, Standing], texts: Sequence[str]) -> Standing:
    """Return the function of the highest mean over the fresh seeds."""
    return max((found[text] for text in texts), key=lambda each: each.mean)


def verdict(sections: Sequence[Sequence[Difference]]) -> Verdict:
    """Judge the claim that some candidate beats its reference in every section.

    ``confirmed`` if in each section one is significantly better, ``refuted`` if in each section all
    are significantly worse, otherwise ``open``.
    """
    if sections and all(any(each.better for each in section) for section in sections):
        return "confirmed"
    if sections and all(section and all(d.worse for d in section) for section in sections):
        return "refuted"
    return "open"
