"""How the Parquet files that are published are written: the encodings that suit their columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from act_bench.errors import ArgumentError
from act_bench.files.atomic import replacing
from act_bench.files.manifest import ABOUT
from act_bench.tables.schema import Column, arrow_schema, names, split_dtype

COMPRESSION_LEVEL: Final = 9


def write_table(
    table: pa.Table, columns: Sequence[Column], path: Path, about: Mapping[str, object]
) -> None:
    """Write a file atomically: zstd, statistics, page index, content-defined chunks.

    Losses and outputs hardly repeat, so their bytes are stored by significance; all else, the
    accuracies among it (counts over a few hundred images), goes by dictionary. For losses that
    saves a third, the other way round it would double the accuracies.

    The bytes are those of the embedded files with pyarrow 21 or newer, which has content-defined
    chunking.

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

    Raises
    ------
    ArgumentError
        If a vector, a list of fixed length, is null: pyarrow up to 25 cannot read that.
    """
    schema = arrow_schema(columns).with_metadata({ABOUT: json.dumps(about, sort_keys=True)})
    table = table.select(names(columns)).cast(schema)
    split_bytes: list[str] = []
    dictionary: list[str] = []
    for column, values in zip(columns, table.columns, strict=True):
        item, kind, length = split_dtype(column.dtype)
        if length is not None and values.null_count:
            raise ArgumentError(
                f"{path.name}: expected no null among the vectors {column.name}, got "
                f"{values.null_count}: pyarrow up to 25 cannot read them; write NaN for null"
            )
        leaf = column.name + (".list.element" if kind == "list" else "")
        repeats = column.unit == "fraction" or not item.startswith("float")
        (dictionary if repeats else split_bytes).append(leaf)
    newer = int(pa.__version__.split(".")[0]) >= 21
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
            **({"use_content_defined_chunking": True} if newer else {}),
        )
