"""Make the files of a table at a fidelity that a sample is trained at, from the runs of sweeps.

``python -m builders.ladder.build cnn --sample sweeps/cnn-long-sample --runs sweeps/cnn-long --runs
sweeps/cnn-long-0.1`` checks every run against the recipe with its rate and against the sample
(``builders.ladder.sample``). It writes ``cnn-long.parquet`` (one row per entry, ``missing`` outside
the sample) and ``cnn-long-runs.parquet`` (every run, at every rate). Runs and functions of the
sample that are embedded already stay, so the sample may grow, and ``--sample`` is needed once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
import polars as pl

from act_bench.files.manifest import FileRecord
from act_bench.publishing.parquet import write_table
from act_bench.spaces.paper import load_space
from act_bench.tables.files import sample_runs_name
from act_bench.tables.ladder.sample import sample_columns, sample_name
from act_bench.tables.learning_curves import POINTS
from act_bench.tables.loaders import load_table
from act_bench.tables.registry import TableInfo, import_own_tables, table_info
from act_bench.tables.schema import METRICS, RUN_COLUMNS, names
from builders.command import build_options, folder_of, refusing, runs_option, show
from builders.embedded import BuildError, origin, write_manifest
from builders.ladder.sample import COLUMNS, FILE, LONG, read
from builders.rates import FIRST_SEED, RATE, check_rates, fresh_summaries
from builders.tables import EntrySpace, read_runs, with_embedded
from regenerate.data.fingerprints import AnyData, load_any
from regenerate.recipes import Recipe, find

KEPT = tuple(name for name in COLUMNS if name != "every_rate")
"""What the file keeps of a sample; the runs say at which rates a function was trained."""


def sample_table(
    runs: pl.DataFrame, sample: pl.DataFrame, tuned: pl.DataFrame, info: TableInfo
) -> pl.DataFrame:
    """Return one row per entry: the run with seed 0 at the rate of the sample, and fresh ones.

    Parameters
    ----------
    runs
        With the run columns, at any rates.
    sample
        With the columns :data:`KEPT`.
    tuned
        The tuned table of the default fidelity: every entry, in entry order.
    info
        The table.
    """
    keys = ["entry", RATE]
    here = runs.join(sample.select(keys), on=keys, how="semi")
    first = here.filter(pl.col("seed") == FIRST_SEED)
    fresh = fresh_summaries(here.filter(pl.col("seed") != FIRST_SEED), info, ["entry"])
    identity = tuned.select("expression", "entry", "canonical_class", "tuning_s")
    drawn = sample.select("entry", RATE, "stratum", "probability")
    table = (
        identity.join(drawn, on="entry", how="left", maintain_order="left")
        .join(first.select("entry", "outcome", "runtime_s", *METRICS), on="entry", how="left",
              maintain_order="left")
        .join(fresh, on="entry", how="left", maintain_order="left")
    )  # fmt: skip
    trained = pl.col("outcome") != "missing"
    return (
        table.with_columns(
            pl.col("outcome").fill_null("missing"),
            pl.col("fresh_runs", "fresh_diverged_runs").fill_null(0),
        )
        .with_columns(pl.when(trained).then("tuning_s").alias("tuning_s"))
        .select(names(sample_columns(info.name)))
    )


def build(
    sources: Sequence[Path],
    sample_folder: Path | None,
    recipe: Recipe,
    data: AnyData,
    space: EntrySpace,
    folder: Path,
) -> dict[str, FileRecord]:
    """Write the two files of a table's sample, and the manifest.

    Parameters
    ----------
    sources
        What ``builders.tables.read_runs`` takes: sweeps at the recipe's rate and at others.
    sample_folder
        As ``builders.ladder.sample`` wrote it; None: the sample that is embedded.
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
        If there is no sample, or a run is of no function of it, not of the recipe with its rate,
        or there twice.
    """
    info = table_info(recipe.table)
    file = folder / sample_name(recipe.table, recipe.fidelity)
    runs_file = folder / sample_runs_name(recipe.table, recipe.fidelity)
    samples = [] if sample_folder is None else [read(sample_folder / FILE).select(KEPT)]
    if file.exists():
        embedded = pl.read_parquet(file, columns=list(KEPT))
        samples.append(embedded.filter(pl.col("stratum").is_not_null()).select(KEPT))
    if not samples:
        raise BuildError(f"{file.name} is not there yet: name the folder of its sample, --sample")
    sample = pl.concat(samples).unique("entry", keep="last", maintain_order=True)
    columns = names(RUN_COLUMNS)
    runs = pl.concat([read_runs(source).select(columns) for source in sources])
    runs = with_embedded(runs, runs_file)
    others = runs.filter(~pl.col("entry").is_in(sample["entry"].implode()))
    if others.height:
        raise BuildError(
            f"expected runs of the sample's {sample.height} functions: {others.height} are of "
            f"others, the first of {others['expression'][0]}"
        )
    hashes = check_rates(runs, recipe, data, space)
    ended = runs.filter(pl.col("outcome") == "ok")["images_seen"]
    about = {
        "table": recipe.table,
        "edition": "regenerated",
        "fidelity": recipe.fidelity,
        "recipe": json.loads(recipe.canonical_json()),
        "recipe_sha_by_rate": {f"{rate:g}": sha for rate, sha in hashes.items()},
        "data": {"name": data.name, "fingerprint": data.fingerprint},
        **({POINTS: recipe.checkpoints(ended[0] // recipe.epochs)} if len(ended) else {}),
        **origin(
            f"python -m builders.ladder.sample {recipe.table}, act-bench sweep {recipe.table} "
            f"--fidelity {recipe.fidelity} --rate RATE --expressions FILE, then "
            f"python -m builders.ladder.build {recipe.table} --sample FOLDER --runs FOLDER"
        ),
    }
    runs = runs.sort("entry", RATE, "seed")
    write_table(runs.to_arrow(), RUN_COLUMNS, runs_file, about)
    tuned = load_table(recipe.table, rate="tuned")
    table = sample_table(runs, sample, tuned, info)
    write_table(table.to_arrow(), sample_columns(recipe.table), file, about)
    return write_manifest(folder)


@click.command()
@click.argument("table")
@click.option(
    "--sample",
    "sample_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that builders.ladder.sample wrote.  [default: the sample that is embedded]",
)
@runs_option("a sweep of the sample", several=True)
@build_options
def main(
    table: str,
    sample_folder: Path | None,
    sources: tuple[Path, ...],
    data_dir: Path | None,
    folder: Path | None,
) -> None:
    r"""Make the files of the sample of TABLE that is trained long.

    \b
    python -m builders.ladder.build cnn --sample sweeps/cnn-long-sample --runs sweeps/cnn-long
    """
    import_own_tables()
    with refusing():
        recipe = find(table, LONG)
        data = load_any(recipe.dataset, data_dir, image_size=recipe.image_size)
        where = folder_of(table, folder)
        records = build(sources, sample_folder, recipe, data, load_space(), where)
    show(records, (sample_name(table, LONG), sample_runs_name(table, LONG)))


if __name__ == "__main__":
    main()
