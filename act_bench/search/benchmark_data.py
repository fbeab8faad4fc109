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

    @property
    def name(self) -> str:
        """For files: ``cnn-proxy``, or ``cnn-full-upstream``."""
        suffix = "" if self.edition == "regenerated" else f"-{self.edition}"
        return f"{self.table}-{self.fidelity}{suffix}"

    @property
    def title(self) -> str:
        """For headings: table, fidelity, and the edition if it is not ours."""
        suffix = "" if self.edition == "regenerated" else f", edition {self.edition}"
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
                f"{self.table} of the edition {self.edition} has no learning curves: query it "
                "without epochs"
            )
        return self.read_curves()

    @property
    def values(self) -> str:
        """What a value is, in words."""
        return "median over the runs" if self.seed is None else f"the run with seed {self.seed}"


def load_data(
    table: str, fidelity: str | None = None, edition: str = "regenerated", seed: int | None = None
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
    )


def _columns(path: Path, names: list[str]) -> dict[str, list[Any]]:
    """Read columns of an entry file as lists of Python values."""
    # Not pyarrow.parquet.read_table, which imports pyarrow.dataset: a third of a cold start.
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read(names)
    return {name: table.column(name).to_pylist() for name in names}


def _single_runs(
    path: Path, names: list[str], table: str, fidelity: str, seed: int, entries: int
) -> dict[str, list[Any]]:
    """Read the runs with one seed as columns over all entries; ``missing`` where there is none."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows = pq.read_table(
        path, columns=["entry", "seed", *names], filters=[("fidelity", "==", fidelity)]
    )
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
