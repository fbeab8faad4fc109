"""Spectra of all entries of a table, in parts that survive a stop, and their embedding.

A part is a Parquet file with the spectra of :data:`PART` entries. What is pending is whatever the
folder does not hold; ``convention.json`` in it says what the parts were made with.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from act_bench.files import resumable
from act_bench.files.manifest import FileRecord
from act_bench.functions.expression import parse
from act_bench.publishing.parquet import write_table
from act_bench.tables.schema import arrow_schema
from act_bench.tables.spectra import (
    QUANTILES,
    RESOLUTION,
    LayerSize,
    fisher_columns,
    fisher_name,
    nan_for_null,
)
from builders.embedded import BuildError, origin, write_manifest
from regenerate.fisher.convention import FisherConvention
from regenerate.fisher.features import FisherFeature, fisher_feature
from regenerate.fisher.networks import Setting

PART: Final = 64
"""Entries a part."""
MARKER: Final = "convention.json"
LAYERS_KEY: Final = b"layers"


def build_parts(
    setting: Setting,
    expressions: Sequence[str],
    folder: Path,
    shard: tuple[int, int] = (1, 1),
    *,
    entries: Sequence[int] | None = None,
) -> Generator[tuple[int, int], None, None]:
    """Compute the parts that a folder does not hold, and yield the entries done of how many.

    Parameters
    ----------
    setting
        Of the table.
    expressions
        Of all entries, in entry order.
    folder
        Where the parts are; made if it does not exist.
    shard
        (i, n): only parts i, i + n, i + 2n, ... counted from 1.
    entries
        Those to compute, ascending; all if not given.

    Raises
    ------
    BuildError
        If the folder's parts were made by another convention, or there is no such shard.
    """
    index, count = shard
    if not 1 <= index <= count:
        raise BuildError(f"expected a shard I N with 1 <= I <= N, got {index} {count}")
    claim(folder, setting.convention)
    wanted = range(len(expressions)) if entries is None else entries
    parts = [wanted[start : start + PART] for start in range(0, len(wanted), PART)]
    parts = parts[index - 1 :: count]
    pending = [part for part in parts if not part_path(folder, part[0]).exists()]
    total = sum(map(len, parts))
    done = total - sum(map(len, pending))
    yield done, total
    for part in pending:
        features = [fisher_feature(parse(expressions[entry]), setting) for entry in part]
        _write_part(part_path(folder, part[0]), part, features)
        done += len(part)
        yield done, total


def claim(folder: Path, convention: FisherConvention) -> None:
    """Make the folder of parts, or make sure that its parts are of the same convention.

    Raises
    ------
    BuildError
        If they are of another.
    """
    resumable.claim(
        folder,
        MARKER,
        json.loads(convention.canonical_json()),
        holds="parts of another convention, one",
        error=BuildError,
        otherwise="choose another folder",
    )


def part_path(folder: Path, start: int) -> Path:
    """Return the path of the part that begins with this entry."""
    return folder / f"part-{start:04}.parquet"


def embed(
    convention: FisherConvention, entries: int, parts: Path, folder: Path
) -> dict[str, FileRecord]:
    """Write a table's embedded spectra from their parts, and the manifest.

    Parameters
    ----------
    convention
        That of the parts.
    entries
        How many there must be.
    parts
        Folder of the parts.
    folder
        Where the file and the manifest go.

    Raises
    ------
    BuildError
        If entries are missing, or the parts disagree in the layers.
    """
    write(convention, entries, parts, folder / fisher_name(convention.table))
    return write_manifest(folder)


def write(
    convention: FisherConvention, entries: int, parts: Path, path: Path, options: str = ""
) -> None:
    """Write a table's spectra from their parts to a file.

    Parameters
    ----------
    convention, entries, parts
        As of :func:`embed`.
    path
        Of the file.
    options
        Of ``python -m builders.fisher TABLE`` that gives this file.

    Raises
    ------
    BuildError
        If entries are missing, or the parts disagree in the layers.
    """
    rows, sizes = read_rows(convention, range(entries), parts)
    if not sizes:
        raise BuildError(f"{parts}: expected a network with layers, and no spectrum is valid")
    about = {
        "table": convention.table,
        "edition": "regenerated",
        "layers": sizes,
        "quantiles": QUANTILES,
        "resolution": RESOLUTION,
        "convention": json.loads(convention.canonical_json()),
        "convention_sha": convention.sha,
        **origin(f"python -m builders.fisher {convention.table}{options}"),
    }
    write_table(rows, fisher_columns(len(sizes)), path, about)


def read_rows(
    convention: FisherConvention, entries: Sequence[int], parts: Path
) -> tuple[pa.Table, list[dict[str, object]]]:
    """Return the rows of parts as they are embedded, and the layers of the network.

    Parameters
    ----------
    convention
        That of the parts.
    entries
        Of which there must be one row each, ascending.
    parts
        Folder of the parts.

    Returns
    -------
    tuple
        The rows, with vectors of no element if no spectrum is valid, and what ``layers`` is in the
        metadata of embedded files: then empty, for only a valid spectrum knows them.

    Raises
    ------
    BuildError
        If entries are missing, or the parts disagree in the layers.
    """
    claim(parts, convention)
    paths = sorted(parts.glob("part-*.parquet"))
    tables = [resumable.read_part(path, BuildError)[0] for path in paths]
    found = [number for table in tables for number in table["entry"].to_pylist()]
    if not found or found != list(entries):
        raise BuildError(
            f"{parts}: expected the entries {entries[0]} to {entries[-1]}, {len(entries)} in all, "
            f"got {len(found)}; run python -m builders.fisher {convention.table} again to make the "
            "missing ones"
        )
    described = [table.schema.metadata or {} for table in tables]
    layers = {each[LAYERS_KEY] for each in described if LAYERS_KEY in each}
    if len(layers) > 1:
        raise BuildError(f"{parts}: expected one network, its layers are {sorted(layers)}")
    sizes: list[dict[str, object]] = json.loads(layers.pop()) if layers else []
    table = pa.concat_tables([each.replace_schema_metadata(None) for each in tables])
    position = table.schema.get_field_index("fim_quantiles")
    lists = table.column(position).combine_chunks()
    vectors = nan_for_null(_rounded(lists), len(sizes) * QUANTILES)
    return table.set_column(position, "fim_quantiles", vectors), sizes


def _rounded(lists: pa.ListArray) -> pa.ListArray:
    """Return lists of numbers, or nulls, with every number at the resolution of embedded files."""
    numbers = np.rint(lists.values.to_numpy() / RESOLUTION) * RESOLUTION
    values = pa.array(numbers.astype(np.float32))
    return pa.ListArray.from_arrays(lists.offsets, values, mask=lists.is_null())


def _write_part(path: Path, entries: Sequence[int], features: Sequence[FisherFeature]) -> None:
    layers = {feature.layers for feature in features if feature.valid}
    if len(layers) > 1:
        raise BuildError(f"{path}: the network has different layers for different functions")
    # A part without any valid spectrum does not know the layers; it has null lists of any length.
    known: tuple[LayerSize, ...] = layers.pop() if layers else ()
    columns = {
        "entry": np.array(entries, np.int32),
        "fim_quantiles": [
            None if feature.quantiles is None else feature.quantiles.ravel() for feature in features
        ],
        "fim_valid": [feature.valid for feature in features],
        "fim_reason": [feature.reason or None for feature in features],
    }
    schema = arrow_schema(fisher_columns(len(known)))
    vectors = pa.list_(pa.float32())
    schema = schema.set(1, pa.field("fim_quantiles", vectors))
    if known:
        described = json.dumps([layer._asdict() for layer in known])
        schema = schema.with_metadata({LAYERS_KEY: described.encode()})
    resumable.write_part(path, pa.table(columns, schema=schema), BuildError)
