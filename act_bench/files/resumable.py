"""Folders whose work may be stopped at any moment: whose they are, and parts whole or absent.

A *marker*, a JSON file, says what a folder's parts were made with, so that a folder never holds the
work of two. A *part* is a sealed Parquet file (:mod:`act_bench.files.sealed`) that is written the
moment it is finished; what is pending is whatever the parts do not hold.

Each kind of work has an error of its own, which the functions here raise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from act_bench.files.atomic import replacing
from act_bench.files.documents import read_object
from act_bench.files.folders import making

if TYPE_CHECKING:
    import pyarrow as pa


_LONGEST: Final = 200


def claim(
    folder: Path,
    marker: str,
    identity: Mapping[str, object],
    *,
    holds: str,
    error: type[Exception],
    otherwise: str = "choose another --out",
) -> None:
    """Make a folder, or make sure that it belongs to the same work.

    Parameters
    ----------
    folder
        Made with its parents if need be.
    marker
        Name of its marker.
    identity
        What the parts depend on, as values of JSON.
    holds
        What it holds if it is another's, for the message: ``a sweep``.
    error
        What to raise.
    otherwise
        What to do then, for the message.

    Raises
    ------
    error
        If the folder cannot be written to, its marker is damaged, or its parts were made with
        something else.

    Examples
    --------
    >>> folder = getfixture("tmp_path") / "sweep"
    >>> claim(folder, "sweep.json", {"recipe": "a"}, holds="a sweep", error=RuntimeError)
    >>> claim(folder, "sweep.json", {"recipe": "a"}, holds="a sweep", error=RuntimeError)
    >>> claim(folder, "sweep.json", {"recipe": "b"}, holds="a sweep", error=RuntimeError)
    Traceback (most recent call last):
        ...
    RuntimeError: .../sweep holds a sweep with another recipe: a, not b; choose another --out
    """
    path = folder / marker
    try:
        with making(folder):
            if not path.exists():
                with replacing(path) as draft:
                    draft.write_text(json.dumps(identity, indent=2) + "\n", encoding="utf-8")
    except OSError as caught:
        raise error(f"cannot write to {folder}: {caught.strerror}; {otherwise}") from caught
    own = json.loads(json.dumps(identity))
    found = read_identity(folder, marker, holds=holds, error=error, otherwise=otherwise)
    for what in sorted(found.keys() | own.keys()):
        if found.get(what) != own.get(what):
            raise error(
                f"{folder} holds {holds} with another {what[:60]}: {_shown(found.get(what))}, "
                f"not {_shown(own.get(what))}; {otherwise}"
            )


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def read_identity(
    folder: Path,
    marker: str,
    *,
    holds: str,
    error: type[Exception],
    otherwise: str = "choose another --out",
) -> dict[str, object]:
    """Return what the parts of a folder were made with; the parameters are those of `claim`.

    Raises
    ------
    error
        If the folder has no marker, or it is damaged.
    """
    path = folder / marker
    try:
        return read_object(path)
    except OSError as caught:
        raise error(
            f"{folder} does not hold {holds}: {marker} cannot be read ({caught.strerror})"
        ) from caught
    except ValueError as caught:
        raise error(f"{path} is damaged ({caught}); {otherwise}") from caught


def part_path(folder: Path, content: object) -> Path:
    """Return the path of a part with a content, so that one that is made twice replaces itself.

    Parameters
    ----------
    folder
        Where the parts lie.
    content
        What the part holds, or will hold; the name follows from its ``repr``.

    Examples
    --------
    >>> part_path(Path("parts"), [("relu(x)", 0)]).name
    'part-c82ee6547338.parquet'
    """
    return folder / f"part-{hashlib.sha256(repr(content).encode()).hexdigest()[:12]}.parquet"


def write_part(path: Path, table: pa.Table, error: type[Exception]) -> None:
    """Write a part, whole or not at all, with its checksum.

    Raises
    ------
    error
        If the disk is full or the folder cannot be written to.
    """
    from act_bench.files import sealed

    try:
        sealed.write(path, table)
    except OSError as caught:
        raise error(
            f"cannot write {path}: {caught.strerror or caught}; all finished parts are safe. Make "
            "room and run the same command again to go on"
        ) from caught


def read_part(path: Path, error: type[Exception]) -> tuple[pa.Table, bool]:
    """Read a part, and check it against its checksum.

    Returns
    -------
    tuple of pyarrow.Table and bool
        The rows, and whether a checksum vouches for them: older versions wrote none.

    Raises
    ------
    error
        If the part is damaged or cannot be read.
    """
    from act_bench.files import sealed

    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise sealed.SealError("it is no regular file")
        return sealed.read(path)
    except (sealed.SealError, OSError) as caught:
        raise error(
            f"{path} is damaged ({caught}); delete it and run the same command again: it makes "
            "what the file held and nothing else"
        ) from caught
