"""What a loader takes for its argument ``columns``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from act_bench.errors import ArgumentTypeError, excerpt
from act_bench.tables.schema import Column, names, one_of


def asked_columns(columns: Iterable[str] | None) -> list[str] | None:
    """Return the columns that any iterable names, each once; refuse a string in its place."""
    if columns is None:
        return None
    try:
        several = None if isinstance(columns, str | bytes) else iter(columns)
    except TypeError:
        several = None
    if several is None:
        kind = "the string " if isinstance(columns, str) else ""
        raise ArgumentTypeError(f"columns: expected a list of names, got {kind}{excerpt(columns)}")
    return list(dict.fromkeys(map(str, several)))


def check_columns(columns: Iterable[str], known: Sequence[Column]) -> None:
    """Refuse columns that do not exist."""
    choices = list(dict.fromkeys(names(known)))
    for column in columns:
        one_of("column", column, choices)
