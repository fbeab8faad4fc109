"""The embedded files: where they are, what they must be, and clear errors if they are not.

``act_bench/data/manifest.json`` names every embedded file with its SHA-256, size, rows, licence and
how it was made. A file is checked against it before it is read; that costs about a millisecond a
megabyte and turns a damaged download into a sentence instead of wrong numbers.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from act_bench.errors import ActBenchError, ExitCode, excerpt
from act_bench.files.documents import check_types, read_object

if TYPE_CHECKING:
    import pyarrow as pa

DATA_FOLDER: Final = Path(__file__).parent.parent / "data"
MANIFEST: Final = "manifest.json"
SPACE_FILE: Final = "space.parquet"
LITERATURE_FILE: Final = "literature.parquet"
EMBEDDING_FILE: Final = "embedding.parquet"
ENTROPY_FILE: Final = "entropy.parquet"
LIMITS_FILE: Final = "limits.parquet"
LICENCE: Final = "CC-BY-4.0"
ABOUT: Final = b"act_bench"
"""Key of the Parquet metadata under which a file says, as JSON, what it is and how it is made."""
FIX: Final = "reinstall act-bench (`act-bench verify` checks every file)"


class DataError(ActBenchError, RuntimeError):
    """Data that are missing or damaged; the message names the file and says how to fix it."""

    exit_code = ExitCode.DATA


class AbsentDataError(DataError):
    """There are no such data here, and no file is damaged or lost.

    Who can do without catches this one: to go on without a damaged file would hide it.
    """


class FileRecord(NamedTuple):
    """What the manifest says about one file.

    Attributes
    ----------
    name
        File name in the data folder.
    sha256
        Hex digits of the SHA-256 of its bytes.
    bytes
        Its size.
    rows
        Rows of its table.
    counts
        Rows by outcome (``ok``, ``diverged``, ``missing``); by fidelity for runs; may be empty.
    made
        How to make it again: a command and the recipe.
    licence
        SPDX identifier.
    """

    name: str
    sha256: str
    bytes: int
    rows: int
    counts: dict[str, int]
    made: str
    licence: str


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "sha256": (str,),
    "bytes": (int,),
    "rows": (int,),
    "counts": (dict,),
    "made": (str,),
    "licence": (str,),
}


def read_manifest(folder: Path | None = None, fix: str = FIX) -> dict[str, FileRecord]:
    """Return the record of each file of a folder by its name.

    Parameters
    ----------
    folder
        Default: that of the embedded files.
    fix
        What an error says to do.

    Raises
    ------
    DataError
        If the manifest is missing or is not what it should be.
    """
    path = (folder or DATA_FOLDER) / MANIFEST
    try:
        document = read_object(path)
        check_types(document, {"files": (dict,)})
        files = cast("dict[str, object]", document["files"])
        return {name: _record(name, fields) for name, fields in files.items()}
    except FileNotFoundError:
        raise DataError(f"{path} is missing; {fix}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); {fix}") from error
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); {fix}") from error


def _record(name: str, fields: object) -> FileRecord:
    """Return the record of a file; a ValueError if it is none, or the name leads elsewhere."""
    if name in ("", ".", "..") or {"/", "\\", "\0"} & set(name):
        raise ValueError(f"expected the name of a file in this folder, got {excerpt(name)}")
    if not isinstance(fields, dict):
        raise ValueError(f"{name}: expected a JSON object, got {excerpt(fields)}")
    if unknown := fields.keys() - _TYPES.keys():
        raise ValueError(f"{name}: fields unknown: {', '.join(sorted(unknown))[:200]}")
    where = name
    try:
        check_types(fields, _TYPES)
        where = f"{name}: counts"
        check_types(fields["counts"], dict.fromkeys(fields["counts"], (int,)))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return FileRecord(name=name, **fields)


def write_records(records: Mapping[str, FileRecord], path: Path) -> None:
    """Write a manifest: the record of each file by its name, in the order given."""
    files = {name: record._asdict() for name, record in records.items()}
    for record in files.values():
        del record["name"]
    path.write_text(json.dumps({"files": files}, indent=2) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the hex digits of the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(name: str, folder: Path | None = None, fix: str = FIX) -> Path:
    """Return the path of a file after checking its size and SHA-256.

    Parameters
    ----------
    name
        File name, for instance ``"space.parquet"``.
    folder
        A folder with a manifest; default: that of the embedded files.
    fix
        What an error says to do.

    Raises
    ------
    DataError
        If the file is missing, truncated or changed, or the manifest does not know it. The message
        names the file, what was expected and what came, and how to fix it.
    """
    record = read_manifest(folder, fix).get(name)
    path = (folder or DATA_FOLDER) / name
    if record is None:
        raise DataError(f"{path} is not in {MANIFEST}; {fix}")
    try:
        size = path.stat().st_size
        if size != record.bytes:
            raise DataError(f"{path} is damaged: expected {record.bytes} bytes, got {size}; {fix}")
        digest = sha256(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): expected {record.bytes} bytes; {fix}"
        ) from error
    if digest != record.sha256:
        raise DataError(f"{path} is damaged: expected SHA-256 {record.sha256}, got {digest}; {fix}")
    return path


def decoded(name: str, folder: Path | None = None, fix: str = FIX) -> Path:
    """Return the path of a Parquet file after checking it as `verified` does, and reading it whole.

    Right bytes are of no use to somebody whose pyarrow cannot read them.

    Raises
    ------
    DataError
        As `verified`; or if this version of pyarrow cannot read the file, or finds another number
        of rows than the manifest.
    """
    path = verified(name, folder, fix)
    expected, rows = read_manifest(folder, fix)[name].rows, read_whole(path).num_rows
    if rows != expected:
        raise DataError(f"{path}: expected {expected} rows, got {rows}; {fix}")
    return path


def metadata_of(path: Path) -> dict[str, Any]:
    """Return what a Parquet file says of itself under :data:`ABOUT`; nothing if it says nothing.

    polars reads it where it is loaded, else pyarrow: whoever loads a table has the one and whoever
    queries a benchmark the other, and to import both takes longer than all else.

    Examples
    --------
    >>> metadata_of(verified("cnn-proxy.parquet"))["recipe"]["learning_rate"]
    0.05
    """
    # Named experimental there, and younger than the oldest polars that will do.
    read = getattr(sys.modules.get("polars"), "read_parquet_metadata", None)
    if read is None:
        import pyarrow.parquet as pq

        found = (pq.read_metadata(path).metadata or {}).get(ABOUT, b"{}")
    else:
        found = read(path).get(ABOUT.decode(), "{}")
    document: dict[str, Any] = json.loads(found)
    return document


def read_whole(path: Path) -> pa.Table:
    """Return all of a Parquet file, every value checked against its type.

    Raises
    ------
    DataError
        If this version of pyarrow cannot read it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not read_table, which takes the folder's name for the partition of a dataset.
        with pq.ParquetFile(path) as file:
            table = file.read()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} cannot be read by pyarrow {pa.__version__} ({error}): install the newest, "
            "`pip install --upgrade pyarrow`"
        ) from error
    return table
