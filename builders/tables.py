"""Make the embedded tables from the runs of a sweep, and the manifest from the embedded files.

``python -m builders.tables mlp full --runs sweeps/mlp-full`` reads the Parquet parts of a sweep,
checks them against the recipe and the space, and writes ``mlp-full.parquet`` (one row per entry),
``mlp-runs.parquet`` (one row per run) and ``manifest.json``. Runs of the same recipe and of other
fidelities that are there stay, so a sweep may add seeds to some functions; those of another recipe
at this fidelity are gone. The same runs give the same bytes. ``python -m builders.tables manifest``
makes the manifest again over all files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import click
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from act_bench.files.manifest import DATA_FOLDER, FileRecord
from act_bench.publishing.parquet import write_table
from act_bench.spaces.paper import load_space
from act_bench.tables.aggregation import is_diverged, median
from act_bench.tables.files import entries_name, runs_name
from act_bench.tables.rates import of_metric
from act_bench.tables.registry import Metric, import_own_tables, table_info
from act_bench.tables.schema import ENTRY_COLUMNS, METRICS, OWN_RATE_RUN_COLUMNS, names
from builders.command import build_options, folder_of, refusing, runs_option, show
from builders.embedded import BuildError, origin, read_about, write_manifest
from regenerate.data.fingerprints import AnyData, load_any
from regenerate.recipes import Recipe, find
from regenerate.runs import parts


class EntrySpace(Protocol):
    """What is needed of the space; ``act_bench.spaces.paper.Space`` is one."""

    @property
    def expressions(self) -> Sequence[str]:
        """Every spelling, in the order of enumeration."""

    @property
    def entry_of(self) -> Mapping[str, int]:
        """Spelling -> entry."""

    @property
    def representatives(self) -> Sequence[str]:
        """Entry -> its first spelling."""

    @property
    def canonical_class(self) -> Sequence[int]:
        """Entry -> canonical class."""

    @property
    def outputs(self) -> NDArray[np.float32]:
        """Entry -> values at the points, (entries, points)."""


def read_runs(source: Path) -> pl.DataFrame:
    """Read the runs of a sweep: a Parquet file, or a folder with Parquet parts.

    Returns
    -------
    polars.DataFrame
        The run columns with the types of the schema; rows in the order of the parts' names.

    Raises
    ------
    BuildError
        If there are no parts, one is damaged, or a column is missing or of another type.
    """
    paths = sorted(source.rglob("*.parquet")) if source.is_dir() else [source]
    if not paths:
        raise BuildError(f"{source}: expected Parquet parts of a sweep, found none")
    try:
        tables = [parts.read_part(path).table for path in paths]
    except parts.PartError as error:
        raise BuildError(str(error)) from error
    runs = pl.from_arrow(pa.concat_tables(tables))
    assert isinstance(runs, pl.DataFrame)  # noqa: S101  (a table gives a frame, a column a series)
    return runs


def with_embedded(runs: pl.DataFrame, file: Path, recipe: Recipe | None = None) -> pl.DataFrame:
    """Return the runs of sweeps and those that are embedded already, each once.

    Parameters
    ----------
    runs
        Of sweeps.
    file
        With the runs that are embedded; it may not be there yet.
    recipe
        Only those by this recipe; None: all of them.

    Raises
    ------
    BuildError
        If a run of a sweep is embedded already with another result, time or place.
    """
    embedded = read_runs(file).select(runs.columns) if file.exists() else runs.clear()
    if recipe is not None:
        # Files of runs at their recipes' own rates need not say which these are.
        rate = pl.col("learning_rate").fill_null(recipe.learning_rate)
        runs, embedded = runs.with_columns(rate), embedded.with_columns(rate)
        embedded = embedded.filter(pl.col("recipe_sha") == recipe.sha)
    every = pl.concat([embedded, runs]).unique(keep="first", maintain_order=True)
    again = every.slice(embedded.height).join(embedded, on=list(parts.KEY), how="semi")
    if again.height:
        raise BuildError(
            f"expected runs that {file} lacks, or the same ones: {again.height} are there in "
            f"another record, the first is {again.select(parts.KEY).row(0)}. To take those of the "
            "sweep, move the file away and name all sweeps that its runs are from"
        )
    return every


def check_runs(
    runs: pl.DataFrame, fidelity: str, recipe_sha: str, fingerprint: str, space: EntrySpace
) -> None:
    """Refuse runs that are not all of one recipe and of entries, each once and consistent.

    Raises
    ------
    BuildError
        For another fidelity, recipe or fingerprint of the data, an expression that is no entry's
        first spelling or has another entry number, the same entry, rate and seed twice, an outcome
        other than ok or diverged, an ok run without finite metrics or with an accuracy outside
        [0, 1], or a diverged run with metrics.
    """
    entry_of = {text: entry for entry, text in enumerate(space.representatives)}
    check_functions(runs, fidelity, recipe_sha, fingerprint, entry_of)


def check_functions(
    runs: pl.DataFrame,
    fidelity: str,
    recipe_sha: str,
    fingerprint: str,
    entry_of: Mapping[str, int | None],
) -> None:
    """Refuse runs that are not all of one recipe and of these functions; see `check_runs`.

    Parameters
    ----------
    entry_of
        The functions that there may be: spelling, or name, to entry; None outside the space.

    Raises
    ------
    BuildError
        As `check_runs`.
    """
    numbers = pl.DataFrame(
        {"expression": list(entry_of), "number": list(entry_of.values()), "known": True},
        schema={"expression": pl.String, "number": pl.Int32, "known": pl.Boolean},
    )
    numbered = runs.join(numbers, on="expression", how="left", maintain_order="left")
    metrics = [pl.col(name) for name in METRICS]
    accuracies = [pl.col(name) for name in METRICS if name.endswith("accuracy")]
    finite = pl.all_horizontal(metric.is_finite().fill_null(value=False) for metric in metrics)
    fractions = pl.all_horizontal(accuracy.is_between(0, 1) for accuracy in accuracies)
    ok, diverged = (pl.col("outcome") == outcome for outcome in ("ok", "diverged"))
    rules = {
        f"fidelity {fidelity}": pl.col("fidelity") == fidelity,
        f"recipe {recipe_sha}": pl.col("recipe_sha") == recipe_sha,
        f"data {fingerprint}": pl.col("versions").str.json_path_match("$.data") == fingerprint,
        "the first spelling of an entry and its number": pl.col("known")
        & pl.col("entry").eq_missing(pl.col("number")),
        "each entry, learning rate and seed once": ~pl.struct(
            "expression", "learning_rate", "seed"
        ).is_duplicated(),
        "the outcome ok or diverged": ok | diverged,
        "finite metrics and accuracies in [0, 1] of an ok run": ~ok | (finite & fractions),
        "no metrics of a diverged run": ~diverged
        | pl.all_horizontal(metric.is_null() for metric in metrics),
    }
    for expected, holds in rules.items():
        offenders = numbered.filter(~holds.fill_null(value=False))  # a null is no pass
        if offenders.height:
            first = offenders.select("expression", "entry", "fidelity", "seed", "outcome").row(0)
            raise BuildError(
                f"expected {expected}: {offenders.height} of {runs.height} runs break this, "
                f"the first is {first}"
            )


def aggregate(
    runs: pl.DataFrame, space: EntrySpace, metric: Metric = "validation_accuracy"
) -> pl.DataFrame:
    """Return one row per entry, in entry order: medians in which a diverged run ranks last.

    The rule is that of ``act_bench.tables.aggregation``.

    Parameters
    ----------
    runs
        Runs of one recipe, as ``check_runs`` accepts them.
    space
        Gives the entries, also those without a run, which become ``missing``.
    metric
        Whose spread over the seeds the table says.

    Returns
    -------
    polars.DataFrame
        ``act_bench.tables.schema.ENTRY_COLUMNS``, as of the metric.
    """
    rates = runs["learning_rate"].unique()
    if len(rates) > 1:
        raise BuildError(
            f"expected runs of one learning rate, got {sorted(rates)}: aggregate each by itself"
        )
    medians = summaries(runs, ["entry"], metric)
    entries = (
        _space_frame(space)
        .join(medians, on="entry", how="left", maintain_order="left")
        .with_columns(
            pl.col("outcome").fill_null("missing"),
            pl.col("runs", "diverged_runs").fill_null(0),
        )
    )
    return entries.select(names(of_metric(ENTRY_COLUMNS, metric)))


def summaries(
    runs: pl.DataFrame, by: Sequence[str], metric: Metric = "validation_accuracy"
) -> pl.DataFrame:
    """Return what the runs of each group come to, in no order.

    Parameters
    ----------
    runs
        With the run columns.
    by
        The columns that tell the groups apart.
    metric
        Whose spread over the seeds is returned.

    Returns
    -------
    polars.DataFrame
        ``by``, the metrics, the metric's name with ``_std``, ``runtime_s``, ``outcome``, ``runs``
        and ``diverged_runs``.
    """
    diverged, spread = pl.col("outcome") == "diverged", f"{metric}_std"
    runs = runs.sort("seed")  # a sum depends on its order in the last bit
    grouped = runs.group_by(by).agg(
        *METRICS,  # the values of all runs, null where one diverged
        pl.col(metric).filter(~diverged).std().alias(spread),
        pl.col("runtime_s").mean(),
        pl.len().cast(pl.Int32).alias("runs"),
        diverged.sum().cast(pl.Int32).alias("diverged_runs"),
    )
    counts = grouped.select("runs", "diverged_runs").iter_rows()
    outcomes = ["diverged" if is_diverged(*each) else "ok" for each in counts]
    return grouped.with_columns(
        *(_medians(grouped[name], lower_is_better=name.endswith("loss")) for name in METRICS),
        pl.Series("outcome", outcomes, dtype=pl.String),
        # One finite run of several has a spread as well, but the entry has no metrics.
        pl.when(pl.Series([outcome == "ok" for outcome in outcomes], dtype=pl.Boolean))
        .then(spread)
        .alias(spread),
    )


def _medians(values: pl.Series, *, lower_is_better: bool) -> pl.Series:
    found = [median(each, lower_is_better=lower_is_better) for each in values.to_list()]
    return pl.Series(values.name, found, dtype=pl.Float64)


def _space_frame(space: EntrySpace) -> pl.DataFrame:
    """Return the entry columns that do not depend on training."""
    first = space.representatives
    others: list[list[str]] = [[] for _ in first]
    for expression in space.expressions:
        entry = space.entry_of[expression]
        if expression != first[entry]:
            others[entry].append(expression)
    outputs = np.ascontiguousarray(space.outputs, dtype=np.float32)
    return pl.DataFrame(
        {
            "expression": list(first),
            "entry": np.arange(len(first), dtype=np.int32),
            "canonical_class": np.asarray(space.canonical_class, dtype=np.int32),
            "equivalent_expressions": pl.Series(others, dtype=pl.List(pl.String)),
            "outputs": pl.Series(outputs, dtype=pl.Array(pl.Float32, outputs.shape[1])),
        }
    )


def build(
    source: Path, recipe: Recipe, data: AnyData, space: EntrySpace, folder: Path
) -> dict[str, FileRecord]:
    """Write the entries and runs of one table and fidelity, and the manifest.

    Parameters
    ----------
    source
        What ``read_runs`` takes.
    recipe
        The recipe that all runs must have; names the table and the fidelity.
    data
        The images that it trains on; their fingerprint and split are kept in the files.
    space
        Gives the entries.
    folder
        Where the files go. Of a runs file that is there, those by this recipe and those of other
        fidelities are kept.

    Raises
    ------
    BuildError
        If the runs are not as ``check_runs`` wants them.
    """
    file = folder / runs_name(recipe.table)
    runs = with_embedded(read_runs(source), file, recipe)
    check_runs(runs, recipe.fidelity, recipe.sha, data.fingerprint, space)
    settings = {"recipe": json.loads(recipe.canonical_json()), "recipe_sha": recipe.sha}
    about = {
        "table": recipe.table,
        "edition": "regenerated",
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            **data.sizes,
        },
        **origin(
            f"act-bench sweep {recipe.table} --fidelity {recipe.fidelity}, then "
            f"python -m builders.tables {recipe.table} {recipe.fidelity} --runs FOLDER"
        ),
    }
    metric = table_info(recipe.table).metric
    entries = aggregate(runs, space, metric).to_arrow()
    of_entries = folder / entries_name(recipe.table, recipe.fidelity)
    own = about | {"fidelity": recipe.fidelity} | settings
    write_table(entries, of_metric(ENTRY_COLUMNS, metric), of_entries, own)

    fidelities = {}
    if file.exists():
        others = read_runs(file).filter(pl.col("fidelity") != recipe.fidelity)
        runs = pl.concat([others, runs])
        kept = others["fidelity"].unique()
        fidelities = {name: read_about(file)["fidelities"][name] for name in kept}
    fidelities[recipe.fidelity] = settings
    runs = runs.sort("entry", "fidelity", "seed")
    write_table(runs.to_arrow(), OWN_RATE_RUN_COLUMNS, file, about | {"fidelities": fidelities})
    return write_manifest(folder)


@click.command()
@click.argument("table")
@click.argument("fidelity", required=False)
@runs_option("a sweep", required=False)
@build_options
def main(
    table: str,
    fidelity: str | None,
    source: Path | None,
    data_dir: Path | None,
    folder: Path | None,
) -> None:
    r"""Make the embedded files of TABLE at FIDELITY, or only the manifest.

    \b
    python -m builders.tables mlp full --runs sweeps/mlp-full
    python -m builders.tables manifest
    """
    import_own_tables()
    if table == "manifest":
        records = write_manifest(folder or DATA_FOLDER)
    elif fidelity is None or source is None:
        raise click.UsageError("expected TABLE FIDELITY --runs FOLDER, or manifest")
    else:
        with refusing():
            recipe = find(table, fidelity)
            data = load_any(recipe.dataset, data_dir, image_size=recipe.image_size)
            records = build(source, recipe, data, load_space(), folder_of(table, folder))
    show(records, records)


if __name__ == "__main__":
    main()
