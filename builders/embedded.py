"""Write the embedded files, and the manifest that they are checked against.

Each file says in its own Parquet metadata what it is and how it is made, so that the manifest can
be made from the files alone. Writing needs pyarrow 21 or newer (content-defined chunking).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from act_bench.errors import ActBenchError, ExitCode
from act_bench.files.atomic import replacing
from act_bench.files.manifest import ABOUT, LICENCE, MANIFEST, FileRecord, sha256, write_records
from act_bench.tables.schema import Column, arrow_schema, names, split_dtype

COMPRESSION_LEVEL: Final = 9


class BuildError(ActBenchError, ValueError):
    """Runs or files from which no table can be made; the message names the first offenders."""

    exit_code = ExitCode.DATA


def write_table(
    table: pa.Table, columns: Sequence[Column], path: Path, about: Mapping[str, object]
) -> None:
    """Write an embedded file atomically: zstd, statistics, page index, content-defined chunks.

    Losses and outputs hardly repeat, so their bytes are stored by significance; all else, the
    accuracies among it (counts over a few hundred images), goes by dictionary. For losses that
    saves a third, the other way round it would double the accuracies.

    Parameters
    ----------
    table
        The rows, with at least ``columns``; cast to their types.
    columns
        Which columns, in which order.
    path
        Where to.
    about
        What the file is; must have ``made``, how to make it again. Stored as JSON in the metadata.
    """
    schema = arrow_schema(columns).with_metadata({ABOUT: json.dumps(about, sort_keys=True)})
    table = table.select(names(columns)).cast(schema)
    split_bytes: list[str] = []
    dictionary: list[str] = []
    for column in columns:
        item, kind, _ = split_dtype(column.dtype)
        leaf = column.name + (".list.element" if kind == "list" else "")
        repeats = column.unit == "fraction" or not item.startswith("float")
        (dictionary if repeats else split_bytes).append(leaf)
    with replacing(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            use_dictionary=dictionary,
            use_byte_stream_split=split_bytes,
            write_statistics=True,
            write_page_index=True,
            use_content_defined_chunking=True,
        )


def read_about(file: Path) -> dict[str, Any]:
    """Return what an embedded file says of itself in its metadata.

    Raises
    ------
    BuildError
        If it says nothing, or not how it is made.
    """
    metadata = pq.read_schema(file).metadata or {}
    about: dict[str, Any] = json.loads(metadata.get(ABOUT, b"{}"))
    if "made" not in about:
        raise BuildError(
            f"{file}: expected Parquet metadata {ABOUT.decode()!r} with 'made', how to make it"
        )
    return about


def write_manifest(folder: Path) -> dict[str, FileRecord]:
    """Write ``manifest.json`` over all Parquet files of a folder and return its records."""
    records = {}
    for file in sorted(folder.glob("[!.]*.parquet")):  # a leading dot: a draft being written
        about = read_about(file)
        schema = pq.read_schema(file)
        counts: Counter[str] = Counter()
        for kind in ("fidelity", "outcome"):
            if kind in schema.names:  # runs have both, and are counted by fidelity
                counts = Counter(pq.read_table(file, columns=[kind])[kind].to_pylist())
                break
        records[file.name] = FileRecord(
            name=file.name,
            sha256=sha256(file),
            bytes=file.stat().st_size,
            rows=pq.read_metadata(file).num_rows,
            counts=dict(sorted(counts.items())),
            made=about["made"],
            licence=about.get("licence", LICENCE),
        )
    with replacing(folder / MANIFEST) as temporary:
        write_records(records, temporary)
    return records
