"""Load the embedded tables: as polars frames, or as Hugging Face datasets.

polars, pyarrow and datasets are imported when a function is called, so that each function pays for
its own library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from act_bench.files.manifest import (
    ABOUT,
    ENTROPY_FILE,
    verified,
)
from act_bench.tables.files import entries_file, runs_file, table_files, without_data
from act_bench.tables.rates import (
    LEARNING_RATE,
    RATE_COLUMNS,
    TUNED_COLUMNS,
    View,
    choose_rate,
    load_rates,
    own_rate,
    rate_runs_file,
    rate_runs_name,
    tuned_file,
    view_name,
)
from act_bench.tables.registry import choose_fidelity, table_info
from act_bench.tables.schema import (
    ENTROPY_COLUMNS,
    ENTRY_COLUMNS,
    RUN_COLUMNS,
    Column,
    UnknownNameError,
    names,
    one_of,
)

if TYPE_CHECKING:
    import polars as pl


def load_table(
    name: str,
    edition: str = "regenerated",
    fidelity: str | None = None,
    columns: Iterable[str] | None = None,
    rate: View | None = None,
) -> pl.DataFrame:
    """Load a table: one row per entry, in entry order, always all 2,913.

    Parameters
    ----------
    name
        A key of ``act_bench.tables.registry.TABLES``.
    edition
        ``regenerated``, the data that come with this package, or ``upstream``, the authors' own,
        where ``act-bench import-upstream`` has put them.
    fidelity
        One of the table's fidelities; None takes its default, the highest that covers every entry
        (``act-bench tables`` shows it).
    columns
        Names of the columns to read; None reads all of the table's own, the vector ones included.
        Columns that are the same at every fidelity are joined when they are asked for: those of the
        table's Fisher spectra (``fim_quantiles``, ``fim_valid``, ``fim_reason``), and the entropy
        of what the function passes on (``entropy_nats``, ``flat``). Both are this package's own in
        either edition; the authors' spectra come from ``act_bench.tables.upstream.load_cdfs``.
    rate
        ``"default"``, the recipe's own learning rate; a number, another one; or ``"tuned"``, for
        every entry the run with seed 0 at the rate that seed 0 chooses, with columns of its own
        (``act_bench.tables.rates.TUNED_COLUMNS``). Default: the recipe's own.

    Returns
    -------
    polars.DataFrame
        The columns of ``act_bench.tables.schema.ENTRY_COLUMNS`` and then ``learning_rate``, which
        is null in the edition ``upstream``, or those asked for, in that order.

    Raises
    ------
    UnknownNameError
        If there is no such table, edition, fidelity or column.
    DataError
        If the table has no data here, or its file is missing or damaged.

    Examples
    --------
    >>> import act_bench
    >>> table = act_bench.load_table("mlp", columns=["expression", "validation_accuracy"])
    >>> table.shape
    (2913, 2)
    """
    from act_bench.tables.spectra import fisher_columns, fisher_file

    asked = _asked(columns)
    if view_name(rate) != "default":
        return _load_view(name, edition, fidelity, asked, rate)
    file = entries_file(name, fidelity, edition)
    sources: tuple[tuple[Sequence[Column], Callable[[], Path]], ...] = (
        (ENTRY_COLUMNS, lambda: file),
        (fisher_columns(layers=1), lambda: fisher_file(name)),
        (ENTROPY_COLUMNS, lambda: verified(ENTROPY_FILE)),
    )
    wanted = [*names(ENTRY_COLUMNS), LEARNING_RATE.name] if asked is None else asked
    known = [LEARNING_RATE, *(column for source, _ in sources for column in source)]
    _check_columns(wanted, known)
    import polars as pl

    own = None if edition == "upstream" else own_rate(name, choose_fidelity(name, fidelity))
    parts, left = [], [column for column in wanted if column != LEARNING_RATE.name]
    for found, source in sources:
        if there := [column for column in left if column in names(found)]:
            parts.append(_read(source(), there))
            left = [column for column in left if column not in there]
    if not parts:
        parts.append(_read(file, ["entry"]))
    table = pl.concat(parts, how="horizontal")
    return table.with_columns(pl.lit(own, pl.Float64).alias(LEARNING_RATE.name)).select(wanted)


def _load_view(
    name: str,
    edition: str,
    fidelity: str | None,
    columns: list[str] | None,
    rate: View | None,
) -> pl.DataFrame:
    """Load a table at another learning rate, or tuned; see `load_table`."""
    import polars as pl

    info = table_info(name)
    if edition == "upstream" or fidelity not in (None, info.default_fidelity):
        raise UnknownNameError(
            f"{name} at fidelity {fidelity}, edition {edition}, has one learning rate: leave out "
            f"rate={rate!r}"
        )
    if isinstance(rate, int | float):
        chosen = choose_rate(name, rate)
        table = load_rates(name).filter(pl.col(LEARNING_RATE.name) == chosen)
        own, last = RATE_COLUMNS, [LEARNING_RATE]
    else:
        table, own, last = pl.read_parquet(tuned_file(name)), TUNED_COLUMNS, []
    shared = [column for column in ENTRY_COLUMNS if column.name not in names(own)]
    known = [*own, *shared] if not last else [*ENTRY_COLUMNS, *last]
    wanted = names(known) if columns is None else columns
    # Spectra and entropies are the same at every rate.
    others = [column for column in wanted if column not in names(own)]
    _check_columns([column for column in wanted if column in names(own)], own)
    if others:
        rest = load_table(name, fidelity=fidelity, columns=others)
        table = pl.concat([table, rest], how="horizontal")
    return table.select(wanted)


def load_runs(
    name: str,
    fidelity: str | None = None,
    columns: Iterable[str] | None = None,
    rate: float | Literal["default", "all"] = "default",
) -> pl.DataFrame:
    """Load the runs of a table: one row per training, with its learning curves.

    Parameters
    ----------
    name
        A key of ``act_bench.tables.registry.TABLES``.
    fidelity
        Only the runs of this fidelity; None gives all, distinguished by the column ``fidelity``.
    columns
        Names of the columns to read; None reads all, the curves included.
    rate
        ``"default"``, the runs at the learning rates of the recipes; a number, those at this rate;
        ``"all"``, distinguished by the column ``learning_rate``. Runs that diverge before the
        learning rate has any part in them were made at the recipe's own rate only.

    Returns
    -------
    polars.DataFrame
        The columns of ``act_bench.tables.schema.RUN_COLUMNS``, or those asked for, in that order;
        sorted by entry, fidelity, learning rate and seed.

    Raises
    ------
    UnknownNameError
        If there is no such table, fidelity or column.
    DataError
        If the table has no runs here, or its file is missing or damaged.

    Examples
    --------
    >>> import act_bench
    >>> runs = act_bench.load_runs("mlp", columns=["expression", "seed", "outcome"])
    >>> runs.columns
    ['expression', 'seed', 'outcome']
    """
    everything = names(RUN_COLUMNS)
    asked = _asked(columns)
    _check_columns(asked or (), RUN_COLUMNS)
    if fidelity is not None:
        choose_fidelity(name, fidelity)
    import polars as pl

    path = runs_file(name)
    # The file has the runs at the rates of the recipes, and says in its metadata which these are.
    recorded = recipe_rates(path)
    if fidelity is not None and fidelity not in recorded:
        raise without_data(name, f"of single runs at fidelity {fidelity}", tuple(recorded))
    own = pl.col("fidelity").replace_strict(recorded, return_dtype=pl.Float64)
    runs = pl.scan_parquet(path).with_columns(own.alias(LEARNING_RATE.name)).select(everything)
    if rate != "default":
        if rate_runs_name(name) in table_files(name):
            others = pl.scan_parquet(rate_runs_file(name)).select(everything)
            order = ["entry", "fidelity", LEARNING_RATE.name, "seed"]
            runs = pl.concat([runs, others]).sort(order)
        if rate != "all":
            runs = runs.filter(pl.col(LEARNING_RATE.name) == choose_rate(name, float(rate)))
    if fidelity is not None:
        runs = runs.filter(pl.col("fidelity") == fidelity)
    return (runs if asked is None else runs.select(asked)).collect()


def recipe_rates(path: Path) -> dict[str, float]:
    """Return the learning rate of each fidelity's recipe, from what a file of runs says of itself.

    Examples
    --------
    >>> from act_bench.tables.files import runs_file
    >>> recipe_rates(runs_file("cnn"))
    {'proxy': 0.05}
    """
    import pyarrow.parquet as pq

    about = json.loads(pq.read_schema(path).metadata[ABOUT])
    return {
        fidelity: float(settings["recipe"]["learning_rate"])
        for fidelity, settings in about["fidelities"].items()
    }


def _asked(columns: Iterable[str] | None) -> list[str] | None:
    """Return the columns that any iterable names, each once; refuse a string in its place."""
    if isinstance(columns, str):
        raise TypeError(f"columns: expected a list of names, got the string {columns!r}")
    return None if columns is None else list(dict.fromkeys(map(str, columns)))


def _check_columns(columns: Iterable[str], known: Sequence[Column]) -> None:
    """Refuse columns that do not exist."""
    for column in columns:
        one_of("column", column, names(known))


def _read(path: Path, columns: Sequence[str] | None) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(path, columns=None if columns is None else list(columns))
