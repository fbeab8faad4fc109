"""Make ``literature.parquet``: what the papers report for the functions that they name.

``python -m builders.literature`` reads ``builders/reported_results.csv``, a transcription of the
printed numbers (facts only: no sentence of a paper is in it), and applies one rule:

* a cell without a value is dropped;
* every other cell is kept, and flagged where the transcription rests on more than the cell itself
  (``FLAGS``);
* percentages become fractions;
* the function is looked up in :mod:`act_bench.functions.catalogue`, which gives its expression;
  the space gives its entry.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Final

import click
import pyarrow as pa

from act_bench.files.manifest import LITERATURE_FILE
from act_bench.functions.catalogue import CATALOGUE, SOURCES
from act_bench.publishing.parquet import write_table
from act_bench.spaces.paper import entry_of
from act_bench.tables.schema import LITERATURE_COLUMNS, arrow_schema
from builders.command import data_folder_option
from builders.embedded import BuildError, origin, write_manifest

SOURCE: Final = Path(__file__).parent / "reported_results.csv"

FLAGS: Final = {
    "repaired": "the cell was broken by text extraction; the function is that of another table of "
    "the same source with the same row",
    "inferred": "a label (network, data set, column or symbol) is missing in the text and follows "
    "from what stands around it",
    "imprecise": "printed with one decimal among axis ticks, so it may be cut off",
    "contradicted": "the same source prints another value for the same cell elsewhere",
}
"""Each flag and what it means."""

VOCABULARY: Final = {
    "source": set(SOURCES),
    "function": set(CATALOGUE),
    "read_from": {"paper", "poster", "slides"},
    "metric": {
        "top1_accuracy",
        "top5_accuracy",
        "bleu",
        "dpo_accuracy",
        "dpo_loss",
        "dpo_margin_reward",
    },
    "unit": {"percent", "fraction", "BLEU", "raw"},
    "statistic": {"median", "single", "ranked run", ""},
}
"""Column of the transcription -> the words it may hold."""


def read_transcription(path: Path = SOURCE) -> list[dict[str, str]]:
    """Return the rows of the transcription, those without a value included.

    Raises
    ------
    BuildError
        A row holds a word or flag that is not known, or a number that is none.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for column, words in VOCABULARY.items():
            if row[column] not in words:
                raise BuildError(
                    f"{path}, row {row['row']}: {column} is {row[column]!r}, expected one of "
                    f"{', '.join(sorted(words))}"
                )
        if unknown := set(row["flags"].split()) - set(FLAGS):
            raise BuildError(f"{path}, row {row['row']}: expected {list(FLAGS)}, got {unknown}")
    return rows


def clean(rows: list[dict[str, str]]) -> pa.Table:
    """Apply the rule of this module to transcribed rows.

    Returns
    -------
    pyarrow.Table
        ``act_bench.tables.schema.LITERATURE_COLUMNS``, in the order of the transcription.

    Examples
    --------
    >>> table = clean(read_transcription())
    >>> table.num_rows, table["value"][80].as_py(), table["precision"][80].as_py()
    (459, 0.742, 0.001)
    """
    entries = {name: entry_of(function) for name, function in CATALOGUE.items()}
    cleaned = []
    for row in rows:
        if not row["value"]:
            continue
        value, unit = Decimal(row["value"]), row["unit"]
        if unit == "percent":
            value, unit = value.scaleb(-2), "fraction"
        if unit == "fraction" and not 0 <= value <= 1:
            raise BuildError(f"row {row['row']}: expected a fraction in [0, 1], got {value}")
        record: dict[str, object] = {name: text or None for name, text in row.items()}
        record |= {
            "expression": CATALOGUE[row["function"]].expression,
            "entry": entries[row["function"]],
            "value": float(value),
            "unit": unit,
            "precision": float(Decimal(1).scaleb(int(value.as_tuple().exponent))),
            "flags": row["flags"].split(),
        }
        record |= {name: int(row[name]) if row[name] else None for name in ("row", "run", "runs")}
        cleaned.append(record)
    return pa.Table.from_pylist(cleaned, schema=arrow_schema(LITERATURE_COLUMNS))


def build(folder: Path, source: Path = SOURCE) -> pa.Table:
    """Write the table and the manifest to ``folder``; return the table."""
    table = clean(read_transcription(source))
    about = {
        **origin("python -m builders.literature, from builders/reported_results.csv"),
        "flags": FLAGS,
    }
    write_table(table, LITERATURE_COLUMNS, folder / LITERATURE_FILE, about)
    write_manifest(folder)
    return table


@click.command()
@data_folder_option
def main(folder: Path) -> None:
    """Make literature.parquet and the manifest."""
    table = build(folder)
    click.echo(f"{LITERATURE_FILE}: {table.num_rows} rows")


if __name__ == "__main__":
    main()
