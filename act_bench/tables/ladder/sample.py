"""What a table says at a fidelity that a drawn sample of its entries is trained at.

Longer training costs too much for every entry. At the fidelities that the record of a table names
as ``sampled``, such as ``long``, a sample is trained (``builders.ladder.sample`` draws it), each
function at the rate that its seed 0 chose at the default fidelity. ``{table}-{fidelity}.parquet``
has a row for every entry all the same, ``missing`` outside the sample, and says of each function of
the sample why it is in it and with which probability it was drawn. A mean over the rows with
weights of 1 / probability is one over the distinct functions of the table; one without is not.

**One estimand.** A row is the run with seed 0. The best of the sample is chosen by it and reported
by the other seeds (``fresh_...``), which had no part in the choice.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from act_bench.tables.files import entries_file, entries_name, optional_file, sample_runs_name
from act_bench.tables.rates import LEARNING_RATE, TUNED_COLUMNS, of_metric
from act_bench.tables.registry import table_info
from act_bench.tables.schema import Column, UnknownNameError

if TYPE_CHECKING:
    from act_bench.tables.learning_curves import LearningCurves
    from act_bench.tables.rates import View

_MEANINGS: Final = {
    LEARNING_RATE.name: "Peak of the learning rate, the one that seed 0 chose at the default "
    "fidelity; the recipe's own where it diverged at every rate. Null outside the sample.",
    "outcome": "ok or diverged, of the run with seed 0; missing: not trained.",
    "tuning_s": "Cost of the trainings with seed 0 at the default fidelity that chose the rate.",
    "fresh_runs": "Number of runs with other seeds at this rate.",
}

SAMPLE_COLUMNS: Final = (
    *(
        column._replace(meaning=_MEANINGS.get(column.name, column.meaning))
        for column in TUNED_COLUMNS
        if column.name != "rates"
    ),
    Column(
        "stratum",
        "string",
        "",
        "Why the function is in the sample: best, baseline, named, decile 1 to decile 10 (of those "
        "that train, the best first), chance or diverged; null outside it.",
    ),
    Column(
        "probability",
        "float64",
        "fraction",
        "Probability with which a function of its stratum was drawn; null outside the sample.",
    ),
)
"""Of ``{table}-{fidelity}.parquet`` at a sampled fidelity; see `of_metric` for losses."""


def is_sampled(table: str, fidelity: str | None) -> bool:
    """Return whether a fidelity of a table is one that a sample of its entries is trained at.

    Examples
    --------
    >>> is_sampled("cnn", "long"), is_sampled("cnn", "proxy"), is_sampled("cnn", None)
    (True, False, False)
    """
    return fidelity in table_info(table).sampled


def sample_columns(table: str) -> tuple[Column, ...]:
    """Return the columns of a table at its sampled fidelities."""
    return of_metric(SAMPLE_COLUMNS, table_info(table).metric)


def sample_name(table: str, fidelity: str) -> str:
    """Return the name of the file with a table's sample.

    Examples
    --------
    >>> sample_name("cnn", "long")
    'cnn-long.parquet'
    """
    return entries_name(table, fidelity)


def sample_file(table: str, fidelity: str) -> Path:
    """Return the path of a table's sample, checked; raises as `entries_file`."""
    return entries_file(table, fidelity)


def sample_runs_file(table: str, fidelity: str) -> Path:
    """Return the path of the runs of a table's sample, checked against the manifest.

    Raises
    ------
    act_bench.files.manifest.DataError
        If there are none, or the file is damaged.
    """
    absent = f"has no runs at fidelity {fidelity} in this version of act-bench"
    return optional_file(table, sample_runs_name(table, fidelity), absent)


def check_view(table: str, fidelity: str, rate: View) -> None:
    """Refuse a learning rate, of which a sample has one for each function.

    Raises
    ------
    UnknownNameError
        If ``rate`` is a number.
    """
    if rate not in ("own", "tuned"):
        raise UnknownNameError(
            f"{table} at fidelity {fidelity} has each function at the rate that was tuned for it: "
            f"leave out rate={rate!r}. load_runs({table!r}, {fidelity!r}, rate='all') has the runs "
            "of those that were trained at several"
        )


def sample_curves(
    table: str, fidelity: str, rates: list[float | None], tuning_s: list[float | None]
) -> LearningCurves:
    """Read the learning curves of a sample: of seed 0, each function at its rate.

    Their points are the recipe's evaluations, of which ``long`` has several within an epoch. What
    the choice of the rate took is charged with the first of them.

    Parameters
    ----------
    table, fidelity
        Whose.
    rates, tuning_s
        Columns of the table, of every entry.
    """
    from dataclasses import replace

    from act_bench.tables.learning_curves import read_curves

    path = sample_runs_file(table, fidelity)
    metric = table_info(table).metric
    curves = read_curves(path, fidelity, 0, len(rates), metric, rate=rates)
    cost_s = [
        [(before or 0.0) + each for each in row]
        for before, row in zip(tuning_s, curves.cost_s, strict=True)
    ]
    return replace(curves, cost_s=cost_s)
