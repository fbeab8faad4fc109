"""The learning-rate axis of the tables: what each entry reaches at each rate, and tuned.

A table trains every entry at the learning rate of its recipe. Two more files say what other rates
give: ``{table}-rates.parquet`` has one row per entry and rate, ``{table}-tuned.parquet`` one row
per entry, at the rate that suits it. **Tuned is one estimand for all entries**: the run with seed 0
at the rate at which seed 0 has the highest validation accuracy. So it is what a user gets who tries
these rates once, and it is as optimistic as that is: the other seeds at that rate, which had no
part in the choice, stand beside it (``fresh_...``), and statements about the best rest on them.

A run that diverges counts as worse than every other. An entry is ``diverged`` in the tuned table if
seed 0 diverges at every rate. Seeds may disagree about it, since the best rates lie next to those
that diverge: in the fresh mean a run that diverged counts as chance, and ``fresh_diverged_runs``
says how many did.
"""

from __future__ import annotations

from typing import Final

from act_bench.tables.schema import ENTRY_COLUMNS, METRICS, Column

_OWN: Final = {column.name: column for column in ENTRY_COLUMNS}
_IDENTITY: Final = ("expression", "entry", "canonical_class")

LEARNING_RATE: Final = Column(
    "learning_rate",
    "float64",
    "",
    "Peak of the learning rate; null where the function diverged at every rate.",
)

RATE_COLUMNS: Final = (
    *(_OWN[name] for name in _IDENTITY),
    LEARNING_RATE._replace(meaning="Peak of the learning rate of the trainings."),
    *(_OWN[name] for name in METRICS),
    *(_OWN[name] for name in ("validation_accuracy_std", "runtime_s", "outcome", "runs")),
    _OWN["diverged_runs"],
)
"""Of ``{table}-rates.parquet``."""

TUNED_COLUMNS: Final = (
    *(_OWN[name] for name in _IDENTITY),
    LEARNING_RATE,
    *(
        _OWN[name]._replace(meaning=f"Of the run with seed 0 at that rate: {meaning}")
        for name, meaning in {
            "train_accuracy": "accuracy on the training images.",
            "validation_accuracy": "accuracy on the validation images.",
            "test_accuracy": "accuracy on the test images.",
            "train_loss": "mean loss on the training images.",
            "validation_loss": "mean loss on the validation images.",
            "test_loss": "mean loss on the test images.",
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
"""Of ``{table}-tuned.parquet``."""


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
