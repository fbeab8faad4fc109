"""Runs in Parquet: the parts that a sweep writes, and their merging into one table.

A part carries its own SHA-256 (`act_bench.files.sealed`), which is checked whenever it is read.
Parts of older versions have none: they are read too, as *unverified* (`Part.sealed`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from act_bench.errors import ActBenchError, ExitCode
from act_bench.files import resumable
from act_bench.tables.schema import RUN_COLUMNS, arrow_schema
from regenerate.recipes import RECIPES, Recipe
from regenerate.runs.run import Run

KEY = ("expression", "fidelity", "learning_rate", "seed")
"""What a run is known by; there is one of each in a table."""

RESULTS = (
    "recipe_sha", "outcome", "train_accuracy", "validation_accuracy", "test_accuracy",
    "train_loss", "validation_loss", "test_loss", "images_seen",
)  # fmt: skip
"""What two records of the same run must agree on; time and place may differ."""

RATE = "learning_rate"

RUN_OUTCOMES = ("ok", "diverged")
"""What a training may end with."""

_ALWAYS = (
    "expression", "fidelity", "seed", "outcome", "train_loss_curve", "validation_loss_curve",
    "validation_accuracy_curve", "runtime_s", "images_seen", "device", "recipe_sha", "versions",
)  # fmt: skip
"""What every run has."""


class PartError(ActBenchError, RuntimeError):
    """A part that cannot be read or is another sweep's, or parts that contradict each other."""

    exit_code = ExitCode.DATA


class Part(NamedTuple):
    """A part as it was read.

    Attributes
    ----------
    path
        Its file.
    table
        Its runs, with the run columns of ``act_bench.tables.schema``.
    sealed
        Whether a checksum vouches for it; older versions wrote none.
    """

    path: Path
    table: pa.Table
    sealed: bool


def to_table(runs: Iterable[Run]) -> pa.Table:
    """Return runs as an Arrow table with the run columns of ``act_bench.tables.schema``.

    Examples
    --------
    >>> to_table([]).column_names[:3]
    ['expression', 'entry', 'fidelity']
    """
    rows = [dataclasses.asdict(run) for run in runs]
    return pa.Table.from_pylist(rows, schema=arrow_schema(RUN_COLUMNS))


def write(path: Path, table: pa.Table) -> None:
    """Write a table as a part, whole or not at all, with its checksum.

    Raises
    ------
    PartError
        If the disk is full or the folder cannot be written to.
    """
    resumable.write_part(path, table, PartError)


def read(folder: Path, recipe: Recipe | None = None) -> list[Part]:
    """Read all parts in a folder, and check them against their checksums.

    Parameters
    ----------
    folder
        Where the parts lie; other files than ``*.parquet`` are passed over.
    recipe
        The recipe that all runs must have; None takes any.

    Raises
    ------
    PartError
        If a part is damaged, has not the run columns, or has runs of another recipe or fidelity;
        the message names it.
    """
    return [read_part(path, recipe) for path in sorted(folder.glob("*.parquet"))]


def unverified(parts: Iterable[Part]) -> str:
    """Say which parts no checksum vouches for; an empty string if there are none.

    Examples
    --------
    >>> unverified([Part(Path("part-a.parquet"), to_table([]), sealed=False)])
    '1 part without a checksum was read unverified, the first is part-a.parquet'
    """
    paths = [part.path for part in parts if not part.sealed]
    if not paths:
        return ""
    subject = "1 part without a checksum was" if len(paths) == 1 else (
        f"{len(paths):,} parts without a checksum were"
    )  # fmt: skip
    return f"{subject} read unverified, the first is {paths[0]}"


def read_part(path: Path, recipe: Recipe | None = None) -> Part:
    """Read one part; see `read`."""
    table, is_sealed = resumable.read_part(path, PartError)
    table = _with_run_columns(path, table)
    if recipe is not None:
        _check_recipe(path, table, recipe)
    return Part(path, table, is_sealed)


