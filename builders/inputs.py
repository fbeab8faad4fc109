"""Make the distributions of inputs of a table: what enters its functions before and after training.

``python -m builders.inputs mlp`` trains the baselines, the named functions and the 20 best entries
once each by the table's recipe, records the inputs at every place, and writes
``mlp-inputs.parquet``. Each function is stored in the folder ``--parts`` as it ends: stop it at any
moment and run it again to resume. ``--limit`` ends after so many trainings, without a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import click
import numpy as np
import pyarrow as pa

from act_bench.files import resumable
from act_bench.files.manifest import FileRecord
from act_bench.functions.catalogue import CATALOGUE, read
from act_bench.functions.operators import BASELINES
from act_bench.publishing.parquet import write_table
from act_bench.spaces.paper import entry_of, load_space
from act_bench.tables.inputs.distributions import INPUT_COLUMNS, inputs_name
from act_bench.tables.loaders import load_table
from act_bench.tables.registry import import_own_tables, table_info
from act_bench.tables.schema import arrow_schema
from builders.command import build_options, folder_of, refusing, show
from builders.embedded import BuildError, origin, write_manifest
from regenerate.data.fingerprints import fingerprint
from regenerate.inputs.measured import Measured, measure
from regenerate.recipes import Recipe, find

BEST: Final = 20
SEED: Final = 0
MARKER: Final = "inputs.json"


class Chosen(NamedTuple):
    """A function to record: its entry, None outside the space, and why it was chosen."""

    entry: int | None
    chosen_as: str


def choose(table: str) -> dict[str, Chosen]:
    """Return the functions of a table's file, spelling to what is said of it.

    Examples
    --------
    >>> found = choose("mlp")
    >>> found["add(zero(x),relu(x))"].chosen_as, found["golu"]
    ('baseline', Chosen(entry=None, chosen_as='named'))
    """
    space, info = load_space(), table_info(table)
    found: dict[str, Chosen] = {}
    for name in BASELINES:
        entry = space.resolve(name).entry
        found[space.representatives[entry]] = Chosen(entry, "baseline")
    for function in CATALOGUE.values():
        own = entry_of(function)
        text = str(function) if own is None else space.representatives[own]
        found.setdefault(text, Chosen(own, "named"))
    rows = load_table(table, columns=["entry", "expression", info.metric], rate="own").drop_nulls()
    best = rows.sort(info.metric, descending=info.higher_is_better, maintain_order=True).head(BEST)
    for entry, text, _ in best.rows():
        found.setdefault(text, Chosen(entry, "best"))
    return found


def rows_of(found: Measured, text: str, chosen: Chosen) -> pa.Table:
    """Return what was recorded of one function: a row for each moment and place."""
    run = found.run
    rows = [
        {
            "expression": text,
            **chosen._asdict(),
            "fidelity": run.fidelity,
            "learning_rate": run.learning_rate,
            "seed": run.seed,
            "outcome": run.outcome,
            "validation_accuracy": run.validation_accuracy,
            "moment": moment,
            "place": place,
            "inputs": histogram.count,
            "mean": histogram.mean,
            "deviation": histogram.deviation,
            "counts": histogram.counts.astype(np.int64).tolist(),
        }
        for moment, places in found.moments.items()
        for place, histogram in enumerate(places)
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(INPUT_COLUMNS))


def record_missing(
    recipe: Recipe,
    functions: Mapping[str, Chosen],
    parts: Path,
    data_dir: Path | None,
    limit: int | None = None,
) -> list[pa.Table]:
    """Train what the folder lacks, and return the rows of all functions that it then has."""
    data = fingerprint(recipe.dataset, data_dir, image_size=recipe.image_size)
    identity = {"recipe": json.loads(recipe.canonical_json()), "data": data, "seed": SEED}
    resumable.claim(parts, MARKER, identity, holds="inputs", error=BuildError,
                    otherwise="choose another --parts")  # fmt: skip
    found, trained = [], 0
    for number, (text, chosen) in enumerate(functions.items(), start=1):
        path = resumable.part_path(parts, text)
        if not path.exists():
            if limit is not None and trained >= limit:
                continue
            measured = measure(recipe, read(text), SEED, data_dir=data_dir)
            resumable.write_part(path, rows_of(measured, text, chosen), BuildError)
            trained += 1
            click.echo(f"{number} of {len(functions)}: {text}", err=True)
        found.append(resumable.read_part(path, BuildError)[0])
    return found


def build(
    recipe: Recipe, data_dir: Path | None, parts: Path, folder: Path, limit: int | None = None
) -> dict[str, FileRecord] | None:
    """Write the distributions of a table and the manifest; None if functions are left to train."""
    functions = choose(recipe.table)
    found = record_missing(recipe, functions, parts, data_dir, limit)
    if len(found) < len(functions):
        return None
    about = {
        "table": recipe.table,
        "edition": "regenerated",
        "fidelity": recipe.fidelity,
        "recipe": json.loads(recipe.canonical_json()),
        "recipe_sha": recipe.sha,
        **origin(f"python -m builders.inputs {recipe.table}"),
    }
    write_table(pa.concat_tables(found), INPUT_COLUMNS, folder / inputs_name(recipe.table), about)
    return write_manifest(folder)


@click.command()
@click.argument("table")
@click.option(
    "--parts",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where finished functions are stored.  [default: sweeps/TABLE-inputs]",
)
@click.option("--limit", type=click.IntRange(1), help="Train at most so many functions now.")
@build_options
def main(
    table: str, parts: Path | None, limit: int | None, data_dir: Path | None, folder: Path | None
) -> None:
    r"""Make the file of TABLE's distributions of inputs, at the default fidelity.

    \b
    python -m builders.inputs cnn --data-dir FOLDER
    """
    import_own_tables()
    with refusing():
        recipe = find(table, table_info(table).default_fidelity)
        parts = parts or Path("sweeps") / f"{table}-inputs"
        records = build(recipe, data_dir, parts, folder_of(table, folder), limit)
    if records is None:
        click.echo("functions are left: run the same command again to go on")
    else:
        show(records, [inputs_name(table)])


if __name__ == "__main__":
    main()
