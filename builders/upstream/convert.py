"""Convert one of the authors' JSON files to the edition ``upstream``, with a report.

Three Parquet files come out, in ``ACT_BENCH_CACHE/upstream/TABLE`` (see
:mod:`act_bench.tables.upstream`): the entries in the columns of every table; what the file says,
key by key, with nothing dropped but the CDF vectors; and these vectors. A report (JSON and
Markdown) says what matched and what did not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from act_bench.files.folders import replacing_folder
from act_bench.files.manifest import ABOUT, sha256
from act_bench.publishing.parquet import write_table
from act_bench.spaces.paper import Space, load_space
from act_bench.tables.registry import UPSTREAM_FIDELITY
from act_bench.tables.schema import ENTRY_COLUMNS, METRICS, names
from act_bench.tables.upstream import UPSTREAM, upstream_folder, upstream_name
from builders.embedded import origin, write_manifest
from builders.upstream.report import Report, make_report
from builders.upstream.rows import RECORDED_SCHEMA, Place, Row, judge, judge_lengths
from builders.upstream.stream import UpstreamFormatError, read_entries

LICENCE: Final = "LicenseRef-Academic-Public-License"
_VECTORS_A_GROUP: Final = 64

_EMPTY: Final = np.empty(0, np.float32)
FISHER_SCHEMA: Final = pa.schema([("cdf", pa.list_(pa.float32()))])


def import_file(
    path: Path,
    table: str,
    folder: Path | None = None,
    *,
    source: str | None = None,
    space: Space | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Convert a file and put the result where ``load_table(table, edition="upstream")`` looks.

    The folder appears whole or not at all; an earlier import of the table is replaced.

    Parameters
    ----------
    path
        The authors' JSON file.
    table
        ``cnn``, ``resnet`` or ``vit``.
    folder
        Where to; default: the user's cache.
    source
        Where the file is from, for the record; default: its path.
    space
        Default: the embedded space.
    progress
        Called with the bytes read so far, once per entry.

    Returns
    -------
    Report

    Raises
    ------
    UpstreamFormatError
        The file is damaged, or is another one: none of its keys is an entry with metrics.
    UnknownNameError
        The authors have no such table.
    """
    folder = folder or upstream_folder(table)
    space = space or load_space()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(folder) as draft:
        return _convert(path, table, draft, source or str(path), space, progress)


