"""``python -m builders.fisher.changed BEFORE``: what became of the embedded spectra since then.

``BEFORE`` is a folder with the embedded files of an earlier commit. Spectra that were made again
with the slopes of training are listed with what they were and what they are; that all others have
the same bits is checked, not assumed. ``--write`` puts the list where the documentation has it.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final, NamedTuple

import click
import pyarrow.parquet as pq

from act_bench.files.atomic import replacing
from act_bench.files.manifest import DATA_FOLDER
from act_bench.spaces.paper import load_space
from act_bench.tables.files import table_files
from act_bench.tables.registry import BUILT_IN
from act_bench.tables.spectra import fisher_name
from builders.embedded import BuildError
from builders.fisher.changes import without_gradient
from builders.fisher.merge import changed_rows

LIST: Final = Path(__file__).parents[2] / "docs" / "numbers" / "fisher-changes.csv"
VALID: Final = "valid"


class Change(NamedTuple):
    """A spectrum that is another.

    Attributes
    ----------
    entry
        Of the space.
    expression
        The entry's representative.
    table
        Its name.
    before, after
        Why the spectrum is not valid, or `VALID`.
    """

    entry: int
    expression: str
    table: str
    before: str
    after: str


def changed(table: str, before: Path, after: Path = DATA_FOLDER) -> list[Change]:
    """Return the rows in which the spectra of two folders differ by a bit, in entry order.

    Parameters
    ----------
    table
        Whose spectra.
    before, after
        Folders of embedded files.

    Raises
    ------
    BuildError
        If a row differs whose spectrum was not invalid for its gradients: nothing but the slopes
        of training can have changed it.
    """
    old, new = (pq.read_table(folder / fisher_name(table)) for folder in (before, after))
    rows = sorted(changed_rows(old, new))
    if unasked := sorted(set(rows) - set(without_gradient(old["fim_reason"].to_pylist()))):
        raise BuildError(
            f"{after / fisher_name(table)}: expected other spectra only where gradients were not "
            f"finite, rows {unasked[:9]} differ as well"
        )
    expressions = load_space().representatives
    reasons = [file["fim_reason"].to_pylist() for file in (old, new)]
    return [
        Change(row, expressions[row], table, *(each[row] or VALID for each in reasons))
        for row in rows
    ]


@click.command()
@click.argument("before", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--write", is_flag=True, help=f"Write docs/numbers/{LIST.name}.")
def main(before: Path, write: bool) -> None:
    """List the spectra that are not those of the folder BEFORE."""
    found: list[Change] = []
    for table in BUILT_IN:
        if fisher_name(table) not in table_files(table):
            continue
        try:
            rows = changed(table, before)
        except BuildError as error:
            raise click.ClickException(str(error)) from error
        became = sum(row.after == VALID for row in rows)
        others = len(load_space().representatives) - len(rows)
        click.echo(
            f"{table}: {len(rows)} spectra changed, {became} of them became valid; "
            f"{others} have the same bits"
        )
        found += rows
    if write:
        with replacing(LIST) as draft, draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Change._fields)
            writer.writerows(found)


if __name__ == "__main__":
    main()
