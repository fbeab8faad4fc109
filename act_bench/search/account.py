"""The account of a search: what it trained, to the end or in part, and the clock.

An entry is charged once, whatever the spelling; a training that was begun is charged what was
missing of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from act_bench.search.benchmark_data import SearchData
from act_bench.search.described import Described
from act_bench.search.events import Event, Outcome, Query, Result
from act_bench.search.request import Key
from act_bench.spaces.protocol import How


class Account(Described):
    """What a :class:`~act_bench.search.benchmark.Benchmark` has charged for, and how it answers.

    Parameters
    ----------
    data : SearchData
        What it answers from.
    """

    def __init__(self, data: SearchData) -> None:
        super().__init__(data)
        self._clock_s = 0.0
        self._seen: dict[Key, Result] = {}
        self._begun: dict[Key, int] = {}  # epochs of trainings that were not finished
        self._events: list[Event] = []
        self._unknown_costs = False

    @property
    def clock_s(self) -> float:
        """Seconds of training charged so far, and whatever was charged besides."""
        return self._clock_s

    @property
    def clock_is_lower_bound(self) -> bool:
        """Whether the table did not say what some of the trainings took, which the clock lacks."""
        return self._unknown_costs

    @property
    def evaluations(self) -> int:
        """Number of different entries trained to the end so far, ``missing`` ones excepted."""
        return len(self._seen)

    @property
    def trainings(self) -> float:
        """Whole trainings that the epochs so far amount to: evaluations, and parts of others."""
        if not self._begun:
            return len(self._seen)
        return len(self._seen) + sum(self._begun.values()) / self._data.curves.epochs

    @property
    def events(self) -> Sequence[Event]:
        """Everything that happened in this search, in order."""
        return tuple(self._events)

    @property
    def latest(self) -> Event:
        """What happened last; an IndexError before anything has."""
        return self._events[-1]

    def _answer(
        self,
        text: str,
        rate: float | None,
        data: SearchData,
        key: Key,
        entry: int,
        how: How,
        epochs: int | None,
    ) -> Result:
        """Return the result of a request, charge for it, and note both."""
        if epochs is not None:
            result = self._part(data, key, entry, how, epochs)
        elif (before := self._seen.get(key)) is not None:
            result = before._replace(cost_s=0.0, how_resolved=how, repeated=True)
        else:
            result = self._first(data, key, entry, how)
        if result.cost_s is None:
            self._unknown_costs = True
        else:
            self._clock_s += result.cost_s
        self._events.append(Query(text, result, self._clock_s, rate))
        return result

    def _first(self, data: SearchData, key: Key, entry: int, how: How) -> Result:
        outcome = data.outcome[entry]
        if outcome == "missing":
            return _missing(entry, how)
        cost_s = data.cost_s[entry]
        begun = self._begun.pop(key, None)
        if begun is not None and cost_s is not None:
            cost_s = max(0.0, cost_s - data.curves.cost_s[entry][begun - 1])
        result = Result(
            outcome=outcome,
            validation_accuracy=data.validation_accuracy[entry],
            cost_s=cost_s,
            entry=entry,
            how_resolved=how,
            score=data.score(entry),
            repeated=False,
            learning_rate=data.learning_rate(entry),
        )
        self._seen[key] = result
        return result

    def _part(self, data: SearchData, key: Key, entry: int, how: How, epochs: int) -> Result:
        if data.outcome[entry] == "missing":
            return _missing(entry, how, epochs)
        curves = data.curves
        score = curves.scores[entry][epochs - 1]
        outcome: Outcome = "diverged" if score is None else "ok"
        begun = self._begun.get(key, 0)
        repeated = key in self._seen or epochs <= begun
        cost_s = 0.0
        if not repeated:
            before = curves.cost_s[entry][begun - 1] if begun else 0.0
            cost_s = curves.cost_s[entry][epochs - 1] - before
            self._begun[key] = epochs
        return Result(
            outcome=outcome,
            validation_accuracy=curves.validation_accuracy[entry][epochs - 1],
            cost_s=cost_s,
            entry=entry,
            how_resolved=how,
            score=data.worst_score if score is None else score,
            repeated=repeated,
            epochs=epochs,
            learning_rate=data.learning_rate(entry),
        )


def _missing(entry: int, how: How, epochs: int | None = None) -> Result:
    return Result(
        outcome="missing",
        validation_accuracy=None,
        cost_s=0.0,
        entry=entry,
        how_resolved=how,
        score=None,
        repeated=False,
        epochs=epochs,
    )
