"""Make ``space.parquet``: the 5,103 expressions, their entries, classes and outputs.

``python -m builders.space build`` computes classes, outputs and grid again and writes the file with
the manifest; the entries are those of the file that is there, or of ``--entries CSV`` with the
columns ``expression`` and ``class_n80``. ``python -m builders.space report`` prints the evidence
that stands in ``docs/explanation/space.md``, and with ``--write`` puts it there.
"""

from __future__ import annotations

import csv
from pathlib import Path

import click
import numpy as np
import pyarrow as pa

from act_bench.files.manifest import SPACE_FILE
from act_bench.functions.equality import TOLERANCE, space_values
from act_bench.publishing.parquet import write_table
from act_bench.spaces.paper import enumerate_space, load_space, read_space
from act_bench.tables.schema import ENTRIES, SPACE_COLUMNS
from builders.command import data_folder_option
from builders.embedded import BuildError, origin, write_manifest
from builders.space.cells import REACH, cell_grid, crossings
from builders.space.classes import Labels, canonical_classes
from builders.space.outputs import figure_points, space_outputs


def read_entries(source: Path) -> Labels:
    """Return the entry of each expression from a CSV file.

    Parameters
    ----------
    source : Path
        With the columns ``expression`` and ``class_n80``, in the order of enumeration.

    Returns
    -------
    ndarray, shape (5103,)

    Raises
    ------
    BuildError
        The expressions are not those of the enumeration, or the entries are not numbered in order
        of first appearance.
    """
    with source.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, (row, expected) in enumerate(zip(rows, enumerate_space(), strict=False)):
        if row["expression"] != expected:
            raise BuildError(f"{source}: expected {expected} in row {number}, got {row}")
    entries = np.array([int(row["class_n80"]) for row in rows])
    _check_entries(entries, source)
    return entries


def build(entries: Labels, folder: Path) -> Path:
    """Write ``space.parquet`` and the manifest.

    Parameters
    ----------
    entries : ndarray, shape (5103,)
        Entry of each expression; they cannot be computed again, because they depend on the float32
        kernels of the paper's framework.
    folder : Path
        Where to.

    Raises
    ------
    BuildError
        An entry holds two canonical classes: then its number says nothing about its function.
    """
    grid, points = cell_grid(crossings()), figure_points()
    classes = canonical_classes(space_values(grid))
    check_refinement(entries, classes)
    outputs = space_outputs(points)
    table = pa.table(
        {
            "expression": list(enumerate_space()),
            "entry": entries,
            "canonical_class": classes,
            "outputs": pa.FixedSizeListArray.from_arrays(pa.array(outputs.ravel()), len(points)),
        }
    )
    about = {
        "table": "space",
        **origin("python -m builders.space build"),
        "entries": "float32 outputs equal bit by bit (-0 = 0, NaN = NaN), TensorFlow 2.21 kernels",
        "tolerance": TOLERANCE,
        "reach": REACH,
        "points": points.tolist(),
        "grid": grid.tolist(),
    }
    path = folder / SPACE_FILE
    write_table(table, SPACE_COLUMNS, path, about)
    write_manifest(folder)
    return path


def check_refinement(entries: Labels, classes: Labels) -> None:
    """Refuse entries that hold more than one canonical class."""
    pairs = np.unique(np.stack([entries, classes]), axis=1)
    mixed = np.flatnonzero(np.bincount(pairs[0]) > 1)
    if len(mixed):
        names = [enumerate_space()[np.argmax(entries == entry)] for entry in mixed[:3]]
        raise BuildError(
            f"expected every entry within one canonical class, but {len(mixed)} hold several, "
            f"the first are {', '.join(names)}"
        )


def _check_entries(entries: Labels, source: Path) -> None:
    first_seen = np.unique(entries, return_index=True)[1]
    in_order = np.array_equal(entries[first_seen], np.arange(ENTRIES)) and bool(
        (np.diff(first_seen) > 0).all()
    )
    if len(entries) != len(enumerate_space()) or not in_order:
        raise BuildError(
            f"{source}: expected {len(enumerate_space())} rows with {ENTRIES} entries numbered in "
            f"order of first appearance, got {len(entries)} rows with {len(first_seen)} entries"
        )


@click.group()
def main() -> None:
    """Make the embedded space, or print the evidence for its classes."""


@main.command("build")
@click.option(
    "--entries",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV with the columns expression and class_n80; by default the entries that are embedded.",
)
@data_folder_option
def build_command(source: Path | None, folder: Path) -> None:
    """Write space.parquet and the manifest."""
    if source is None:
        space = read_space(folder / SPACE_FILE)
        entries = np.array([space.entry_of[name] for name in space.expressions])
    else:
        entries = read_entries(source)
    path = build(entries, folder)
    space = read_space(path)
    click.echo(
        f"{path.name}: {len(space.expressions)} expressions, {len(space.representatives)} entries, "
        f"{len(set(space.canonical_class))} canonical classes, {path.stat().st_size} bytes"
    )


@main.command("report")
@click.option("--write", is_flag=True, help="Put the report into docs/explanation/space.md.")
def report_command(*, write: bool) -> None:
    """Print the evidence for the classes, mpmath's included; takes about 20 seconds."""
    from builders.space import report as space_report

    text = space_report.report(load_space())
    if write:
        space_report.write(text)
    else:
        click.echo(text)
