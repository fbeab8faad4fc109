"""What was found, trained again: with fresh seeds, beside a reference, with its uncertainty.

The best of many noisy values is partly luck, so what a search found is worth less than it showed.
Seeds that the search did not use have no part in that luck. The reference, the best function of the
table or ReLU, is trained with the same seeds, so that differences are taken seed by seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from act_bench.tables.registry import Metric
from regenerate.runs.store import RunStore
from regenerate.training.trainers import Progress, Trainer, summarize, train_into

FRESH: Final = 1000
"""The first seed of confirmations; searches use seeds from 0."""
CONFIDENCE: Final = 0.95


class Estimate(NamedTuple):
    """A mean with the half-width of its 95 % interval, by Student's t; None for one value.

    Examples
    --------
    >>> Estimate.of([0.9, 0.92, 0.94])
    Estimate(mean=0.92, half_width=0.0497)
    """

    mean: float
    half_width: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """Return the estimate from some values, rounded to four digits."""
        mean = round(float(np.mean(values)), 4)
        if len(values) < 2:
            return cls(mean, None)
        error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
        quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
        return cls(mean, round(quantile * error, 4))


class Candidate(NamedTuple):
    """A function to train again.

    Attributes
    ----------
    expression
        Its spelling in the space, or a name.
    entry
        Its number in the space; None outside it.
    role
        ``found``, or what the reference is, such as ``best of the table``.
    shown
        What the search saw in the unit of its metric; None for a reference.
    """

    expression: str
    entry: int | None
    role: str
    shown: float | None


class Confirmed(NamedTuple):
    """One function trained again with fresh seeds.

    Attributes
    ----------
    candidate
        The function.
    scores
        Score by seed, higher being better; that of guessing where it diverged.
    diverged
        How many runs diverged.
    validation
        Estimate over the seeds.
    difference
        From the reference, seed by seed; None for the reference itself and where there is none.
    """

    candidate: Candidate
    scores: tuple[float, ...]
    diverged: int
    validation: Estimate
    difference: Estimate | None


def confirm(
    store: RunStore,
    trainer: Trainer,
    found: Sequence[Candidate],
    seeds: int,
    chance: float,
    reference: Candidate | None = None,
    metric: Metric = "validation_accuracy",
    begin: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> list[Confirmed]:
    """Train functions again; return them, the highest mean first, and the reference last.

    Whatever the scores, a function of which most runs diverged comes after all others, and a
    diverged run counts for its place as no better than the worst that trained.

    Parameters
    ----------
    store, trainer
        Of the search; what is trained is stored, so a restart resumes.
    found
        The functions.
    seeds
        How many fresh seeds, at least 1.
    chance
        Score of a diverged run.
    reference
        What to compare them with; trained with the same seeds. None for nothing.
    metric
        What scores are made of; a loss is negated.
    begin, progress
        Told what is trained now, and the share of it that is done.
    """
    fresh = range(FRESH, FRESH + seeds)
    rows: list[Confirmed] = []
    shown: list[float] = []  # validation of every run that trained
    base: tuple[float, ...] | None = None
    for candidate in ([] if reference is None else [reference]) + list(found):
        if missing := store.missing(candidate.expression, fresh):
            expression, entry = candidate.expression, candidate.entry
            if begin is not None:
                begin(expression)
            runs = train_into(store.parts_folder, trainer, expression, entry, missing, progress)
            store.note(runs)
        runs = store.runs(candidate.expression, fresh)
        scores = tuple(summarize([run]).score(metric, chance) for run in runs)
        shown += [score for score, run in zip(scores, runs, strict=True) if run.outcome == "ok"]
        difference = None
        if candidate is reference:
            base = scores
        elif base is not None:
            difference = Estimate.of([a - b for a, b in zip(scores, base, strict=True)])
        diverged = sum(run.outcome == "diverged" for run in runs)
        rows.append(Confirmed(candidate, scores, diverged, Estimate.of(scores), difference))
    lowest = min([*shown, chance])

    def place(row: Confirmed) -> tuple[bool, bool, float]:
        trained = sum(row.scores) - row.diverged * chance
        mean = (trained + row.diverged * lowest) / max(1, len(row.scores))
        return row.candidate is reference, 2 * row.diverged >= len(row.scores), -mean

    return sorted(rows, key=place)
