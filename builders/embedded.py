"""The manifest that the embedded files are checked against, made from the files.

Each file says in its own Parquet metadata what it is and how it is made, so that the manifest can
be made from the files alone. ``act_bench.publishing.parquet`` writes them.
"""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from act_bench.errors import ActBenchError, ExitCode
from act_bench.files.atomic import replacing
from act_bench.files.manifest import (
    ABOUT,
    LICENCE,
    MANIFEST,
    FileRecord,
    metadata_of,
    sha256,
    write_records,
)


class BuildError(ActBenchError, ValueError):
    """Runs or files from which no table can be made; the message names the first offenders."""

    exit_code = ExitCode.DATA


def origin(made: str, licence: str = LICENCE) -> dict[str, str]:
    """Return what every embedded file says of where it is from, besides what it is.

    Parameters
    ----------
    made
        The command that makes it.
    licence
        An SPDX expression; by default that of the data of this package.

    Examples
    --------
    >>> sorted(origin("python -m builders.entropy build"))
    ['licence', 'made', 'version']
    """
    return {"made": made, "licence": licence, "version": version("act-bench")}


def read_about(file: Path) -> dict[str, Any]:
    """Return what an embedded file says of itself in its metadata.

    Raises
    ------
    BuildError
        If it says nothing, or not how it is made.
    """
    about = metadata_of(file)
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
