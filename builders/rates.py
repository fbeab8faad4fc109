"""Make the tables of other learning rates, and the tuned one, from the runs of sweeps.

``python -m builders.rates cnn --runs sweeps/cnn-proxy-0.1 --runs sweeps/cnn-proxy-0.2`` reads the
parts of sweeps at other rates than the recipe's own, checks every run against the recipe with its
rate replaced, and writes ``cnn-rate-runs.parquet`` (these runs), ``cnn-rates.parquet`` (one row per
entry and rate, the recipe's own among them) and ``cnn-tuned.parquet`` (one row per entry, at the
rate that seed 0 chooses). Runs of other rates that are embedded already stay.

Entries that diverge before the learning rate has any part in their training
(`regenerate.recipes.rates.same_at_every_rate`) are not trained again: their run at the recipe's own
rate stands for every rate. The files say how many these are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import click
import polars as pl

from act_bench.files.manifest import FileRecord
from act_bench.publishing.parquet import write_table
from act_bench.spaces.paper import load_space
from act_bench.tables.rates import (
    RATE_COLUMNS,
    TUNED_COLUMNS,
    of_metric,
    rate_runs_name,
    rates_name,
    tuned_name,
)
from act_bench.tables.registry import Metric, TableInfo, import_own_tables, table_info
from act_bench.tables.runs import load_runs
from act_bench.tables.schema import METRICS, RUN_COLUMNS, names
from builders.command import build_options, folder_of, refusing, runs_option, show
from builders.embedded import BuildError, origin, write_manifest
from builders.tables import EntrySpace, aggregate, check_runs, read_runs, with_embedded
from regenerate.data.fingerprints import AnyData, load_any
from regenerate.recipes import Recipe, find
from regenerate.recipes.rates import same_at_every_rate, with_rate

FIRST_SEED = 0
RATE = "learning_rate"


def at_every_rate(
    own: pl.DataFrame, others: pl.DataFrame, recipe: Recipe
) -> dict[float, pl.DataFrame]:
    """Return the runs at each rate, ascending, with what is the same at every rate filled in.

    Parameters
    ----------
    own
        Runs at the recipe's own rate.
    others
        Runs at other rates.
    recipe
        At its own rate.

    Returns
    -------
    dict of float to polars.DataFrame
        Runs by rate. Filled-in runs have the rate and hash that they would have.
    """
    fixed = own.filter(
        pl.struct("outcome", "images_seen").map_elements(
            lambda run: same_at_every_rate(recipe, run["outcome"], run["images_seen"]),
            return_dtype=pl.Boolean,
        )
    )
    found = {recipe.learning_rate: own}
    for rate in others[RATE].unique().to_list():
        trained = others.filter(pl.col(RATE) == rate)
        filled = fixed.join(trained, on=["entry", "seed"], how="anti").with_columns(
            pl.lit(rate).alias(RATE), recipe_sha=pl.lit(with_rate(recipe, rate).sha)
        )
        found[rate] = pl.concat([trained, filled])
    return dict(sorted(found.items()))


def rates_table(
    runs: dict[float, pl.DataFrame],
    trained: pl.DataFrame,
    space: EntrySpace,
    metric: Metric = "validation_accuracy",
) -> pl.DataFrame:
    """Return one row per entry and rate, in the order of entries and then rates.

    The rule of every table holds: medians over the runs, in which a diverged run ranks last.

    Parameters
    ----------
    runs
        As from `at_every_rate`.
    trained
        The runs at the recipe's own rate and at others, without those that were filled in.
    space
        Gives the entries.
    metric
        Of the table.
    """
    tables = [
        aggregate(of_rate, space, metric).with_columns(pl.lit(rate).alias(RATE))
        for rate, of_rate in runs.items()
    ]
    counts = trained.group_by("entry", RATE).agg(pl.len().cast(pl.Int32).alias("trained"))
    return (
        pl.concat(tables)
        .join(counts, on=["entry", RATE], how="left")
        .with_columns(filled_runs=pl.col("runs") - pl.col("trained").fill_null(0))
        .sort("entry", RATE)
        .select(names(of_metric(RATE_COLUMNS, metric)))
    )


def tuned_table(
    runs: dict[float, pl.DataFrame], space: EntrySpace, own_rate: float, info: TableInfo
) -> pl.DataFrame:
    """Return one row per entry at the rate that seed 0 chooses; see `act_bench.tables.rates`.

    Of equal values the rate nearest to the recipe's own is taken, and of these the lower. An
    entry that has no run with seed 0 at some rate is ``missing``.

    Parameters
    ----------
    runs
        As from `at_every_rate`.
    space
        Gives the entries.
    own_rate
        The recipe's.
    info
        The table: its metric chooses, and what a run that diverged is worth counts for fresh ones.
    """
    every = pl.concat([of_rate.select(names(RUN_COLUMNS)) for of_rate in runs.values()])
    first = every.filter(pl.col("seed") == FIRST_SEED)
    costs = first.group_by("entry").agg(
        pl.col("runtime_s").sum().alias("tuning_s"), pl.len().cast(pl.Int32).alias("rates")
    )
    complete = pl.col("rates") == len(runs)
    chosen = choose_rates(first, own_rate, "entry", info.metric)
    tuned_to = chosen.filter(pl.col("outcome") == "ok").join(
        costs.filter(complete), on="entry", how="semi"
    )
    fresh = every.filter(pl.col("seed") != FIRST_SEED).join(
        tuned_to.select("entry", RATE), on=["entry", RATE]
    )
    fresh = fresh_summaries(fresh, info, ["entry"])
    entries = pl.DataFrame(
        {
            "expression": list(space.representatives),
            "entry": range(len(space.representatives)),
            "canonical_class": list(space.canonical_class),
        },
        schema_overrides={"entry": pl.Int32, "canonical_class": pl.Int32},
    )
    table = (
        entries.join(chosen.drop("expression"), on="entry", how="left", maintain_order="left")
        .join(costs, on="entry", how="left", maintain_order="left")
        .join(fresh, on="entry", how="left", maintain_order="left")
        .with_columns(
            pl.when(complete).then("outcome").otherwise(pl.lit("missing")).alias("outcome"),
            pl.col("rates", "fresh_runs", "fresh_diverged_runs").fill_null(0),
        )
    )
    ok, present = pl.col("outcome") == "ok", pl.col("outcome") != "missing"
    return table.with_columns(
        *(pl.when(ok).then(name).alias(name) for name in (*METRICS, RATE)),
        *(pl.when(present).then(name).alias(name) for name in ("runtime_s", "tuning_s")),
    ).select(names(of_metric(TUNED_COLUMNS, info.metric)))


def choose_rates(
    first: pl.DataFrame, own_rate: float, key: str, metric: Metric = "validation_accuracy"
) -> pl.DataFrame:
    """Return of each function the run at the rate that suits it; the last if all diverged.

    Of equal values the rate nearest to the recipe's own is taken, and of these the lower.

    Parameters
    ----------
    first
        Runs with the seed that chooses, one per function and rate.
    own_rate
        The recipe's.
    key
        The column that tells functions apart.
    metric
        By which a run is better than another: a higher accuracy, or a lower loss.
    """
    distance = (pl.col(RATE).log() - math.log(own_rate)).abs().round(9)
    return (
        first.with_columns(distance=distance)
        .sort(
            key, metric, "distance", RATE,
            descending=[False, metric != "validation_loss", False, False], nulls_last=True,
        )
        .unique(key, keep="first", maintain_order=True)
    )  # fmt: skip


def fresh_summaries(fresh: pl.DataFrame, info: TableInfo, by: Sequence[str]) -> pl.DataFrame:
    """Return what runs come to that had no part in a choice, a diverged one as if it guessed.

    Parameters
    ----------
    fresh
        The runs.
    info
        The table, whose metric is taken.
    by
        The columns that tell the groups apart.
    """
    shown, tested = (
        pl.col(name).fill_null(info.worst_value) for name in (info.metric, info.test_metric)
    )
    fresh = fresh.sort("seed")  # a sum depends on its order in the last bit
    return fresh.group_by(by).agg(
        pl.len().cast(pl.Int32).alias("fresh_runs"),
        (pl.col("outcome") == "diverged").sum().cast(pl.Int32).alias("fresh_diverged_runs"),
        shown.mean().alias(f"fresh_{info.metric}"),
        shown.std().alias(f"fresh_{info.metric}_std"),
        tested.mean().alias(f"fresh_{info.test_metric}"),
    )


def check_rates(
    runs: pl.DataFrame, recipe: Recipe, data: AnyData, space: EntrySpace
) -> dict[float, str]:
    """Refuse runs that are not of a recipe with their rate; return its hash at each, ascending.

    Raises
    ------
    BuildError
        As :func:`builders.tables.check_runs`.
    """
    hashes = {}
    for rate in sorted(runs[RATE].unique().to_list()):
        changed = with_rate(recipe, rate)
        of_rate = runs.filter(pl.col(RATE) == rate)
        check_runs(of_rate, recipe.fidelity, changed.sha, data.fingerprint, space)
        hashes[rate] = changed.sha
    return hashes


def build(
    sources: Sequence[Path], recipe: Recipe, data: AnyData, space: EntrySpace, folder: Path
) -> dict[str, FileRecord]:
    """Write the three files of a table's rates, and the manifest.

    Parameters
    ----------
    sources
        What ``builders.tables.read_runs`` takes: sweeps at other rates.
    recipe
        At its own rate; names the table and the fidelity.
    data
        The images that it trains on.
    space
        Gives the entries.
    folder
        Where the files go.

    Raises
    ------
    BuildError
        If a run is not of the recipe with its rate, or is there twice.
    """
    columns = names(RUN_COLUMNS)
    own = load_runs(recipe.table, recipe.fidelity)
    file = folder / rate_runs_name(recipe.table)
    others = pl.concat([read_runs(source).select(columns) for source in sources])
    others = with_embedded(others, file)
    rates = sorted(others[RATE].unique().to_list())
    if recipe.learning_rate in rates:
        raise BuildError(
            f"expected runs at other rates than the recipe's own, {recipe.learning_rate:g}: make "
            "these with builders.tables"
        )
    hashes = {recipe.learning_rate: recipe.sha} | check_rates(others, recipe, data, space)
    runs = at_every_rate(own, others, recipe)
    filled = sum(of_rate.height for of_rate in runs.values()) - own.height - others.height
    about = {
        "table": recipe.table,
        "edition": "regenerated",
        "fidelity": recipe.fidelity,
        "recipe": json.loads(recipe.canonical_json()),
        "recipe_sha_by_rate": {f"{rate:g}": hashes[rate] for rate in sorted(hashes)},
        "same_at_every_rate": f"{filled} runs that diverged before the learning rate had a part",
        "data": {"name": data.name, "fingerprint": data.fingerprint},
        **origin(
            f"act-bench sweep {recipe.table} --fidelity {recipe.fidelity} --rate RATE, then "
            f"python -m builders.rates {recipe.table} --runs FOLDER"
        ),
    }
    others = others.sort("entry", RATE, "seed")
    write_table(others.to_arrow(), RUN_COLUMNS, file, about)
    trained = pl.concat([own.select(columns), others])
    info = table_info(recipe.table)
    table = rates_table(runs, trained, space, info.metric).to_arrow()
    columns_of_rates = of_metric(RATE_COLUMNS, info.metric)
    write_table(table, columns_of_rates, folder / rates_name(recipe.table), about)
    tuned = tuned_table(runs, space, recipe.learning_rate, info).to_arrow()
    file = folder / tuned_name(recipe.table)
    write_table(tuned, of_metric(TUNED_COLUMNS, info.metric), file, about)
    return write_manifest(folder)


@click.command()
@click.argument("table")
@click.argument("fidelity", required=False)
@runs_option("a sweep at another rate", several=True)
@build_options
def main(
    table: str,
    fidelity: str | None,
    sources: tuple[Path, ...],
    data_dir: Path | None,
    folder: Path | None,
) -> None:
    r"""Make the files of TABLE's learning rates, at FIDELITY or its default one.

    \b
    python -m builders.rates mlp --runs sweeps/mlp-full-0.1 --runs sweeps/mlp-full-0.4
    """
    import_own_tables()
    with refusing():
        recipe = find(table, fidelity or table_info(table).default_fidelity)
        data = load_any(recipe.dataset, data_dir, image_size=recipe.image_size)
        records = build(sources, recipe, data, load_space(), folder_of(table, folder))
    show(records, (rates_name(table), rate_runs_name(table), tuned_name(table)))


if __name__ == "__main__":
    main()
