"""Load the runs behind a table: one row per training, with its learning curves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from act_bench.files.manifest import metadata_of
from act_bench.tables.columns import asked_columns, check_columns
from act_bench.tables.files import limit_runs_file, runs_file, table_files, without_data
from act_bench.tables.ladder.sample import is_sampled, sample_file, sample_runs_file
from act_bench.tables.rates import (
    LEARNING_RATE,
    View,
    as_view,
    choose_rate,
    rate_runs_file,
    rate_runs_name,
    same_rate,
    tuned_file,
)
from act_bench.tables.registry import choose_fidelity, table_info
from act_bench.tables.schema import RUN_COLUMNS, UnknownNameError, names

if TYPE_CHECKING:
    import polars as pl


def load_runs(
    name: str,
    fidelity: str | None = None,
    columns: Iterable[str] | None = None,
    rate: View | Literal["all"] | None = "own",
    limits: bool = False,
) -> pl.DataFrame:
    """Load the runs of a table: one row per training, with its learning curves.

    Parameters
    ----------
    name
        A key of ``act_bench.tables.registry.TABLES``.
    fidelity
        Only the runs of this fidelity; None gives those of all fidelities that are not of a sample
        (``act_bench.tables.ladder.sample``), distinguished by the column ``fidelity``.
    columns
        Names of the columns to read; None reads all, the curves included.
    rate
        ``"own"``, the runs at the learning rates of the recipes, or, of a sample, at the rate
        that each function has in the table; a number, those at this rate; ``"tuned"``, those of
        each entry at its rate in ``load_table(name, rate="tuned")``, and none of an entry that has
        none there; ``"all"``, distinguished by the column ``learning_rate``. Runs that diverge
        before the learning rate has any part in them were made at the recipe's own rate only.
    limits
        The runs behind ``load_table(name, limits=True)``, and no others.

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
    asked = asked_columns(columns)
    check_columns(asked or (), RUN_COLUMNS)
    if fidelity is not None:
        choose_fidelity(name, fidelity)
    if rate != "all":
        rate = as_view(rate)
    import polars as pl

    if limits and rate != "own":
        raise UnknownNameError(f"runs with limits have the recipe's own rate: leave out {rate!r}")
    if fidelity is not None and is_sampled(name, fidelity) and not limits:
        found = _sample_runs(name, fidelity, rate)
        return found if asked is None else found.select(asked)
    path = limit_runs_file(name) if limits else runs_file(name)
    # The file has the runs at the rates of the recipes, and says in its metadata which these are.
    recorded = recipe_rates(path)
    if fidelity is not None and fidelity not in recorded:
        raise without_data(name, f"of single runs at fidelity {fidelity}", tuple(recorded))
    own = pl.col("fidelity").replace_strict(recorded, return_dtype=pl.Float64)
    runs = pl.scan_parquet(path).with_columns(own.alias(LEARNING_RATE.name)).select(everything)
    if rate != "own":
        if rate_runs_name(name) in table_files(name):
            others = pl.scan_parquet(rate_runs_file(name)).select(everything)
            order = ["entry", "fidelity", LEARNING_RATE.name, "seed"]
            runs = pl.concat([runs, others]).sort(order)
        if rate == "tuned":
            keys = ["entry", LEARNING_RATE.name]
            tuned = pl.scan_parquet(tuned_file(name)).select(keys)
            own_fidelity = pl.col("fidelity") == table_info(name).default_fidelity
            runs = runs.filter(own_fidelity).join(tuned, keys, "semi", maintain_order="left")
        elif not isinstance(rate, str):
            runs = runs.filter(pl.col(LEARNING_RATE.name) == choose_rate(name, rate))
    if fidelity is not None:
        runs = runs.filter(pl.col("fidelity") == fidelity)
    return (runs if asked is None else runs.select(asked)).collect()


def _sample_runs(name: str, fidelity: str, rate: View | Literal["all"]) -> pl.DataFrame:
    """Load the runs of a sample: at the rates of the table, at one rate, or all of them."""
    import polars as pl

    runs = pl.read_parquet(sample_runs_file(name, fidelity)).select(names(RUN_COLUMNS))
    if rate == "all":
        return runs
    if not isinstance(rate, str):
        known = sorted(runs[LEARNING_RATE.name].unique())
        meant = [each for each in known if same_rate(rate, each)]
        if not meant:
            raise UnknownNameError(
                f"{name} at fidelity {fidelity} has no run at the rate {rate:g}; it has "
                f"{', '.join(f'{each:g}' for each in known)}"
            )
        return runs.filter(pl.col(LEARNING_RATE.name).is_in(meant))
    keys = ["entry", LEARNING_RATE.name]
    return runs.join(
        pl.read_parquet(sample_file(name, fidelity), columns=keys), on=keys, how="semi"
    )


def recipe_rates(path: Path) -> dict[str, float]:
    """Return the learning rate of each fidelity's recipe, from what a file of runs says of itself.

    Examples
    --------
    >>> from act_bench.tables.files import runs_file
    >>> recipe_rates(runs_file("cnn"))
    {'proxy': 0.05}
    """
    return {
        fidelity: float(settings["recipe"]["learning_rate"])
        for fidelity, settings in metadata_of(path)["fidelities"].items()
    }
