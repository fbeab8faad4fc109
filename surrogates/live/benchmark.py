"""A benchmark that trains instead of looking up.

:class:`LiveBenchmark` is a :class:`~act_bench.search.benchmark.Benchmark` whose data come into
being as they are asked for: its clock, its trace, its seal and its rules are those of a look-up,
because they are the same code. What was trained lies in the search's folder, so asking again after
a kill costs nothing and gives the same answer, to the seconds on the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, NoReturn

from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import Outcome, SearchData
from act_bench.search.events import Partial, Result, Searcher
from act_bench.search.request import Key
from act_bench.spaces.protocol import Asked, How
from act_bench.tables.rates import View
from act_bench.tables.registry import Metric
from act_bench.tables.schema import UnknownNameError
from regenerate.runs.run import Run
from regenerate.runs.store import RunStore
from regenerate.training.trainers import Progress, Trainer, summarize, train_into

if TYPE_CHECKING:
    from act_bench.search.trace import Trace
    from act_bench.spaces.protocol import FunctionSpace, Resolution

EDITION = "live"
"""The edition in the traces of live searches: the answers are the search's own trainings."""


class LiveData:
    """What was trained so far; everything else is ``missing`` yet.

    It is an :class:`~act_bench.search.benchmark_data.SearchData` that grows.

    Parameters
    ----------
    table, fidelity
        What stands in traces.
    chance
        Score of a diverged entry: that of guessing.
    space
        The functions that may be trained.
    sha256
        Of the runs that it was learned from, where they are known.
    metric
        What the score is made of; a loss is negated.
    """

    edition = EDITION
    metric: Metric = "validation_accuracy"
    seed = None
    rate: View = "own"
    rates: tuple[float, ...] = ()
    without_run: frozenset[int] = frozenset()
    values = "median over the runs"

    def __init__(
        self,
        table: str,
        fidelity: str,
        chance: float,
        space: FunctionSpace,
        sha256: str = "",
        metric: Metric = "validation_accuracy",
    ) -> None:
        self.table, self.fidelity, self.chance = table, fidelity, chance
        self.worst_score = chance
        self.space, self.sha256, self.metric = space, sha256, metric
        count = len(space.representatives)
        self.covered = tuple(range(count))
        self.outcome: list[Outcome] = ["missing"] * count
        self.validation_accuracy: list[float | None] = [None] * count
        self.test_accuracy: list[float | None] = [None] * count
        self.test_loss: list[float | None] = [None] * count
        self.cost_s = [0.0] * count
        self._score: list[float | None] = [None] * count

    @property
    def curves(self) -> NoReturn:
        """There are none: a training is whole.

        Raises
        ------
        act_bench.tables.schema.UnknownNameError
            Always.
        """
        raise UnknownNameError(
            f"{self.table} of the edition {self.edition} has no learning curves: query it "
            "without epochs"
        )

    def learning_rate(self, entry: int) -> None:
        """Return None: what is trained has the rate of its recipe."""

    def at_rate(self, rate: float) -> NoReturn:
        """There are no other rates.

        Raises
        ------
        act_bench.tables.schema.UnknownNameError
            Always.
        """
        raise UnknownNameError(f"a live search trains at the rate of its recipe, not at {rate!r}")

    def score(self, entry: int) -> float | None:
        """Return what a maximizer may use; the worst score when diverged, None when missing."""
        return self._score[entry]

    def learn(self, entry: int, runs: Sequence[Run]) -> None:
        """Let an entry be what its runs amount to."""
        summary = summarize(runs)
        self.outcome[entry] = summary.outcome
        self.validation_accuracy[entry] = summary.validation_accuracy
        self.test_accuracy[entry] = summary.test_accuracy
        self.test_loss[entry] = summary.test_loss
        self.cost_s[entry] = summary.cost_s
        self._score[entry] = summary.score(self.metric, self.worst_score)