def _with_run_columns(path: Path, table: pa.Table) -> pa.Table:
    """Return a table with the run columns; parts of older versions lack the learning rate."""
    schema = arrow_schema(RUN_COLUMNS)
    if RATE not in table.column_names and "recipe_sha" in table.column_names:
        rates = {recipe.sha: recipe.learning_rate for recipe in RECIPES.values()}
        own = [rates.get(sha) for sha in table.column("recipe_sha").to_pylist()]
        table = table.append_column(RATE, pa.array(own, pa.float64()))
    if missing := set(schema.names) - set(table.column_names):
        raise PartError(
            f"{path} holds no runs: the columns {', '.join(sorted(missing))} are missing; move it "
            "out of the folder"
        )
    try:
        table = table.select(schema.names).cast(schema)
        table.validate(full=True)
    except (pa.ArrowException, ValueError) as error:
        raise PartError(f"{path} holds no runs: its columns have other types ({error})") from error
    _check_rows(path, table)
    return table


def _check_rows(path: Path, table: pa.Table) -> None:
    """Refuse rows that no training writes: without a function, an outcome or its accuracy."""
    for column in _ALWAYS:
        if table.column(column).null_count:
            raise PartError(f"{path} holds no runs: {column} is null in a row")
    outcomes = table.column("outcome")
    if others := sorted(set(outcomes.to_pylist()) - set(RUN_OUTCOMES)):
        raise PartError(
            f"{path} holds no runs: expected the outcomes {', '.join(RUN_OUTCOMES)}, got "
            f"{', '.join(others)[:200]}"
        )
    finished = pc.equal(outcomes, "ok")
    if pc.any(pc.and_(finished, pc.is_null(table.column("validation_accuracy")))).as_py():
        raise PartError(f"{path} holds no runs: validation_accuracy is null in a row that is ok")


def _check_recipe(path: Path, table: pa.Table, recipe: Recipe) -> None:
    """Refuse runs of another recipe or fidelity."""
    for column, own in (("recipe_sha", recipe.sha), ("fidelity", recipe.fidelity)):
        others = sorted(set(map(str, table.column(column).to_pylist())) - {own})
        if others:
            raise PartError(
                f"{path} holds runs with {column} {', '.join(others)}; this sweep has {own}: move "
                "the part into a folder of its own"
            )


def merge(folders: Iterable[Path], recipe: Recipe | None = None) -> pa.Table:
    """Return the runs of all parts in some folders as one table, sorted by entry, rate and seed.

    A run that is there twice with the same results is kept once.

    Parameters
    ----------
    folders
        Where the parts lie.
    recipe
        As for `read`.

    Raises
    ------
    PartError
        If there are no parts, one is damaged or of another recipe, or two records of the same run
        contradict.
    """
    folders = list(folders)
    tables = [part.table for folder in folders for part in read(folder, recipe)]
    if not tables:
        raise PartError(f"no parts in {', '.join(map(str, folders))}; run the sweep first")
    order = [(name, "ascending") for name in ("entry", "expression", "fidelity", RATE, "seed")]
    merged = pa.concat_tables(tables).sort_by(order)
    distinct = merged.select([*KEY, *RESULTS]).group_by([*KEY, *RESULTS]).aggregate([])
    counts = distinct.group_by(list(KEY)).aggregate([([], "count_all")])
    contradicting = counts.filter(pc.greater(counts["count_all"], 1))
    if contradicting.num_rows:
        first = contradicting.slice(0, 1).to_pylist()[0]
        raise PartError(
            f"{contradicting.num_rows} runs are recorded twice with different results, the first "
            f"is {first['expression']} with learning rate {first[RATE]} and seed {first['seed']}: "
            "were the folders made with different versions or machines? Merge them apart"
        )
    rows = pa.array(range(merged.num_rows))
    firsts = merged.append_column("row", rows).group_by(list(KEY)).aggregate([("row", "min")])
    return merged.take(pc.take(firsts["row_min"], pc.sort_indices(firsts["row_min"])))
