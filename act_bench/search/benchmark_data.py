"""What a benchmark answers from: the columns of one table that queries need, and no more.

Read with pyarrow alone, so that a cold start stays short: polars is not needed for a query.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from act_bench.files.manifest import read_manifest
from act_bench.tables.files import entries_file, runs_file
from act_bench.tables.registry import Metric, choose_fidelity, table_info
from act_bench.tables.rates import (
    View,
    choose_rate,
    own_rate,
    rate_runs_file,
    rates_file,
    read_view,
    table_rates,
    tuned_file,
    view_name,
)
from act_bench.tables.schema import UnknownNameError

if TYPE_CHECKING:
    from act_bench.spaces.paper import Space
    from act_bench.spaces.protocol import FunctionSpace
    from act_bench.tables.learning_curves import LearningCurves

Outcome = Literal["ok", "diverged", "missing"]

_COLUMNS = ("outcome", "validation_accuracy", "test_accuracy", "test_loss", "runtime_s")


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
    def cost_s(self) -> Sequence[float]:
        """Seconds of training that a first query is charged."""

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
    def worst_score(self) -> float:
        """The score of a diverged entry."""

    @property
    def rate(self) -> View:
        """Which learning rate the values are of: ``default``, ``tuned`` or a number."""

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

    It holds the sealed test metrics too: it is for the harness, never for an optimiser. All
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
    cost_s : sequence of float
        Seconds of training that a first query is charged.
    without_run : frozenset of int
        Entries that have runs, but none with this seed: asking for one is an error.
    read_curves : callable, optional
        Reads the learning curves when they are first needed. Default: there are none.
    validation_loss : sequence of float or None, optional
        In nats, for a table whose metric is the loss: then the score is minus the loss. Default:
        the metric, and so the score, is the validation accuracy.
    floor : float, optional
        Score of a diverged entry. Default: ``chance``.
    rate : {"default", "tuned"} or float
        Which learning rate the values are of.
    own_rate : float, optional
        The learning rate of all values, unless tuned. Default: not known.
    tuned_rates : sequence of float or None, optional
        The learning rate of each entry's value, where tuned.
    rates : tuple of float
        Learning rates that `at_rate` knows.
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
    cost_s: Sequence[float]
    without_run: frozenset[int] = frozenset()
    read_curves: Callable[[], LearningCurves] | None = None
    validation_loss: Sequence[float | None] | None = None
    floor: float | None = None
    rate: View = "default"
    own_rate: float | None = None
    tuned_rates: Sequence[float | None] | None = None
    rates: tuple[float, ...] = ()
    read_rate: Callable[[float], BenchmarkData] | None = None

    @property
    def name(self) -> str:
        """For files: ``cnn-proxy``, ``cnn-proxy-tuned``, or ``cnn-full-upstream``."""
        suffix = "" if self.rate == "default" else f"-{view_name(self.rate)}"
        suffix += "" if self.edition == "regenerated" else f"-{self.edition}"
        return f"{self.table}-{self.fidelity}{suffix}"

    @property
    def title(self) -> str:
        """For headings: table, fidelity, and rate and edition where they are not the usual ones."""
        suffix = "" if self.rate == "default" else f", rate {view_name(self.rate)}"
        suffix += "" if self.edition == "regenerated" else f", edition {self.edition}"
        return f"{self.table}, fidelity {self.fidelity}{suffix}"

    def __post_init__(self) -> None:
        entries = len(self.space.representatives)
        columns = ("outcome", "validation_accuracy", "test_accuracy", "test_loss", "cost_s")
        for name in (*columns, *(["validation_loss"] if self.validation_loss else [])):
            rows = len(getattr(self, name))
            if rows != entries:
                raise ValueError(
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

    def learning_rate(self, entry: int) -> float | None:
        """Return the learning rate of an entry's training; None if it is not known."""
        return self.own_rate if self.tuned_rates is None else self.tuned_rates[entry]

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
                "rate='default' to ask for rates"
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


