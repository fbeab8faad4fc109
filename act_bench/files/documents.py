"""JSON that somebody else may have written: bounded, and malformed text is an error, never a crash.

A file that is not ours may be of any size, nested without end, or hold numbers that no float can.
Whatever is wrong with a document, :func:`parse` raises a ``ValueError`` that says so in few words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from act_bench.errors import excerpt

LARGEST: Final = 64 << 20
"""Bytes of the largest document that is read."""

LONGEST_LINE: Final = 1 << 20
"""Bytes of the longest line that is read; a line of a trace has a few hundred."""

_DIGITS: Final = 100


def parse(text: str) -> object:
    """Return what a JSON text says.

    Raises
    ------
    ValueError
        It is no JSON, is nested too deeply, or has NaN, an infinity, a number beyond float64, an
        integer of more than 100 digits or half a surrogate pair.

    Examples
    --------
    >>> parse('{"entry": 20}')
    {'entry': 20}
    >>> parse("[" * 100_000)
    Traceback (most recent call last):
        ...
    ValueError: it is nested too deeply
    """
    try:
        found = json.loads(
            text, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_float
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if "\\u" in text or not text.isascii():
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("it has half a surrogate pair, which is no character") from None
    return found


def parse_object(text: str) -> dict[str, object]:
    """Return what a JSON text says, which must be an object; raises as :func:`parse`."""
    found = parse(text)
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object, got {excerpt(found)}")
    return found


def read_object(path: Path, largest: int = LARGEST) -> dict[str, object]:
    """Read a file that holds one JSON object.

    Parameters
    ----------
    path : Path
    largest : int
        Bytes of the largest file that is read.

    Raises
    ------
    ValueError
        As :func:`parse`, or it is larger, or is not UTF-8.
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"it has more than {largest:,} bytes")
    return parse_object(content.decode("utf-8-sig"))  # editors put a mark in front


def read_lines(path: Path, longest: int = LONGEST_LINE) -> Iterator[str]:
    """Yield the lines of a text file without their ends, none longer than so many bytes.

    Raises
    ------
    ValueError
        The next line is longer, or is not UTF-8.
    OSError
        The file cannot be read.
    """
    encoding = "utf-8-sig"
    with path.open("rb") as file:
        while line := file.readline(longest + 1):
            if len(line) > longest:
                raise ValueError(f"expected a line of at most {longest:,} bytes, got a longer one")
            try:
                yield line.decode(encoding).rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise ValueError(f"expected UTF-8 text, got {error.reason}") from None
            encoding = "utf-8"


def check_types(document: Mapping[str, object], types: Mapping[str, tuple[type, ...]]) -> None:
    """Check the values of some fields of a document, which must be there.

    Raises
    ------
    ValueError
        A field is missing or of another type. In JSON, ``true`` is no number.

    Examples
    --------
    >>> check_types({"entry": "20"}, {"entry": (int,)})
    Traceback (most recent call last):
        ...
    ValueError: expected entry to be of type int, got '20'
    """
    for name, expected in types.items():
        if name not in document:
            raise ValueError(f"expected the field {name}, which is missing")
        value = document[name]
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
            wanted = " or ".join(
                "null" if each is type(None) else each.__name__ for each in expected
            )
            raise ValueError(f"expected {name} to be of type {wanted}, got {excerpt(value)}")


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _integer(text: str) -> int:
    if len(text) > _DIGITS:  # a seed may have 128 bits; no float has more than 309 digits
        raise ValueError(f"an integer of {len(text):,} digits, {excerpt(text)}")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"a number beyond float64, {excerpt(text)}")
    return number
