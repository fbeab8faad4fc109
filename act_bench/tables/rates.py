"""The learning-rate axis of the tables: what each entry reaches at each rate, and tuned.

A table trains every entry at the learning rate of its recipe. Two more files say what other rates
give: ``{table}-rates.parquet`` has one row per entry and rate, ``{table}-tuned.parquet`` one row
per entry, at the rate that suits it. **Tuned is one estimand for all entries**: the run with seed 0
at the rate at which seed 0 is best by the metric of the table. So it is what a user gets who tries
these rates once, and it is as optimistic as that is: the other seeds at that rate, which had no
part in the choice, stand beside it (``fresh_...``), and statements about the best rest on them.

A run that diverges counts as worse than every other. An entry is ``diverged`` in the tuned table if
seed 0 diverges at every rate. Seeds may disagree about it, since the best rates lie next to those
that diverge: in the fresh mean a run that diverged counts as one that guesses, and
``fresh_diverged_runs`` says how many did. In a table whose metric is a loss these columns are
``fresh_validation_loss`` and so on, and the spread over the seeds is ``validation_loss_std``
(`of_metric`).
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from act_bench.errors import excerpt
from act_bench.files.manifest import metadata_of
from act_bench.tables.files import entries_file, optional_file, table_file, table_files
from act_bench.tables.registry import table_info
from act_bench.tables.schema import ENTRY_COLUMNS, METRICS, Column, UnknownNameError

if TYPE_CHECKING:
    import polars as pl

    from act_bench.tables.registry import TableInfo

FEW_SEEDS: Final = 5
"""With fewer fresh seeds a function's own deviation is not used for its interval."""

View = Literal["own", "tuned"] | float
"""Which trainings of an entry: at the recipe's own rate, tuned, or at this rate."""

_OWN: Final = {column.name: column for column in ENTRY_COLUMNS}
_IDENTITY: Final = ("expression", "entry", "canonical_class")

SPREAD: Final = "validation_accuracy_std"
"""The column that tells how the metric spreads over the seeds."""

CHOICES: Final = ("first_", "fresh_")
"""How names of columns begin that tell how a choice of the rate turned out."""

LEARNING_RATE: Final = Column(
    "learning_rate",
    "float64",
    "",
    "Peak of the learning rate; null where the function diverged at every rate.",
)

AT_ONE_RATE: Final = (
    LEARNING_RATE._replace(meaning="Peak of the learning rate of the trainings."),
    *(_OWN[name] for name in METRICS),
    *(_OWN[name] for name in (SPREAD, "runtime_s", "outcome", "runs")),
    _OWN["diverged_runs"],
)
"""What the runs of a function at one rate amount to, as those of an entry do."""

RATE_COLUMNS: Final = (
    *(_OWN[name] for name in _IDENTITY),
    *AT_ONE_RATE,
    Column(
        "filled_runs",
        "int32",
        "runs",
        "How many of the runs are those at the recipe's own rate, which diverge before the "
        "learning rate has any part in them and so are the same at every rate.",
    ),
)
"""Of ``{table}-rates.parquet`` in a table whose metric is the accuracy; see `of_metric`."""

TUNED_COLUMNS: Final = (
    *(_OWN[name] for name in _IDENTITY),
    LEARNING_RATE,
    *(
        _OWN[name]._replace(meaning=f"Of the run with seed 0 at that rate: {meaning}")
        for name, meaning in {
            "train_accuracy": "accuracy on the training data, of image networks the first 2,000 "
            "images.",
            "validation_accuracy": "accuracy on the validation data.",
            "test_accuracy": "accuracy on the test data.",
            "train_loss": "mean loss on the same training data.",
            "validation_loss": "mean loss on the validation data.",
            "test_loss": "mean loss on the test data.",
        }.items()
    ),
    Column("runtime_s", "float64", "seconds", "Cost of that run; null if missing."),
    Column(
        "outcome",
        "string",
        "",
        "ok; diverged: seed 0 diverged at every rate; missing: not trained at every rate.",
    ),
    Column("tuning_s", "float64", "seconds", "Cost of the runs with seed 0 at all rates together."),
    Column("rates", "int32", "rates", "Number of rates that seed 0 was trained at."),
    Column(
        "fresh_runs",
        "int32",
        "runs",
        "Number of runs with other seeds at the chosen rate, which had no part in the choice.",
    ),
    Column("fresh_diverged_runs", "int32", "runs", "How many of them diverged."),
    Column(
        "fresh_validation_accuracy",
        "float64",
        "fraction",
        "Mean validation accuracy of the fresh runs, a diverged one at chance; null without any.",
    ),
    Column(
        "fresh_validation_accuracy_std",
        "float64",
        "fraction",
        "Standard deviation (n - 1) of it over the fresh runs; null if these are fewer than two.",
    ),
    Column(
        "fresh_test_accuracy",
        "float64",
        "fraction",
        "Mean test accuracy of the fresh runs, a diverged one at chance; null without any.",
    ),
)
"""Of ``{table}-tuned.parquet`` in a table whose metric is the accuracy; see `of_metric`."""