def load_data(
    table: str,
    fidelity: str | None = None,
    edition: str = "regenerated",
    seed: int | None = None,
    rate: View | None = None,
) -> BenchmarkData:
    """Read what a benchmark answers from; the parameters are those of ``Benchmark``.

    Raises
    ------
    act_bench.tables.schema.UnknownNameError
        Unknown table, fidelity or edition, or no run has the seed; a ValueError.
    act_bench.files.manifest.DataError
        The file is absent or damaged.

    Examples
    --------
    >>> data = load_data("mlp")
    >>> data.fidelity, len(data.covered)
    ('full', 2913)
    """
    from act_bench.spaces.paper import load_space

    fidelity = choose_fidelity(table, fidelity, edition)
    info = table_info(table)
    if view_name(rate) != "default":
        return _other_rate(table, fidelity, edition, seed, rate)
    path = entries_file(table, fidelity, edition)
    columns = list(dict.fromkeys([*_COLUMNS, info.metric]))
    rows = _columns(path, [*columns, "runs"])
    runs = rows.pop("runs")
    without_run: frozenset[int] = frozenset()
    if seed is None:
        # The seconds are a mean over the runs of an entry: this is what all of them took.
        cost = [(mean or 0.0) * count for mean, count in zip(rows["runtime_s"], runs, strict=True)]
    elif edition == "upstream":
        raise UnknownNameError(
            f"the upstream edition of {table} has no single runs, so none with seed {seed}; "
            "seed=None answers with what the authors published, medians"
        )
    else:
        path = runs_file(table)
        rows = _single_runs(path, columns, table, fidelity, seed, entries=len(runs))
        cost = [seconds or 0.0 for seconds in rows["runtime_s"]]
        without_run = frozenset(
            entry
            for entry, (count, outcome) in enumerate(zip(runs, rows["outcome"], strict=True))
            if count and outcome == "missing"
        )

    def read_curves() -> LearningCurves:
        from act_bench.tables.learning_curves import read_curves

        return read_curves(runs_file(table), fidelity, seed, len(runs), info.metric)

    return BenchmarkData(
        table=table,
        edition=edition,
        fidelity=fidelity,
        seed=seed,
        chance=info.chance,
        sha256=read_manifest(path.parent)[path.name].sha256,
        space=load_space(),
        outcome=rows["outcome"],
        validation_accuracy=rows["validation_accuracy"],
        test_accuracy=rows["test_accuracy"],
        test_loss=rows["test_loss"],
        cost_s=cost,
        without_run=without_run,
        read_curves=None if edition == "upstream" else read_curves,
        validation_loss=rows.get("validation_loss"),
        floor=info.floor,
        **_rates(table, fidelity, edition, seed),
    )


def _rates(table: str, fidelity: str, edition: str, seed: int | None) -> dict[str, Any]:
    """Return what data know of learning rates: the own one, the others, and how to read these."""
    if edition == "upstream":  # the authors do not say
        return {}
    own = own_rate(table, fidelity)
    if fidelity != table_info(table).default_fidelity:
        return {"own_rate": own}
    rates = table_rates(table)

    def read_rate(rate: float) -> BenchmarkData:
        return load_data(table, fidelity, edition, seed, rate)

    return {"own_rate": own, "rates": rates, "read_rate": read_rate if rates else None}


