"""What a benchmark answers from: the columns of one table that queries need, and no more.

Read with pyarrow alone, so that a cold start stays short: polars is not needed for a query.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from act_bench.errors import ArgumentError
from act_bench.tables.rates import View, view_name
from act_bench.tables.registry import Metric
from act_bench.tables.schema import UnknownNameError

if TYPE_CHECKING:
    from act_bench.spaces.paper import Space
    from act_bench.spaces.protocol import FunctionSpace
    from act_bench.tables.learning_curves import LearningCurves

Outcome = Literal["ok", "diverged", "missing"]


class MetricInfo(NamedTuple):
    """What a search optimizes.

    Attributes
    ----------
    name : {"validation_accuracy", "validation_loss"}
    higher_is_better : bool
        Its direction. Scores are better when higher, for every metric; losses when lower.
    worst_score : float
        The score of what diverged: that of a network which learned nothing.
    """

    name: Metric
    higher_is_better: bool
    worst_score: float

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """The direction of the metric, in the words of most optimizers.

        Examples
        --------
        >>> MetricInfo("validation_loss", higher_is_better=False, worst_score=-2.3).direction
        'minimize'
        """
        return "maximize" if self.higher_is_better else "minimize"

    @classmethod
    def of(cls, data: SearchData) -> MetricInfo:
        """Return the metric of data."""
        return cls(data.metric, data.metric == "validation_accuracy", data.worst_score)


class SearchData(Protocol):
    """What a benchmark reads of its data, and a trace records of them.

    :class:`BenchmarkData` were measured before and do not change; the data of a live search grow.
    All sequences have one item per entry, in the order of the entries.
    """

    @property
    def table(self) -> str:
        """Whose network was trained."""

    @property
    def edition(self) -> str:
        """Whose measurements."""

    @property
    def fidelity(self) -> str:
        """The recipe."""

    @property
    def seed(self) -> int | None:
        """The seed of the runs; None for medians over all runs of an entry."""

    @property
    def chance(self) -> float:
        """Accuracy of guessing: the score of a diverged entry."""

    @property
    def sha256(self) -> str:
        """Of what the values were read from."""

    @property
    def space(self) -> FunctionSpace:
        """Resolves spellings to entries."""

    @property
    def outcome(self) -> Sequence[Outcome]:
        """Whether an entry trained, diverged, or was not trained."""

    @property
    def validation_accuracy(self) -> Sequence[float | None]:
        """Fractions in [0, 1]; None unless ``ok``."""

    @property
    def test_accuracy(self) -> Sequence[float | None]:
        """Fractions in [0, 1]; None unless ``ok``. Sealed."""

    @property
    def test_loss(self) -> Sequence[float | None]:
        """In nats; None unless ``ok``. Sealed."""

    @property
    def cost_s(self) -> Sequence[float | None]:
        """Seconds of training that a first query is charged; None where they are not known."""

    @property
    def without_run(self) -> frozenset[int]:
        """Entries that have runs, but none with this seed."""

    @property
    def covered(self) -> tuple[int, ...]:
        """The entries that can be evaluated, ascending."""

    @property
    def curves(self) -> LearningCurves:
        """The learning curves; an UnknownNameError where there are none."""

    @property
    def values(self) -> str:
        """What a value is, in words."""

    @property
    def metric(self) -> Metric:
        """What the score is made of."""

    @property
    def worst_score(self) -> float:
        """The score of a diverged entry."""

    @property
    def rate(self) -> View:
        """Which learning rate the values are of: ``own``, ``tuned`` or a number."""

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates that a query may name, ascending; empty if none."""

    def learning_rate(self, entry: int) -> float | None:
        """Return the learning rate of an entry's training; None if it is not known."""

    def at_rate(self, rate: float) -> SearchData:
        """Return the data at one of the learning rates; an UnknownNameError if there is none."""

    def score(self, entry: int) -> float | None:
        """Return what a maximizer may use; the worst score when diverged, None when missing."""