def of_metric(columns: Iterable[Column], metric: str) -> tuple[Column, ...]:
    """Return columns as a table with this metric has them.

    The spread over the seeds, and what tells of a choice, are of the metric.

    Examples
    --------
    >>> of_metric(TUNED_COLUMNS, "validation_loss")[-1].name
    'fresh_test_loss'
    """
    if metric == "validation_accuracy":
        return tuple(columns)
    return tuple(
        column._replace(
            name=column.name.replace("accuracy", "loss"),
            unit=column.unit.replace("fraction", "nats"),
            meaning=column.meaning.replace("accuracy", "loss").replace(
                "at chance", "at that of the uniform distribution"
            ),
        )
        if column.name == SPREAD or column.name.startswith(CHOICES)
        else column
        for column in columns
    )


def rates_name(table: str) -> str:
    """Return the name of the file with a table's entries at every rate.

    Examples
    --------
    >>> rates_name("cnn")
    'cnn-rates.parquet'
    """
    return f"{table}-rates.parquet"


def rate_runs_name(table: str) -> str:
    """Return the name of the file with a table's runs at other rates than the recipe's own.

    Examples
    --------
    >>> rate_runs_name("cnn")
    'cnn-rate-runs.parquet'
    """
    return f"{table}-rate-runs.parquet"


def tuned_name(table: str) -> str:
    """Return the name of the file with a table's entries at the rates that suit them.

    Examples
    --------
    >>> tuned_name("cnn")
    'cnn-tuned.parquet'
    """
    return f"{table}-tuned.parquet"


def as_view(rate: View | None) -> View:
    """Return what an argument ``rate`` means: a number of any library as a float, None as ``own``.

    Raises
    ------
    UnknownNameError
        It is no view.

    Examples
    --------
    >>> as_view(None), as_view("tuned"), as_view(1)
    ('own', 'tuned', 1.0)
    """
    if rate is None:
        return "own"
    if isinstance(rate, str):
        if rate in ("own", "tuned"):
            return rate
    elif isinstance(rate, Real) and not isinstance(rate, bool) and 0 < rate < float("inf"):
        return float(rate)
    raise UnknownNameError(
        f"no rate {excerpt(rate)}: expected 'own' (that of the recipe), 'tuned', or a learning rate"
    )


def choose_view(
    table: str, rate: View | None, fidelity: str | None = None, edition: str = "regenerated"
) -> View:
    """Return which trainings of a table are meant where it is looked up.

    A rate says so itself. Without one they are the table's default view, or, where a fidelity is
    named, those at the own rate of its recipe.

    Raises
    ------
    UnknownNameError
        There is no such table, or ``rate`` is no view.

    Examples
    --------
    >>> choose_view("cnn", None), choose_view("cnn", None, "proxy"), choose_view("cnn", 0.1)
    ('tuned', 'own', 0.1)
    """
    view = table_info(table).default_view
    if rate is None and fidelity is None and edition == "regenerated":
        return view if tuned_name(table) in table_files(table) else "own"
    return as_view(rate)


def view_name(rate: View | None) -> str:
    """Return a view in words: ``own``, ``tuned``, or the rate; raises as `as_view`.

    Examples
    --------
    >>> view_name(None), view_name("tuned"), view_name(0.1)
    ('own', 'tuned', '0.1')
    """
    view = as_view(rate)
    return view if isinstance(view, str) else f"{view:g}"


def table_rates(table: str) -> tuple[float, ...]:
    """Return the learning rates that a table has, ascending; empty if only the recipe's own.

    Examples
    --------
    >>> table_rates("cnn")
    (0.05, 0.1, 0.2)
    """
    name = rates_name(table)
    if name not in table_files(table):
        return ()
    import pyarrow.parquet as pq

    with pq.ParquetFile(table_file(table, name)) as file:
        found = file.read([LEARNING_RATE.name]).column(0).unique().to_pylist()
    return tuple(sorted(found))


def rates_file(table: str) -> Path:
    """Return the path of a table's entries at every rate, checked against the manifest.

    Raises
    ------
    DataError
        If the table has none, or the file is damaged.
    """
    return _file(table, rates_name(table))


def tuned_file(table: str) -> Path:
    """Return the path of a table's tuned entries, checked; raises as `rates_file`."""
    return _file(table, tuned_name(table))