def _other_rate(
    table: str, fidelity: str, edition: str, seed: int | None, rate: View | None
) -> BenchmarkData:
    """Read the data of the view ``tuned``, or of another learning rate than the recipe's own."""
    from act_bench.spaces.paper import load_space

    info = table_info(table)
    if edition == "upstream" or fidelity != info.default_fidelity:
        raise UnknownNameError(
            f"{table} at fidelity {fidelity}, edition {edition}, has one learning rate: leave out "
            f"rate={rate!r}"
        )
    if not isinstance(rate, str):
        assert rate is not None  # noqa: S101  (that is the default view)
        rate = choose_rate(table, rate)
        if rate == own_rate(table, fidelity):
            return load_data(table, fidelity, edition, seed)
    if rate == "tuned":
        return _tuned(table, fidelity, seed)
    path = rates_file(table)
    columns = list(dict.fromkeys([*_COLUMNS, info.metric]))
    rows = read_view(table, rate, [*columns, "runs", "filled_runs"])
    runs, filled = rows.pop("runs"), rows.pop("filled_runs")
    without_run: frozenset[int] = frozenset()
    if seed is not None:
        path = rate_runs_file(table)
        rows = _single_runs(path, columns, table, fidelity, seed, entries=len(runs), rate=rate)
        own = _single_runs(runs_file(table), columns, table, fidelity, seed, entries=len(runs))
        for entry, count in enumerate(filled):
            if count and rows["outcome"][entry] == "missing" and own["outcome"][entry] != "ok":
                for name in columns:  # it does the same at every rate
                    rows[name][entry] = own[name][entry]
        without_run = frozenset(
            entry
            for entry, (count, outcome) in enumerate(zip(runs, rows["outcome"], strict=True))
            if count and outcome == "missing"
        )
        runs = [1] * len(runs)
    cost = [(each or 0.0) * count for each, count in zip(rows["runtime_s"], runs, strict=True)]
    chosen = rate

    def read_curves() -> LearningCurves:
        from act_bench.tables.learning_curves import read_curves

        found = rate_runs_file(table)
        return read_curves(found, fidelity, seed, len(runs), info.metric, rate=chosen)

    return BenchmarkData(
        table=table,
        edition=edition,
        fidelity=fidelity,
        seed=seed,
        chance=info.chance,
        sha256=read_manifest(path.parent)[path.name].sha256,
        space=load_space(),
        outcome=rows["outcome"],
        validation_accuracy=rows["validation_accuracy"],
        test_accuracy=rows["test_accuracy"],
        test_loss=rows["test_loss"],
        cost_s=cost,
        without_run=without_run,
        read_curves=read_curves,
        validation_loss=rows["validation_loss"] if info.metric == "validation_loss" else None,
        floor=info.floor,
        rate=rate,
        **(_rates(table, fidelity, edition, seed) | {"own_rate": rate}),
    )


def _tuned(table: str, fidelity: str, seed: int | None) -> BenchmarkData:
    """Read the view ``tuned``: the run with seed 0 at the rate that seed 0 chooses."""
    from act_bench.spaces.paper import load_space

    if seed not in (None, 0):
        raise UnknownNameError(
            f"the tuned table {table} has the runs with seed 0, which choose the rate; got "
            f"seed={seed}. Fresh seeds stand in load_table({table!r}, rate='tuned')"
        )
    info, path = table_info(table), tuned_file(table)
    columns = list(dict.fromkeys([*_COLUMNS, info.metric, "tuning_s", "learning_rate"]))
    rows = read_view(table, "tuned", columns)
    return BenchmarkData(
        table=table,
        edition="regenerated",
        fidelity=fidelity,
        seed=seed,
        chance=info.chance,
        sha256=read_manifest(path.parent)[path.name].sha256,
        space=load_space(),
        outcome=rows["outcome"],
        validation_accuracy=rows["validation_accuracy"],
        test_accuracy=rows["test_accuracy"],
        test_loss=rows["test_loss"],
        # Tuning is not free: the trainings at all rates were needed to choose one.
        cost_s=[each or 0.0 for each in rows["tuning_s"]],
        validation_loss=rows["validation_loss"] if info.metric == "validation_loss" else None,
        floor=info.floor,
        rate="tuned",
        tuned_rates=rows["learning_rate"],
    )


def _columns(path: Path, names: list[str]) -> dict[str, list[Any]]:
    """Read columns of an entry file as lists of Python values."""
    # Not pyarrow.parquet.read_table, which imports pyarrow.dataset: a third of a cold start.
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read(names)
    return {name: table.column(name).to_pylist() for name in names}


def _single_runs(
    path: Path,
    names: list[str],
    table: str,
    fidelity: str,
    seed: int,
    entries: int,
    rate: float | None = None,
) -> dict[str, list[Any]]:
    """Read the runs with one seed as columns over all entries; ``missing`` where there is none."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    filters: list[tuple[str, str, object]] = [("fidelity", "==", fidelity)]
    filters += [("learning_rate", "==", rate)] if rate is not None else []
    rows = pq.read_table(path, columns=["entry", "seed", *names], filters=filters)
    seeds = rows.column("seed").to_pylist()
    if seed not in seeds:
        known = ", ".join(map(str, sorted(set(seeds)))) or "none at all"
        raise UnknownNameError(
            f"{table} at fidelity {fidelity} has no run with seed {seed}; its seeds: {known}. "
            "seed=None answers with the medians over the runs"
        )
    columns: dict[str, list[Any]] = {name: [None] * entries for name in names}
    columns["outcome"] = ["missing"] * entries
    for row in rows.filter(pc.field("seed") == seed).to_pylist():
        for name in names:
            columns[name][row["entry"]] = row[name]
    return columns
