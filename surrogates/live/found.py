"""What a live search gives: each function as it was trained, and what was found in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from act_bench.search.events import Outcome
from surrogates.live.confirm import Confirmed, Estimate


class Evaluated(NamedTuple):
    """One function that a search trained.

    Attributes
    ----------
    expression
        As the space spells it.
    entry
        Its number in the space; None outside it.
    outcome, validation_accuracy
        The median over the seeds; None if diverged.
    score
        What is maximized: the accuracy, or minus the loss; that of guessing where it diverged.
    cost_s, clock_s
        Seconds of its training, and the search's clock after it.
    curve
        The score by epoch, of the first seed.
    """

    expression: str
    entry: int | None
    outcome: Outcome
    validation_accuracy: float | None
    score: float
    cost_s: float
    clock_s: float
    curve: tuple[float, ...]

    @property
    def worth(self) -> tuple[bool, float]:
        """By what functions are ranked: what trained beats what diverged, whatever the scores."""
        return self.outcome == "ok", self.score


class Tested(NamedTuple):
    """The sealed metrics of a function, shown once, when a search ends.

    Attributes
    ----------
    expression
        The best of the search by validation.
    accuracy, loss
        Medians over the search's seeds, a fraction and nats; None if diverged or without test data.
    fresh
        The accuracy, or the loss where that is searched by, over the fresh seeds of the
        confirmation; None without it.
    """

    expression: str
    accuracy: float | None
    loss: float | None
    fresh: Estimate | None


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    evaluated
        Every function that was trained, in order.
    confirmed
        The best of them trained with fresh seeds, and the reference; empty if not asked for.
    tested
        Test of the best by the search's validation; None while it is sealed.
    clock_s
        Seconds of training that the search cost, confirmation not counted.
    """

    evaluated: tuple[Evaluated, ...]
    confirmed: tuple[Confirmed, ...]
    tested: Tested | None
    clock_s: float

    @property
    def best(self) -> Evaluated:
        """What trained with the highest score; of equals, the one that was trained first."""
        return max(self.evaluated, key=lambda each: each.worth)

    def to_json(self) -> dict[str, object]:
        """Return it as values of JSON."""
        return {
            "best": self.best._asdict(),
            "evaluations": len(self.evaluated),
            "clock_s": self.clock_s,
            "confirmed": [
                {
                    **row.candidate._asdict(),
                    "scores": list(row.scores),
                    "diverged": row.diverged,
                    "validation": row.validation._asdict(),
                    "difference": row.difference and row.difference._asdict(),
                }
                for row in self.confirmed
            ],
            "tested": self.tested
            and self.tested._asdict()
            | {"fresh": self.tested.fresh and self.tested.fresh._asdict()},
        }
