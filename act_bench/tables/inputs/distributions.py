"""The embedded distributions of inputs: ``{table}-inputs.parquet``, and how it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from act_bench.functions.catalogue import read
from act_bench.spaces.paper import recorded_as
from act_bench.tables.files import optional_file
from act_bench.tables.rates import LEARNING_RATE
from act_bench.tables.registry import choose_fidelity
from act_bench.tables.schema import ANY_ENTRY, FIDELITY, Column, UnknownNameError

if TYPE_CHECKING:
    import polars as pl

MOMENTS: Final[tuple[str, ...]] = ("initialization", "trained")

INPUT_COLUMNS: Final = (
    Column(
        "expression",
        "string",
        "",
        "The function as it was trained: the spelling of its entry in the space, an expression "
        "outside it, or a name where the notation has no words for it.",
    ),
    ANY_ENTRY,
    Column(
        "chosen_as",
        "string",
        "",
        "Why it is here: baseline, named (of the catalogue), or best: one of the 20 best entries.",
    ),
    FIDELITY,
    LEARNING_RATE._replace(meaning="Peak of the learning rate of the training."),
    Column("seed", "int32", "", "Seed of the training."),
    Column("outcome", "string", "", "ok, or diverged: then only the moment initialization."),
    Column(
        "validation_accuracy",
        "float64",
        "fraction",
        "Of this training; null where it diverged.",
    ),
    Column("moment", "string", "", "initialization: before the first step; trained: at the end."),
    Column(
        "place",
        "int32",
        "",
        "At which place in the network, numbered from 0 in the order of computation.",
    ),
    Column(
        "inputs",
        "int64",
        "",
        "Finite inputs that were counted: one for each unit, or pixel and channel, and image.",
    ),
    Column("mean", "float64", "", "Mean of the inputs, no unit; NaN where none is finite."),
    Column("deviation", "float64", "", "Their standard deviation (n)."),
    Column(
        "counts",
        "int64[98]",
        "",
        "How many inputs lie below -12, in each of 96 bins of width 0.25, and from 12 on.",
    ),
)
"""Of ``{table}-inputs.parquet``: one row per function, moment and place."""


def inputs_name(table: str) -> str:
    """Return the name of the file with a table's distributions of inputs.

    Examples
    --------
    >>> inputs_name("cnn")
    'cnn-inputs.parquet'
    """
    return f"{table}-inputs.parquet"


def inputs_file(table: str) -> Path:
    """Return the path of a table's distributions of inputs, checked against the manifest.

    Raises
    ------
    DataError
        If this version has none of the table, or the file is damaged.
    """
    return optional_file(
        table,
        inputs_name(table),
        "has no distributions of inputs in this version of act-bench: `python -m builders.inputs "
        f"{table}` makes them, and `act-bench plot inputs EXPRESSION --table {table}` trains one "
        "function and draws its own",
    )


def load_inputs(
    table: str, expression: str | None = None, fidelity: str | None = None
) -> pl.DataFrame:
    """Load how the inputs of activation functions are distributed, before and after training.

    Parameters
    ----------
    table
        A key of ``act_bench.tables.registry.TABLES``.
    expression
        One function, by any spelling or name; None gives all.
    fidelity
        One of the table's fidelities; None takes its default.

    Returns
    -------
    polars.DataFrame
        `INPUT_COLUMNS`, one row per function, moment and place. Inputs are those of 512 validation
        images, or as many as there are, normalized as in training (by the batch's own statistics).

    Raises
    ------
    UnknownNameError
        If there is no such table or fidelity, or the file has nothing of the function.
    ParseError
        If ``expression`` is neither an expression nor a name.
    DataError
        If the table has none here, or the file is damaged.

    Examples
    --------
    >>> rows = load_inputs("mlp", "relu")
    >>> rows.select("moment", "place").rows()
    [('initialization', 0), ('initialization', 1), ('trained', 0), ('trained', 1)]
    """
    import polars as pl

    chosen = pl.col("fidelity") == choose_fidelity(table, fidelity)
    rows = pl.read_parquet(inputs_file(table)).filter(chosen)
    if expression is None:
        return rows
    function = recorded_as(str(read(expression)))
    found = rows.filter(pl.col("expression") == function)
    if found.is_empty():
        raise UnknownNameError(
            f"{table} has no inputs of {function}, but of {rows['expression'].n_unique()} other "
            f"functions: load_inputs({table!r}) has them all, and `act-bench plot inputs "
            f"{expression!r} --table {table}` trains this one and draws its own"
        )
    return found
