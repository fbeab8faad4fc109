"""Spectra that were made again replace the embedded ones; all other rows keep their bits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from act_bench.files.atomic import replacing
from act_bench.files.manifest import FileRecord
from act_bench.publishing.parquet import write_table
from act_bench.tables.schema import names
from act_bench.tables.spectra import QUANTILES, fisher_columns, fisher_name
from builders.embedded import BuildError, read_about, write_manifest
from builders.fisher.build import read_rows
from builders.fisher.changes import without_gradient
from regenerate.fisher.convention import FisherConvention


def merge(convention: FisherConvention, parts: Path, folder: Path) -> dict[str, FileRecord]:
    """Put the spectra of :func:`without_gradient` that were made again into the embedded file.

    Parameters
    ----------
    convention
        That of the parts, and of the file.
    parts
        Folder of the parts: exactly the entries that are invalid for their gradients in the file.
    folder
        Where the file and the manifest are.

    Raises
    ------
    BuildError
        If the file is of another convention or network, the parts are of other entries, or a row
        that is not theirs would change; the file is then as it was.
    """
    path = folder / fisher_name(convention.table)
    about, before = read_about(path), pq.read_table(path)
    if about["convention"] != json.loads(convention.canonical_json()):
        raise BuildError(f"{path}: expected spectra of the convention {convention.sha}")
    entries = without_gradient(before["fim_reason"].to_pylist())
    if not entries:
        raise BuildError(f"{path}: no spectrum is invalid for its gradients: nothing to merge")
    made, sizes = read_rows(convention, entries, parts)
    if sizes not in ([], about["layers"]):
        raise BuildError(f"{parts}: expected the layers of {path.name}, got {sizes}")
    columns = fisher_columns(len(about["layers"]))
    if not sizes:  # none of them is valid now, so that their vectors have no length yet
        nothing = np.full(len(made) * len(about["layers"]) * QUANTILES, np.nan, np.float32)
        vectors = pa.FixedSizeListArray.from_arrays(nothing, len(nothing) // len(made))
        made = made.set_column(1, "fim_quantiles", vectors)
    both = pa.concat_tables([before.select(names(columns)), made.select(names(columns))])
    rows = np.arange(len(before))
    rows[entries] = len(before) + np.arange(len(entries))
    with replacing(path) as draft:
        write_table(both.take(rows), columns, draft, about)
        if changed := sorted(changed_rows(before, pq.read_table(draft)) - set(entries)):
            raise BuildError(f"{path}: rows {changed[:9]} would change, which were not made again")
    return write_manifest(folder)


def changed_rows(before: pa.Table, after: pa.Table) -> set[int]:
    """Return the rows of spectra in which two files differ by a bit."""
    if len(before) != len(after) or before.column_names != after.column_names:
        raise BuildError(f"expected {len(before)} rows of {before.column_names}, got {after.shape}")
    one, other = (_bits(table) for table in (before, after))
    apart = np.flatnonzero((one != other).any(axis=1)).tolist()
    rest = [name for name in before.column_names if name != "fim_quantiles"]
    left, right = (_rows(table.select(rest)) for table in (before, after))
    return {*apart, *(row for row, (a, b) in enumerate(zip(left, right, strict=True)) if a != b)}


def _bits(table: pa.Table) -> np.ndarray[tuple[int, int], np.dtype[np.uint32]]:
    """Return the quantiles as bits, by which a NaN equals itself."""
    vectors = table["fim_quantiles"].combine_chunks()
    return np.asarray(vectors.flatten()).view(np.uint32).reshape(len(table), -1)


def _rows(table: pa.Table) -> Sequence[tuple[object, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
