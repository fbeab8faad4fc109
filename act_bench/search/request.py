"""What a query asks for, understood: which entry, at which rate, for how many epochs.

Nothing is charged here; a question that cannot be answered is refused before it costs anything.
"""

from __future__ import annotations

from typing import Any

from act_bench.arguments import finite_number, whole_number
from act_bench.errors import ArgumentError
from act_bench.search.benchmark_data import SearchData
from act_bench.search.events import Partial
from act_bench.search.refusals import BesideSpaceError, MissingRunError
from act_bench.spaces.paper import NotInSpaceError
from act_bench.spaces.protocol import Asked, How

Key = int | tuple[int, float]
"""What is charged once: an entry, or an entry at another learning rate than the benchmark's."""

Request = tuple[str, float | None, SearchData, Key, int, How, int | None]
"""A question that was understood: text and rate as asked, the data that answer it, what is charged
once, the entry and how the text resolves to it, and epochs (None: all). A plain tuple, for there is
one for every query."""


def understood(
    asked_of: SearchData, expression: Asked | Partial, epochs: int | None, rate: float | None
) -> Request:
    """Return what is asked for, or raise what a query of it raises.

    Examples
    --------
    >>> from act_bench.search.loading import load_data
    >>> text, rate, data, key, entry, how, epochs = understood(load_data("mlp"), "ReLU", None, None)
    >>> text, key, entry, how, epochs
    ('ReLU', 20, 20, 'numerical', None)
    """
    data = asked_of
    if isinstance(expression, Partial):
        expression, epochs, rate = expression
    text = expression if isinstance(expression, str) else data.space.spelling(expression)
    if epochs is not None:
        epochs = whole_number(epochs, "epochs")
    if rate is not None:
        rate = finite_number(rate, "rate", above=0)
    try:
        entry, how = data.space.resolve(text)
    except NotInSpaceError as error:
        rows = _beside(data, error.expression)
        raise BesideSpaceError(error, data.table, rows) if rows else error from None
    key: Key = entry
    if rate is not None and (data := data.at_rate(rate)) is not asked_of:
        key = (entry, rate)
    if epochs is not None and _is_whole(asked_of, epochs):
        epochs = None
    if entry in data.without_run:
        raise _no_run(data, entry)
    return text, rate, data, key, entry, how, epochs


def _is_whole(data: SearchData, epochs: int) -> bool:
    whole = data.curves.epochs
    if not 1 <= epochs <= whole:
        raise ArgumentError(
            f"a training of {data.table} at fidelity {data.fidelity} has {whole} "
            f"epochs: expected 1 to {whole}, got {epochs}"
        )
    return epochs == whole


def _no_run(data: SearchData, entry: int) -> MissingRunError:
    return MissingRunError(
        f"{data.table} at fidelity {data.fidelity} has no run of entry {entry}, "
        f"{data.space.representatives[entry]}, with seed {data.seed}: other seeds are not "
        "taken for it. Use seed=None for the medians over the runs that there are"
    )


def _beside(data: SearchData, expression: str) -> list[dict[str, Any]]:
    """Return what is known of a function outside the space; made-up data have no such rows."""
    from act_bench.tables.catalogued.named import named_rows
    from act_bench.tables.registry import TABLES

    if data.table not in TABLES or data.edition != "regenerated":
        return []
    return named_rows(data.table, expression, data.fidelity)