class LiveBenchmark(Benchmark):
    """One live search.

    Parameters
    ----------
    data
        In which nothing was trained yet.
    store
        The search's folder.
    trainer
        Trains what the folder does not hold.
    seeds
        What each function is trained with; its value is the median, as in the tables.
    searcher
        Who searches, for the trace.
    workers
        Trains in other processes what :meth:`start` begins. Default: in this one, when queried.
    progress
        Told the share of a training in this process.

    Examples
    --------
    >>> import dataclasses
    >>> from act_bench.spaces.paper import load_space
    >>> from regenerate.training.trainers import RecipeTrainer
    >>> from regenerate.recipes import find
    >>> trainer = RecipeTrainer(dataclasses.replace(find("mlp", "full"), epochs=1))
    >>> data = LiveData("mlp", "full", 0.1, load_space())
    >>> store = RunStore(getfixture("tmp_path"), trainer.identity)
    >>> bench = LiveBenchmark(data, store, trainer, seeds=[0])
    >>> result = bench.query("tanh(x)")
    >>> result.outcome, bench.query("tanh(x)").repeated, bench.clock_s == result.cost_s
    ('ok', True, True)
    >>> [each.repeated for each in bench.query_many(["tanh", 20])]
    [True, False]
    """

    def __init__(
        self,
        data: LiveData,
        store: RunStore,
        trainer: Trainer,
        seeds: Sequence[int],
        *,
        searcher: Searcher | None = None,
        workers: Executor | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(data, searcher=searcher)
        self._live, self.store, self.trainer = data, store, trainer
        self.seeds = tuple(seeds)
        self._workers, self._progress = workers, progress
        self._running: dict[int, Future[list[Run]]] = {}

    def resolve(self, expression: Asked | Partial) -> Resolution:
        """Return the entry that a request is for."""
        asked = expression.expression if isinstance(expression, Partial) else expression
        return self._live.space.resolve(asked)

    def start(self, expression: Asked | Partial) -> int:
        """Begin a training on a worker, if there are workers and it is not done; return its entry.

        A query waits for it.
        """
        entry = self.resolve(expression).entry
        text = self._live.space.representatives[entry]
        missing = self.store.missing(text, self.seeds)
        if self._workers is not None and missing and entry not in self._running:
            self._running[entry] = self._workers.submit(
                train_into, self.store.parts_folder, self.trainer, text, entry, missing
            )
        return entry

    def _begin(self, texts: Sequence[str]) -> None:
        """Train several functions at a time, where there are workers."""
        for text in texts:
            self.start(text)

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
        """Train with the seeds that the folder does not hold, and answer.

        Trainings have no parts and one learning rate: a request with others is not understood.
        """
        if self._live.outcome[entry] == "missing":
            self._live.learn(entry, self._trained(entry))
        return super()._answer(text, rate, data, key, entry, how, epochs)

    @property
    def chance(self) -> float:
        """The score of what diverged: that of guessing."""
        return self._live.chance

    def runs(self, entry: int) -> list[Run]:
        """Return the runs of an entry that was queried."""
        return self.store.runs(self._live.space.representatives[entry], self.seeds)

    def restart(self, searcher: Searcher | None = None) -> Benchmark:
        """Return a fresh search over what was trained so far and whatever it will ask for."""
        live = self._live
        return LiveBenchmark(
            LiveData(live.table, live.fidelity, live.chance, live.space, metric=live.metric),
            self.store,
            self.trainer,
            self.seeds,
            searcher=searcher or self.searcher,
            workers=self._workers,
            progress=self._progress,
        )

    @property
    def trace(self) -> Trace:
        """The search so far; its hash is that of the runs that answered it."""
        trace = super().trace
        queried = [self._live.space.representatives[each.entry] for each in self._seen.values()]
        digest = self.store.digest(queried, self.seeds)
        return trace._replace(header=trace.header._replace(data_sha256=digest))

    def _trained(self, entry: int) -> list[Run]:
        text = self._live.space.representatives[entry]
        running = self._running.pop(entry, None)
        if running is not None:
            self.store.note(running.result())
        elif missing := self.store.missing(text, self.seeds):
            folder = self.store.parts_folder
            self.store.note(train_into(folder, self.trainer, text, entry, missing, self._progress))
        return self.store.runs(text, self.seeds)
