"""Make the table of named functions from the runs of sweeps with ``--named``.

``python -m builders.named cnn --runs sweeps/cnn-proxy-named --runs sweeps/cnn-proxy-named-0.1``
reads the parts of such sweeps, checks every run against the recipe with its learning rate, and
writes ``cnn-named-runs.parquet`` (these runs) and ``cnn-named.parquet`` (one row per function of
the catalogue, fidelity and rate). Functions that are in the space come from the embedded runs of
the table, at every rate that they have. Runs that are embedded already stay.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import polars as pl

from act_bench.files.manifest import AbsentDataError, FileRecord
from act_bench.functions.catalogue import CATALOGUE
from act_bench.functions.named import NamedFunction
from act_bench.publishing.parquet import write_table
from act_bench.spaces.paper import beside_the_space, entry_of, load_space
from act_bench.tables.catalogued.named import NAMED_COLUMNS, named_name, named_runs_name
from act_bench.tables.rates import of_metric
from act_bench.tables.registry import TableInfo, import_own_tables, table_info
from act_bench.tables.runs import load_runs
from act_bench.tables.schema import RUN_COLUMNS, arrow_schema, names
from builders.command import build_options, folder_of, refusing, runs_option, show
from builders.embedded import origin, write_manifest
from builders.rates import FIRST_SEED, RATE, at_every_rate, choose_rates, fresh_summaries
from builders.tables import check_functions, read_runs, summaries, with_embedded
from regenerate.data.fingerprints import load_any
from regenerate.recipes import Recipe, find
from regenerate.recipes.rates import with_rate

GROUP = ("expression", "fidelity", RATE)


def catalogue_frame(
    functions: Mapping[str, NamedFunction], entries: Mapping[str, int | None]
) -> pl.DataFrame:
    """Return the columns of the table that do not depend on training, one row per function.

    Parameters
    ----------
    functions
        Name to function.
    entries
        Name to the function's entry in the space, or None outside it.
    """
    first = load_space().representatives
    found = [(name, entries[name]) for name in functions]
    return pl.DataFrame(
        {
            "name": list(functions),
            "title": [function.title for function in functions.values()],
            "expression": [
                str(functions[name]) if entry is None else first[entry] for name, entry in found
            ],
            "entry": pl.Series([entry for _, entry in found], dtype=pl.Int32),
            # A table of values has no place for a parameter that changes.
            "comparable_runtime": [function.parameter is None for function in functions.values()],
            "place": range(len(functions)),
        }
    )


def named_table(
    runs: pl.DataFrame, catalogue: pl.DataFrame, own_rates: Mapping[str, float], info: TableInfo
) -> pl.DataFrame:
    """Return one row per function, fidelity and rate, with the columns `NAMED_COLUMNS`.

    Parameters
    ----------
    runs
        With the run columns: of functions outside the space, and of their entries inside it.
    catalogue
        As from `catalogue_frame`.
    own_rates
        Fidelity to the learning rate of its recipe; ties go to the rate nearest to it.
    info
        The table, by whose metric a run is better than another.
    """
    first, later = (runs.filter(pl.col("seed") == FIRST_SEED), pl.col("seed") != FIRST_SEED)
    chosen = pl.concat(
        choose_rates(first.filter(pl.col("fidelity") == fidelity), rate, "expression", info.metric)
        .filter(pl.col("outcome") == "ok")
        .select(GROUP)
        for fidelity, rate in own_rates.items()
    ).with_columns(tuned=pl.lit(value=True))
    by = list(GROUP)
    return (
        summaries(runs, by, info.metric)
        .join(catalogue, on="expression")
        .join(
            first.select(*by, pl.col(info.metric).alias(f"first_{info.metric}")), on=by, how="left"
        )
        .join(fresh_summaries(runs.filter(later), info, by), on=by, how="left")
        .join(chosen, on=by, how="left")
        .with_columns(
            pl.col("tuned").fill_null(value=False),
            pl.col("fresh_runs", "fresh_diverged_runs").fill_null(0),
        )
        .sort("place", "fidelity", RATE)
        .select(names(of_metric(NAMED_COLUMNS, info.metric)))
    )


def build(
    sources: Sequence[Path], table: str, data_dir: Path | None, folder: Path
) -> dict[str, FileRecord]:
    """Write the named functions of a table and their runs, and the manifest.

    Parameters
    ----------
    sources
        What ``builders.tables.read_runs`` takes: sweeps with ``--named``.
    table
        Its name.
    data_dir
        Folder with the images, for data sets that do not come with a library.
    folder
        Where the files go.

    Raises
    ------
    BuildError
        If a run is of no recipe of the table at its rate, of no function of the catalogue outside
        the space, or there twice.
    """
    columns = names(RUN_COLUMNS)
    entries = {name: entry_of(function) for name, function in CATALOGUE.items()}
    file = folder / named_runs_name(table)
    runs = pl.concat([read_runs(source).select(columns) for source in sources])
    runs = with_embedded(runs, file)
    recipes = {fidelity: find(table, fidelity) for fidelity in runs["fidelity"].unique().sort()}
    data = {
        fidelity: load_any(recipe.dataset, data_dir, image_size=recipe.image_size)
        for fidelity, recipe in recipes.items()
    }
    hashes = {}
    for (fidelity, rate), of_rate in runs.group_by("fidelity", RATE, maintain_order=True):
        recipe = with_rate(recipes[str(fidelity)], float(str(rate)))
        hashes[f"{fidelity} {rate:g}"] = recipe.sha
        fingerprint = data[recipe.fidelity].fingerprint
        check_functions(of_rate, recipe.fidelity, recipe.sha, fingerprint, beside_the_space())
    about = {
        "table": table,
        "edition": "regenerated",
        "recipes": {name: json.loads(each.canonical_json()) for name, each in recipes.items()},
        "recipe_sha_by_fidelity_and_rate": dict(sorted(hashes.items())),
        "data": {name: {"name": each.name, "fingerprint": each.fingerprint}
                 for name, each in data.items()},
        **origin(
            f"act-bench sweep {table} --named --seeds 3, with --rate RATE for other rates, "
            f"then python -m builders.named {table} --runs FOLDER"
        ),
    }  # fmt: skip
    runs = runs.sort("expression", "fidelity", RATE, "seed")
    write_table(runs.to_arrow(), RUN_COLUMNS, file, about)
    inside = [entry for entry in entries.values() if entry is not None]
    both = pl.concat([runs, *(_of_entries(recipe, inside) for recipe in recipes.values())])
    own_rates = {name: recipe.learning_rate for name, recipe in recipes.items()}
    info = table_info(table)
    rows = named_table(both, catalogue_frame(CATALOGUE, entries), own_rates, info)
    file = folder / named_name(table)
    write_table(rows.to_arrow(), of_metric(NAMED_COLUMNS, info.metric), file, about)
    return write_manifest(folder)


def _of_entries(recipe: Recipe, entries: Sequence[int]) -> pl.DataFrame:
    """Return the embedded runs of entries at every rate, those that are the same at all of them."""
    columns = names(RUN_COLUMNS)
    none = pl.DataFrame(arrow_schema(RUN_COLUMNS).empty_table())
    try:
        runs = load_runs(recipe.table, recipe.fidelity, columns, rate="all")
    except AbsentDataError:  # no entry was trained at this fidelity
        return none
    runs = runs.filter(pl.col("entry").is_in(list(entries)))
    own = pl.col(RATE) == recipe.learning_rate
    by_rate = at_every_rate(runs.filter(own), runs.filter(~own), recipe)
    return pl.concat([of_rate.select(columns) for of_rate in by_rate.values()])


@click.command()
@click.argument("table")
@runs_option("a sweep with --named", several=True)
@build_options
def main(table: str, sources: tuple[Path, ...], data_dir: Path | None, folder: Path | None) -> None:
    r"""Make the files of TABLE's named functions.

    \b
    python -m builders.named mlp --runs sweeps/mlp-full-named --runs sweeps/mlp-full-named-0.1
    """
    import_own_tables()
    with refusing():
        records = build(sources, table, data_dir, folder_of(table, folder))
    show(records, (named_name(table), named_runs_name(table)))


if __name__ == "__main__":
    main()
