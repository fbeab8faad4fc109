"""Parquet files that carry their own SHA-256: a changed bit is an error, never data.

Parquet by itself reads many damaged files as other numbers. A *sealed* file holds, in its footer,
the SHA-256 of all its bytes, taken while the 64 digits of the seal itself were zeros. So the seal
covers everything, goes where the file goes under any name, and every other reader of Parquet can
ignore it. Files without a seal, of older versions, can be read and are recognized.

Files of other formats, which nobody else reads, have their seal behind all else
(:func:`write_bytes`).
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from act_bench.errors import ActBenchError, ExitCode
from act_bench.files.atomic import replacing

KEY: Final = b"act_bench_seal"
"""Key of the Parquet metadata under which the seal lies."""
PREFIX: Final = b"seal-sha256:"
"""What the 64 hex digits stand behind. A damaged key leaves this and a damaged prefix the key, so
that no single change makes a sealed file look like one without a seal."""

_BLANK: Final = b"0" * 64


class SealError(ActBenchError, ValueError):
    """A file whose bytes are not those that were sealed, or that is no Parquet file."""

    exit_code = ExitCode.DATA


def to_bytes(table: pa.Table) -> bytes:
    """Return a table as the bytes of a sealed Parquet file.

    Examples
    --------
    >>> content = to_bytes(pa.table({"entry": [1, 2]}))
    >>> is_sealed(content)
    True
    """
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        # The writer's own key, not the schema's: that would be stored a second time.
        writer.add_key_value_metadata({KEY.decode(): (PREFIX + _BLANK).decode()})
    blank = buffer.getvalue()
    start = blank.rindex(PREFIX) + len(PREFIX)
    digest = hashlib.sha256(blank).hexdigest().encode()
    return blank[:start] + digest + blank[start + len(_BLANK) :]


def is_sealed(content: bytes) -> bool:
    """Return whether the bytes of a file have a seal, after checking it.

    Returns
    -------
    bool
        True if there is a seal and it is right, False if there is none.

    Raises
    ------
    SealError
        If there is a seal and the bytes are not those that were sealed.

    Examples
    --------
    >>> content = to_bytes(pa.table({"entry": [1, 2]}))
    >>> is_sealed(content[:5] + b"?" + content[6:])
    Traceback (most recent call last):
        ...
    act_bench.files.sealed.SealError: its SHA-256 is not the one that it carries
    """
    start = content.rfind(PREFIX)
    if start < 0 and KEY not in content:
        return False
    start += len(PREFIX)
    end = start + len(_BLANK)
    blank = content[:start] + _BLANK + content[end:]
    if hashlib.sha256(blank).hexdigest().encode() != content[start:end]:
        raise SealError("its SHA-256 is not the one that it carries")
    return True


def write(path: Path, table: pa.Table) -> None:
    """Write a table as a sealed file, whole or not at all.

    Raises
    ------
    OSError
        If the file cannot be written; no draft stays.
    """
    content = to_bytes(table)
    with replacing(path) as draft:
        draft.write_bytes(content)


def decode(content: bytes) -> tuple[pa.Table, bool]:
    """Return the rows of a file's bytes, and whether a seal vouches for them.

    Raises
    ------
    SealError
        If the file is damaged or no Parquet file.
    """
    sealed = is_sealed(content)
    try:
        return pq.ParquetFile(io.BytesIO(content)).read(), sealed
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SealError(f"it is no whole Parquet file: {error}") from error


def read(path: Path) -> tuple[pa.Table, bool]:
    """Read a file whole; see `decode`.

    Raises
    ------
    SealError
        If the file is damaged or no Parquet file.
    OSError
        If it cannot be read.
    """
    return decode(path.read_bytes())


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes of any kind with their seal behind them, whole or not at all.

    Raises
    ------
    OSError
        If the file cannot be written; no draft stays.
    """
    digest = hashlib.sha256(content).hexdigest().encode()
    with replacing(path) as draft:
        draft.write_bytes(content + PREFIX + digest)


def read_bytes(path: Path) -> bytes:
    """Return what :func:`write_bytes` wrote.

    Raises
    ------
    SealError
        If the file has no seal or is damaged.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> file = getfixture("tmp_path") / "state"
    >>> write_bytes(file, b"42")
    >>> read_bytes(file)
    b'42'
    """
    whole = path.read_bytes()
    start = len(whole) - len(PREFIX) - len(_BLANK)
    if start < 0 or not whole.startswith(PREFIX, start):
        raise SealError("it has no SHA-256 at its end")
    content, digest = whole[:start], whole[start + len(PREFIX) :]
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise SealError("its SHA-256 is not the one that it carries")
    return content
