"""Make the entries of a table that were trained with their limit at 0, from the runs of a sweep.

``act-bench sweep mlp --limits`` trains the entries whose formula gives no number at 0
(``act_bench.spaces.limits``) with the limit there. ``python -m builders.limits mlp --runs
sweeps/mlp-full-limits`` checks these runs and writes ``mlp-limits.parquet`` (one row per entry that
was trained) and ``mlp-limit-runs.parquet``. The table itself stays as it is.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click
import polars as pl

from act_bench.files.manifest import FileRecord
from act_bench.publishing.parquet import write_table
from act_bench.spaces.limits import load_limits
from act_bench.spaces.paper import load_space
from act_bench.tables.files import limit_runs_name, limits_name
from act_bench.tables.rates import of_metric
from act_bench.tables.registry import import_own_tables, table_info
from act_bench.tables.schema import LIMIT_ENTRY_COLUMNS, OWN_RATE_RUN_COLUMNS
from builders.command import build_options, folder_of, refusing, runs_option, show
from builders.embedded import BuildError, origin, write_manifest
from builders.tables import EntrySpace, aggregate, check_runs, read_runs, with_embedded
from regenerate.data.fingerprints import AnyData, load_any
from regenerate.recipes import Recipe, find


def build(
    source: Path, recipe: Recipe, data: AnyData, space: EntrySpace, folder: Path
) -> dict[str, FileRecord]:
    """Write the two files of a table, and the manifest.

    Parameters
    ----------
    source
        What ``builders.tables.read_runs`` takes.
    recipe
        The table's own; the runs have it with ``undefined="limit"``.
    data
        The images that it trains on.
    space
        Gives the entries.
    folder
        Where the files go.

    Raises
    ------
    BuildError
        If a run is of another recipe, or of an entry that is defined at 0.
    """
    filled = dataclasses.replace(recipe, undefined="limit")
    file = folder / limit_runs_name(recipe.table)
    runs = with_embedded(read_runs(source), file, filled)
    check_runs(runs, recipe.fidelity, filled.sha, data.fingerprint, space)
    limits = load_limits()
    if others := sorted(set(runs["entry"]) - limits.keys()):
        raise BuildError(
            f"expected entries whose formula gives no number at 0: {len(others)} others, the "
            f"first is {space.representatives[others[0]]}; train with act-bench sweep --limits"
        )
    settings = {"recipe": json.loads(filled.canonical_json()), "recipe_sha": filled.sha}
    about: dict[str, object] = {
        "table": recipe.table,
        "edition": "regenerated",
        "fidelity": recipe.fidelity,
        "data": {"name": data.name, "fingerprint": data.fingerprint},
        **origin(
            f"act-bench sweep {recipe.table} --fidelity {recipe.fidelity} --limits, then "
            f"python -m builders.limits {recipe.table} --runs FOLDER"
        ),
    }
    metric = table_info(recipe.table).metric
    entries = aggregate(runs, space, metric).filter(pl.col("outcome") != "missing").to_arrow()
    columns = of_metric(LIMIT_ENTRY_COLUMNS, metric)
    write_table(entries, columns, folder / limits_name(recipe.table), about | settings)
    about["fidelities"] = {recipe.fidelity: settings}
    runs = runs.sort("entry", "seed")
    write_table(runs.to_arrow(), OWN_RATE_RUN_COLUMNS, file, about)
    return write_manifest(folder)


@click.command()
@click.argument("table")
@runs_option("act-bench sweep TABLE --limits")
@build_options
def main(table: str, source: Path, data_dir: Path | None, folder: Path | None) -> None:
    r"""Make the files of TABLE's entries with their limit at 0, at the default fidelity.

    \b
    python -m builders.limits mlp --runs sweeps/mlp-full-limits
    """
    import_own_tables()
    with refusing():
        recipe = find(table, table_info(table).default_fidelity)
        data = load_any(recipe.dataset, data_dir, image_size=recipe.image_size)
        records = build(source, recipe, data, load_space(), folder_of(table, folder))
    show(records, (limits_name(table), limit_runs_name(table)))


if __name__ == "__main__":
    main()