def _convert(
    path: Path,
    table: str,
    folder: Path,
    source: str,
    space: Space,
    progress: Callable[[int], None] | None,
) -> Report:
    known = UPSTREAM[table]
    about: dict[str, object] = {
        "table": table,
        "edition": "upstream",
        "fidelity": UPSTREAM_FIDELITY,
        "source_sha256": sha256(path),
        "source_bytes": path.stat().st_size,
        "validation_is_test": known.validation_is_test,
        "runs_a_value": known.runs,
        **origin(f"act-bench import-upstream {table} --accept-licence", LICENCE),
    }
    # When and from where stay out of the table: the same file gives the same bytes, whose SHA-256
    # the traces of searches carry.
    occasion = about | {
        "source": source,
        "imported": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    problems: list[Place] = []
    rows = _read(path, folder / upstream_name(table, "fisher"), about, space, problems, progress)
    if not any(row.used and row.outcome == "ok" for row in rows):
        first = f"; the first problem: {problems[0].what}" if problems else ""
        raise UpstreamFormatError(
            path, 0, f"none of its {len(rows)} keys is an entry with usable metrics{first}"
        )
    bins = judge_lengths(rows)
    empty = pl.DataFrame(RECORDED_SCHEMA.empty_table())
    recorded = pl.from_dicts([row.recorded() for row in rows], schema=empty.schema)
    pq.write_table(
        recorded.to_arrow().cast(RECORDED_SCHEMA).replace_schema_metadata(_metadata(occasion)),
        folder / upstream_name(table, "recorded"),
        compression="zstd",
    )
    entries = _entries(rows, space, known.runs)
    write_table(entries.to_arrow(), ENTRY_COLUMNS, folder / upstream_name(table, "entries"), about)
    write_manifest(folder)
    report = make_report(table, occasion, rows, problems, bins, space)
    (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
    (folder / "report.md").write_text(report.to_markdown(), encoding="utf-8")
    return report


def _read(
    path: Path,
    vectors: Path,
    about: dict[str, object],
    space: Space,
    problems: list[Place],
    progress: Callable[[int], None] | None,
) -> list[Row]:
    """Return the keys of the file without their vectors, which are written as they are read."""
    rows: list[Row] = []
    pending: list[npt.NDArray[np.float32]] = []
    taken: set[int] = set()
    with pq.ParquetWriter(
        vectors,
        FISHER_SCHEMA.with_metadata(_metadata(about)),
        compression="zstd",
        compression_level=1,
        use_dictionary=False,
        write_statistics=False,
    ) as writer:
        for read in read_entries(path):
            row = judge(read, space, problems)
            if row.entry is not None:
                row.used = row.entry not in taken
                taken.add(row.entry)
            rows.append(row)
            pending.append(_EMPTY if read.cdf is None else read.cdf.astype(np.float32))
            if len(pending) == _VECTORS_A_GROUP:
                _write_vectors(writer, pending)
            if progress:
                progress(read.end)
        if pending:
            _write_vectors(writer, pending)
    return rows


def _metadata(about: Mapping[str, object]) -> dict[bytes, str]:
    return {ABOUT: json.dumps(about, sort_keys=True)}


def _write_vectors(writer: pq.ParquetWriter, pending: list[npt.NDArray[np.float32]]) -> None:
    ends = np.cumsum([0, *map(len, pending)], dtype=np.int32)
    # From buffers: pa.array would import pandas, to ask whether this is one of its columns.
    numbers = np.concatenate(pending)
    values = pa.Array.from_buffers(pa.float32(), len(numbers), [None, pa.py_buffer(numbers)])
    offsets = pa.Array.from_buffers(pa.int32(), len(ends), [None, pa.py_buffer(ends)])
    lists = pa.ListArray.from_arrays(offsets, values)
    writer.write_table(pa.table([lists], schema=writer.schema))
    pending.clear()


def _entries(rows: Sequence[Row], space: Space, runs: int) -> pl.DataFrame:
    """Return ``ENTRY_COLUMNS``: one row an entry of the space, ``missing`` where no key is it."""
    by_entry = {row.entry: row for row in rows if row.used}
    others: list[list[str]] = [[] for _ in space.representatives]
    for expression in space.expressions:
        entry = space.entry_of[expression]
        if expression != space.representatives[entry]:
            others[entry].append(expression)
    found = [by_entry.get(entry) for entry in range(len(space.representatives))]
    outcomes = [row.outcome if row else "missing" for row in found]
    trained = [outcome != "missing" for outcome in outcomes]
    metrics = {
        name: [row.metrics[name] if row and row.outcome == "ok" else None for row in found]
        for name in METRICS
    }
    frame = pl.DataFrame(
        {
            "expression": list(space.representatives),
            "entry": np.arange(len(found), dtype=np.int32),
            "canonical_class": np.array(space.canonical_class, np.int32),
            "equivalent_expressions": pl.Series(others, dtype=pl.List(pl.String)),
            **{name: pl.Series(values, dtype=pl.Float64) for name, values in metrics.items()},
            # One value per function is published: neither its spread nor how many runs diverged.
            "validation_accuracy_std": pl.Series([None] * len(found), dtype=pl.Float64),
            "runtime_s": pl.Series(
                [
                    row.runtime_s if row and ran else None
                    for row, ran in zip(found, trained, strict=True)
                ],
                dtype=pl.Float64,
            ),
            "outcome": outcomes,
            "runs": pl.Series([runs if ran else 0 for ran in trained], dtype=pl.Int32),
            "diverged_runs": pl.Series([None] * len(found), dtype=pl.Int32),
            "outputs": pl.Series(space.outputs, dtype=pl.Array(pl.Float32, space.outputs.shape[1])),
        }
    )
    return frame.select(names(ENTRY_COLUMNS))
