"""Named functions beside the space: what GELU, Mish and others of the literature reach in a table.

The space does not hold every function that people ask about. ``{table}-named.parquet`` has one row
per function of :mod:`act_bench.functions.catalogue`, fidelity and learning rate. Functions that are
in the space are there too, with the number of their entry, and their values are those of the
table. The single trainings of the others lie in ``{table}-named-runs.parquet``.

Named functions are no entries: no search is offered them, and they do not count in a rank.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from act_bench.tables.files import optional_file, table_files
from act_bench.tables.rates import AT_ONE_RATE, TUNED_COLUMNS
from act_bench.tables.registry import choose_fidelity
from act_bench.tables.schema import ANY_ENTRY, FIDELITY, RUN_COLUMNS, Column, names

if TYPE_CHECKING:
    import polars as pl

_TUNED: Final = {column.name: column for column in TUNED_COLUMNS}

NAMED_COLUMNS: Final = (
    Column("name", "string", "", "The function: a key of act_bench.functions.catalogue.CATALOGUE."),
    Column("title", "string", "", "How the papers print its name."),
    Column(
        "expression",
        "string",
        "",
        "The function as its trainings are recorded: the spelling of its entry in the space, an "
        "expression outside it, or the name again where the notation has no words for it.",
    ),
    ANY_ENTRY,
    FIDELITY,
    *AT_ONE_RATE,
    Column(
        "tuned",
        "bool_",
        "",
        "Whether this is the rate at which seed 0 is best by the metric of the table; false at "
        "every rate where it diverged at all of them.",
    ),
    Column(
        "first_validation_accuracy",
        "float64",
        "fraction",
        "Validation accuracy of the run with seed 0; null where it diverged.",
    ),
    *(
        _TUNED[name]
        for name in (
            "fresh_runs",
            "fresh_diverged_runs",
            "fresh_validation_accuracy",
            "fresh_validation_accuracy_std",
            "fresh_test_accuracy",
        )
    ),
    Column(
        "comparable_runtime",
        "bool_",
        "",
        "Whether runtime_s can be compared with that of entries: false where a function that "
        "learns is computed by operators of torch, while all others are read from a table.",
    ),
)
"""Of ``{table}-named.parquet``, in a table whose metric is the accuracy; see `of_metric`."""


def named_name(table: str) -> str:
    """Return the name of the file with a table's named functions.

    Examples
    --------
    >>> named_name("cnn")
    'cnn-named.parquet'
    """
    return f"{table}-named.parquet"


def named_runs_name(table: str) -> str:
    """Return the name of the file with the runs of the named functions outside the space.

    Examples
    --------
    >>> named_runs_name("cnn")
    'cnn-named-runs.parquet'
    """
    return f"{table}-named-runs.parquet"


def named_file(table: str) -> Path:
    """Return the path of a table's named functions, checked against the manifest.

    Raises
    ------
    DataError
        If this version has none of the table, or the file is damaged.
    """
    return _file(table, named_name(table))


def _file(table: str, name: str) -> Path:
    absent = "has no named functions in this version of act-bench: act-bench regenerate NAME"
    return optional_file(table, name, f"{absent} --table {table} trains one")


def load_named(table: str, fidelity: str | None = None) -> pl.DataFrame:
    """Load what the named functions reach in a table, one row per function and learning rate.

    Parameters
    ----------
    table
        A key of ``act_bench.tables.registry.TABLES``.
    fidelity
        One of the table's fidelities; None takes its default.

    Returns
    -------
    polars.DataFrame
        `NAMED_COLUMNS`, in the order of the catalogue and then of the rates. Rows with ``tuned``
        are one per function, at the rate that seed 0 chooses; ``fresh_validation_accuracy``, or
        ``fresh_validation_loss``, is the mean over seeds that had no part in the choice.

    Raises
    ------
    UnknownNameError
        If there is no such table or fidelity.
    DataError
        If the table has none here, or the file is damaged.

    Examples
    --------
    >>> named = load_named("mlp")
    >>> named.filter("tuned", name="gelu").select("entry", "learning_rate").row(0)
    (None, 0.8)
    """
    import polars as pl

    fidelity = choose_fidelity(table, fidelity)
    return pl.read_parquet(named_file(table)).filter(pl.col("fidelity") == fidelity)


def load_named_runs(table: str, fidelity: str | None = None) -> pl.DataFrame:
    """Load the trainings of the named functions outside the space, with their learning curves.

    Parameters
    ----------
    table
        A key of ``act_bench.tables.registry.TABLES``.
    fidelity
        Only the runs of this fidelity; None gives all.

    Returns
    -------
    polars.DataFrame
        ``act_bench.tables.schema.RUN_COLUMNS``, with ``entry`` null.

    Raises
    ------
    UnknownNameError
        If there is no such table or fidelity.
    DataError
        If the table has none here, or the file is damaged.
    """
    import polars as pl

    if fidelity is not None:
        choose_fidelity(table, fidelity)
    runs = pl.read_parquet(_file(table, named_runs_name(table))).select(names(RUN_COLUMNS))
    return runs if fidelity is None else runs.filter(pl.col("fidelity") == fidelity)


def named_rows(table: str, function: str, fidelity: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of one function, by its name or spelling, ascending by rate.

    With pyarrow alone, since a query asks for it. Empty where the table has no such function, or
    no named functions at all.

    Parameters
    ----------
    table
        A key of ``act_bench.tables.registry.TABLES``.
    function
        ``str`` of the expression or of the named function.
    fidelity
        One of the table's fidelities; None takes its default.
    """
    if named_name(table) not in table_files(table):
        return []
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(named_file(table)) as file:
        rows = file.read()
    of_fidelity = pc.equal(rows.column("fidelity"), choose_fidelity(table, fidelity))
    chosen = rows.filter(
        pc.and_(pc.equal(rows.column("expression"), function), of_fidelity)
    ).to_pylist()
    # One function may have several names, such as CELU, which is ELU at alpha = 1.
    return [row for row in chosen if row["name"] == chosen[0]["name"]]
