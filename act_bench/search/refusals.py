"""What a benchmark refuses to answer."""

from __future__ import annotations

from typing import Any

from act_bench.errors import ActBenchError, ExitCode
from act_bench.spaces.paper import NotInSpaceError
from act_bench.tables.registry import table_info


class MissingRunError(ActBenchError, LookupError):
    """The entry has runs, but none with the seed of this benchmark."""

    exit_code = ExitCode.DATA


class SealedError(ActBenchError, RuntimeError):
    """Something that a search must not know before it is over."""

    exit_code = ExitCode.USAGE


class SearchOverError(ActBenchError, RuntimeError):
    """The test split was revealed, which ends a search."""

    exit_code = ExitCode.USAGE


class BesideSpaceError(NotInSpaceError):
    """A named function that is not in the space, so no search is offered it; its values are known.

    Attributes
    ----------
    table : str
        The table that was asked.
    rows : list of dict
        Its rows, one per learning rate: ``act_bench.tables.catalogued.named.NAMED_COLUMNS``.
    """

    def __init__(self, error: NotInSpaceError, table: str, rows: list[dict[str, Any]]) -> None:
        super().__init__(error.expression, error.nearest)
        self.table = table
        self.rows = rows

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (NotInSpaceError(self.expression, self.nearest), self.table, self.rows)

    def __str__(self) -> str:
        info = table_info(self.table)
        values = ", ".join(
            f"{row['learning_rate']:g}: {_value(row, info.metric)}"
            f"{' (best by seed 0)' if row['tuned'] else ''}"
            for row in self.rows
        )
        return (
            f"{super().__str__()}. {self.rows[0]['title']} is trained beside the space, where no "
            f"search is offered it; {info.metric_in_words} in {self.table} by learning rate: "
            f"{values}. act_bench.load_named({self.table!r}) has all such functions"
        )


def _value(row: dict[str, Any], metric: str) -> str:
    value: float | None = row[metric]
    return row["outcome"] if value is None else f"{value:.4f}"