def rate_runs_file(table: str) -> Path:
    """Return the path of a table's runs at other rates, checked; raises as `rates_file`."""
    return _file(table, rate_runs_name(table))


def _file(table: str, name: str) -> Path:
    absent = "has one learning rate in this version of act-bench, its recipe's own: use"
    return optional_file(table, name, f"{absent} rate='own'")


def same_rate(one: float, other: float) -> bool:
    """Return whether two numbers are the same learning rate, one perhaps rounded to float32.

    Examples
    --------
    >>> same_rate(0.10000000149, 0.1), same_rate(0.1001, 0.1)
    (True, False)
    """
    return abs(one - other) <= 1e-6 * other


def choose_rate(table: str, rate: float) -> float:
    """Return the rate of a table that is meant by a number.

    Raises
    ------
    UnknownNameError
        If the table was not trained at it; the message lists the rates that there are.
    """
    own = own_rate(table, table_info(table).default_fidelity)
    known = table_rates(table) or (() if own is None else (own,))
    for each in known:
        if same_rate(rate, each):
            return each
    shown = ", ".join(f"{each:g}" for each in known) or "its recipe's own alone"
    raise UnknownNameError(
        f"the table {table} was not trained at the rate {rate!r}; it has {shown}"
    )


def read_view(
    table: str, rate: Literal["tuned"] | float, columns: list[str]
) -> dict[str, list[Any]]:
    """Read columns of a table at a rate, or tuned, as lists in entry order; with pyarrow alone.

    Raises
    ------
    UnknownNameError
        If the table was not trained at that rate.
    DataError
        If it has no other rates, or the file is damaged.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if rate == "tuned":
        with pq.ParquetFile(tuned_file(table)) as file:
            rows = file.read(columns)
    else:
        path = rates_file(table)
        chosen = choose_rate(table, float(rate))
        with pq.ParquetFile(path) as file:
            rows = file.read(list(dict.fromkeys([*columns, LEARNING_RATE.name])))
        rows = rows.filter(pc.equal(rows.column(LEARNING_RATE.name), chosen))
    return {name: rows.column(name).to_pylist() for name in columns}


def load_rates(table: str) -> pl.DataFrame:
    """Load what every entry reaches at every rate: `RATE_COLUMNS`, one row per entry and rate.

    Raises
    ------
    DataError
        If the table has one rate only, or its file is damaged.
    """
    import polars as pl

    return pl.read_parquet(rates_file(table))


def own_rate(table: str, fidelity: str) -> float | None:
    """Return the learning rate of the recipe behind a table's entries; None if it is not known.

    Examples
    --------
    >>> own_rate("cnn", "proxy")
    0.05
    """
    rate = metadata_of(entries_file(table, fidelity)).get("recipe", {}).get("learning_rate")
    return None if rate is None else float(rate)


class Spread(NamedTuple):
    """Standard deviation of a run, and the degrees of freedom behind it."""

    deviation: float
    freedom: int


def fresh_spread(tuned: pl.DataFrame, info: TableInfo) -> Spread:
    """Return how much a fresh run at the tuned rate varies, pooled over what trains.

    As root mean square, by degrees of freedom. It stands for a function's own deviation where that
    has fewer than :data:`FEW_SEEDS` runs behind it, of which it says next to nothing.

    Parameters
    ----------
    tuned
        As ``load_table(table, rate="tuned")`` gives it.
    info
        The table.

    Returns
    -------
    Spread
        In the unit of the metric; NaN where no function has two fresh runs.

    Examples
    --------
    >>> from act_bench import load_table
    >>> from act_bench.tables.registry import table_info
    >>> 0.01 < fresh_spread(load_table("mlp", rate="tuned"), table_info("mlp")).deviation < 0.2
    True
    """
    import polars as pl

    sign = 1 if info.higher_is_better else -1
    trains = sign * pl.col(info.metric) > info.trained_score
    std, freedom = pl.col(f"fresh_{info.metric}_std"), pl.col("fresh_runs") - 1
    several = tuned.filter(trains, pl.col("fresh_runs") > 1)
    squares, total = several.select((std.pow(2) * freedom).sum(), freedom.sum()).row(0)
    return Spread(float(squares / total) ** 0.5 if total else float("nan"), int(total))


def fresh_spread_of(row: dict[str, Any], info: TableInfo, of_all: Spread) -> Spread:
    """Return how much a fresh run of one function varies: as of all where it has few.

    Parameters
    ----------
    row
        Of the tuned table.
    info
        The table.
    of_all
        As from `fresh_spread`.
    """
    if row["fresh_runs"] < FEW_SEEDS:
        return of_all
    return Spread(row[f"fresh_{info.metric}_std"], row["fresh_runs"] - 1)