@dataclass(frozen=True, eq=False)
class BenchmarkData:
    """What the queries of one table, fidelity and seed are answered from.

    It holds the sealed test metrics too: it is for the harness, never for an optimizer. All
    sequences have one item an entry, in the order of the entries.

    Parameters
    ----------
    table, edition, fidelity : str
        Where the values come from.
    seed : int or None
        The seed of the runs, or None for the medians over all runs of an entry.
    chance : float
        Accuracy of guessing.
    sha256 : str
        Of the file the values were read from.
    space : Space
        Resolves spellings to entries.
    outcome : sequence of Outcome
    validation_accuracy, test_accuracy, test_loss : sequence of float or None
        Fractions in [0, 1], and nats; None unless ``ok``.
    cost_s : sequence of float or None
        Seconds of training that a first query is charged; None where they are not known, and the
        clock is a lower bound from then on.
    without_run : frozenset of int
        Entries that have runs, but none with this seed: asking for one is an error.
    read_curves : callable, optional
        Reads the learning curves when they are first needed. Default: there are none.
    validation_loss : sequence of float or None, optional
        In nats, for a table whose metric is the loss: then the score is minus the loss. Default:
        the metric, and so the score, is the validation accuracy.
    floor : float, optional
        Score of a diverged entry. Default: ``chance``.
    rate : {"own", "tuned"} or float
        Which learning rate the values are of.
    own_rate : float, optional
        The learning rate of all values, unless tuned. Default: not known.
    runs : sequence of int, optional
        How many runs are behind the answer for each entry. Default: one where it was trained.
    tuned_rates : sequence of float or None, optional
        The learning rate of each entry's value, where tuned.
    read_rates : callable, optional
        Reads which learning rates `at_rate` knows, when they are first asked for. Default: none.
    read_rate : callable, optional
        Reads the data at a learning rate when they are first needed.
    """

    table: str
    edition: str
    fidelity: str
    seed: int | None
    chance: float
    sha256: str
    space: Space
    outcome: Sequence[Outcome]
    validation_accuracy: Sequence[float | None]
    test_accuracy: Sequence[float | None]
    test_loss: Sequence[float | None]
    cost_s: Sequence[float | None]
    without_run: frozenset[int] = frozenset()
    read_curves: Callable[[], LearningCurves] | None = None
    validation_loss: Sequence[float | None] | None = None
    floor: float | None = None
    rate: View = "own"
    own_rate: float | None = None
    tuned_rates: Sequence[float | None] | None = None
    runs: Sequence[int] | None = None
    read_rates: Callable[[], tuple[float, ...]] | None = None
    read_rate: Callable[[float], BenchmarkData] | None = None

    @property
    def name(self) -> str:
        """For files: ``cnn-proxy``, ``cnn-proxy-tuned``, or ``cnn-full-upstream``."""
        suffix = "" if self.rate == "own" else f"-{view_name(self.rate)}"
        suffix += "" if self.edition == "regenerated" else f"-{self.edition}"
        return f"{self.table}-{self.fidelity}{suffix}"

    @property
    def title(self) -> str:
        """For headings: table, fidelity, and rate and edition where they are not the usual ones."""
        suffix = "" if self.rate == "own" else f", rate {view_name(self.rate)}"
        suffix += "" if self.edition == "regenerated" else f", edition {self.edition}"
        return f"{self.table}, fidelity {self.fidelity}{suffix}"

    def __post_init__(self) -> None:
        entries = len(self.space.representatives)
        columns = ("outcome", "validation_accuracy", "test_accuracy", "test_loss", "cost_s")
        for name in (*columns, *(["validation_loss"] if self.validation_loss else [])):
            rows = len(getattr(self, name))
            if rows != entries:
                raise ArgumentError(
                    f"{self.table}-{self.fidelity}: {name} has {rows} rows, but the space has "
                    f"{entries} entries: the file and the space must be of one version"
                )

    def score(self, entry: int) -> float | None:
        """Return what a maximizer may use; :attr:`worst_score` when diverged, None when missing."""
        if self.outcome[entry] == "diverged":
            return self.worst_score
        if self.validation_loss is None:
            return self.validation_accuracy[entry]
        loss = self.validation_loss[entry]
        return None if loss is None else -loss

    def runs_behind(self, entry: int) -> int:
        """Return how many runs are behind the answer for an entry."""
        return int(self.outcome[entry] != "missing") if self.runs is None else self.runs[entry]

    def learning_rate(self, entry: int) -> float | None:
        """Return the learning rate of an entry's training; None if it is not known."""
        return self.own_rate if self.tuned_rates is None else self.tuned_rates[entry]

    @cached_property
    def rates(self) -> tuple[float, ...]:
        """Learning rates that a query may name, ascending; empty if there are none."""
        return () if self.read_rates is None else self.read_rates()

    @cached_property
    def _at_rate(self) -> dict[float, BenchmarkData]:
        return {}

    def at_rate(self, rate: float) -> BenchmarkData:
        """Return the data at one of `rates`, read when it is first asked for.

        Raises
        ------
        UnknownNameError
            The table was not trained at it; the message lists the rates that there are.
        """
        if self.rate == "tuned":
            raise UnknownNameError(
                f"{self.title}: the rate is chosen for each function; open the benchmark with "
                "rate='own' to ask for rates"
            )
        known = self._at_rate.get(rate)
        if known is None:
            if self.own_rate is not None and abs(rate - self.own_rate) <= 1e-9 * self.own_rate:
                return self
            if self.read_rate is None:
                shown = ", ".join(f"{each:g}" for each in self.rates) or "its recipe's own alone"
                raise UnknownNameError(
                    f"{self.title} was not trained at the learning rate {rate!r}; it has {shown}"
                )
            known = self._at_rate[rate] = self.read_rate(rate)
        return known

    @property
    def worst_score(self) -> float:
        """The score of a diverged entry: what a network is worth that learned nothing."""
        return self.chance if self.floor is None else self.floor

    @property
    def metric(self) -> Metric:
        """What the score is made of: ``validation_accuracy``, or ``validation_loss``."""
        return "validation_accuracy" if self.validation_loss is None else "validation_loss"

    @cached_property
    def covered(self) -> tuple[int, ...]:
        """The entries that can be evaluated, ascending."""
        return tuple(
            entry
            for entry, outcome in enumerate(self.outcome)
            if outcome != "missing" and entry not in self.without_run
        )

    @cached_property
    def curves(self) -> LearningCurves:
        """The learning curves, read when they are first needed.

        Raises
        ------
        UnknownNameError
            This edition has none.
        """
        if self.read_curves is None:
            raise UnknownNameError(
                f"{self.title}, edition {self.edition}, has no learning curves: query it without "
                "epochs"
            )
        return self.read_curves()

    @property
    def values(self) -> str:
        """What a value is, in words."""
        if self.rate == "tuned":
            return "the run with seed 0 at the rate that suits it best"
        return "median over the runs" if self.seed is None else f"the run with seed {self.seed}"
