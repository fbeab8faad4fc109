"""Who searches: an optimizer by ask and tell, or a method that goes its own way and proposes.

A session yields functions as they are trained and can be revealed once. There are two kinds, and
:func:`surrogates.live.methods.open_session` chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from act_bench.search.refusals import SearchOverError
from act_bench.tables.registry import Metric
from regenerate.runs.run import Run
from regenerate.runs.store import TRACE, RunStore
from regenerate.training.trainers import Progress, Summary, summarize, train_into
from surrogates.live.benchmark import LiveBenchmark
from surrogates.live.course import Budget, course
from surrogates.live.found import Evaluated, Tested
from surrogates.live.problem import Problem
from surrogates.protocol import Optimizer, SearchSpace


class Session(Protocol):
    """One search under way."""

    def evaluations(self, budget: Budget) -> Iterator[Evaluated]:
        """Train one function after the other until the budget is spent."""
        ...

    def reveal(self) -> Tested:
        """Return the test metrics of the best by validation; once."""
        ...


class OptimizerSession:
    """A search by ask and tell, on a :class:`LiveBenchmark`.

    Parameters
    ----------
    bench
        With the search's folder, where the trace is kept up to date.
    optimizer, space
        Asks, and what it knows of the functions.
    workers
        Trainings at a time.
    """

    def __init__(
        self, bench: LiveBenchmark, optimizer: Optimizer, space: SearchSpace, workers: int
    ) -> None:
        self.bench, self.optimizer, self.space = bench, optimizer, space
        self.workers = workers

    def evaluations(self, budget: Budget) -> Iterator[Evaluated]:
        """Train what the optimizer asks for; a repeated question is no evaluation."""
        bench = self.bench
        asked = course(
            bench, self.optimizer, budget, self.space, workers=self.workers, start=bench.start
        )
        for _, result in asked:
            bench.trace.save(bench.store.folder / TRACE)
            if result.repeated:
                continue
            runs = bench.runs(result.entry)
            about = bench.metric.name, bench.chance
            yield _evaluated(runs, result.entry, summarize(runs), about, bench.clock_s)

    def reveal(self) -> Tested:
        """End the search and its trace."""
        revealed = self.bench.reveal()
        self.bench.trace.save(self.bench.store.folder / TRACE)
        return Tested(revealed.expression, revealed.test_accuracy, revealed.test_loss, None)


class Proposal(NamedTuple):
    """What a method found by means of its own.

    Attributes
    ----------
    expression
        Any expression, or the name of a function of the catalogue.
    cost_s
        Seconds of training that it took to find since the proposal before.
    """

    expression: str
    cost_s: float


class ProposalSession:
    """A search by a method that trains in its own way and proposes functions now and then.

    Each proposal is trained from scratch like everything else, so that methods can be compared. The
    clock is what the method charged and these trainings.

    Parameters
    ----------
    problem, store
        What is searched, and the search's folder.
    propose
        Given the budget, yields proposals; it keeps what it needs to go on after a kill.
    progress
        Told the share of a training.
    """

    def __init__(
        self,
        problem: Problem,
        store: RunStore,
        propose: Callable[[Budget], Iterator[Proposal]],
        progress: Progress | None = None,
    ) -> None:
        self.problem, self.store, self.propose = problem, store, propose
        self.progress = progress
        self._trained: dict[str, tuple[Evaluated, Summary]] = {}
        self._revealed = False

    def evaluations(self, budget: Budget) -> Iterator[Evaluated]:
        """Train what the method proposes; a function that it proposes again is charged once."""
        store, seeds, clock_s = self.store, self.problem.seeds, 0.0
        for expression, cost_s in self.propose(budget):
            clock_s += cost_s
            if expression in self._trained:
                continue
            if missing := store.missing(expression, seeds):
                folder, trainer = store.parts_folder, self.problem.trainer
                store.note(train_into(folder, trainer, expression, None, missing, self.progress))
            runs = store.runs(expression, seeds)
            summary = summarize(runs)
            clock_s += summary.cost_s
            about = self.problem.metric, self.problem.chance
            each = _evaluated(runs, None, summary, about, clock_s)
            self._trained[expression] = each, summary
            yield each
            if not budget.allows(len(self._trained), clock_s):
                return

    def reveal(self) -> Tested:
        """End the search."""
        if self._revealed:
            raise SearchOverError("the test split was revealed already, once per search")
        self._revealed = True
        each, summary = max(self._trained.values(), key=lambda pair: pair[0].worth)
        return Tested(each.expression, summary.test_accuracy, summary.test_loss, None)


def _evaluated(
    runs: list[Run],
    entry: int | None,
    summary: Summary,
    about: tuple[Metric, float],
    clock_s: float,
) -> Evaluated:
    """Return what is told of a function; ``about``: the metric, and the score of what diverged."""
    metric, _ = about
    by_accuracy = metric == "validation_accuracy"
    curve = runs[0].validation_accuracy_curve if by_accuracy else runs[0].validation_loss_curve
    return Evaluated(
        expression=runs[0].expression,
        entry=entry,
        outcome=summary.outcome,
        validation_accuracy=summary.validation_accuracy,
        score=summary.score(*about),
        cost_s=summary.cost_s,
        clock_s=clock_s,
        curve=curve if by_accuracy else tuple(-loss for loss in curve),
    )
