"""Read the authors' JSON files entry by entry, in little memory and faster than ``json.load``.

A file is one object of 2,913 objects; nearly all of its bytes are the lists of floats under
``Fisher log eigenvalue CDF``. The reader walks over the file through ``mmap``, hands each short
value to ``json`` and each such list to Arrow's number parser, so a list never becomes thousands of
Python objects. Python's ``json`` wrote the files: ``NaN`` and ``Infinity`` stand bare in them, and
both parsers read that.

Nothing is guessed. Whatever is not such a file is refused with an :class:`UpstreamFormatError` that
names the byte and the expression.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from act_bench.errors import ActBenchError, ExitCode

CDF_KEY: Final = "Fisher log eigenvalue CDF"

_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SCALAR: Final = re.compile(rb'[^\s,:"\[\]{}]+')
_STRUCTURE: Final = re.compile(_STRING.pattern + rb'|["\[\]{}]', re.DOTALL)
_BLANKS: Final = frozenset({b" ", b"\t", b"\r", b"\n"})
_DEEPEST: Final = 32
_LONGEST: Final = 1 << 28  # bytes of one value: a thousand times the longest list of the real files
_COMMA: Final = ord(",")
_BLANK: Final = ord(" ")


class UpstreamFormatError(ActBenchError, ValueError):
    """A file that is not what the authors published, or only a part of it.

    Attributes
    ----------
    path : Path
        The file.
    offset : int
        Byte at which it goes wrong, counted from 0.
    """

    exit_code = ExitCode.DATA

    def __init__(self, path: Path, offset: int, what: str) -> None:
        super().__init__(f"{path}, byte {offset:,}: {what}")
        self.path = path
        self.offset = offset


class UpstreamEntry(NamedTuple):
    """One entry of a file as it is written there.

    Attributes
    ----------
    expression : str
        Its key.
    offset : int
        Byte at which its key begins.
    end : int
        Byte after its object.
    values : dict
        Its other keys and their values, ``NaN`` and infinities as floats; without the CDF.
    cdf : ndarray or None
        Shape (bins,), float64: its Fisher CDF; None where that is missing or no list of numbers.
    cdf_problem : str
        Why there is none; empty if there is one. Its values and length are not judged here.
    """

    expression: str
    offset: int
    end: int
    values: dict[str, object]
    cdf: npt.NDArray[np.float64] | None
    cdf_problem: str


def read_entries(path: Path) -> Iterator[UpstreamEntry]:
    """Yield the entries of a file in its order.

    Parameters
    ----------
    path : Path
        A JSON file in UTF-8: an object whose values are objects.

    Yields
    ------
    UpstreamEntry

    Raises
    ------
    UpstreamFormatError
        At the first place that is not such a file: empty, no JSON, another encoding, truncated,
        an expression or a key twice. Entries before that place have been yielded by then.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> file = getfixture("tmp_path") / "act-bench-cnn.json"
    >>> _ = file.write_text('{"relu(x)": {"Test Loss": NaN, "Fisher log eigenvalue CDF": [0, 1]}}')
    >>> [entry] = read_entries(file)
    >>> entry.expression, entry.values, entry.cdf.tolist()
    ('relu(x)', {'Test Loss': nan}, [0.0, 1.0])
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise UpstreamFormatError(path, 0, "the file is empty; download it again")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield from _Reader(path, data).entries()


def parse_numbers(body: bytes) -> npt.NDArray[np.float64] | None:
    """Parse numbers with commas between them, as Python's ``json`` writes a list.

    Parameters
    ----------
    body : bytes
        What stands between the brackets.

    Returns
    -------
    ndarray or None
        Shape (numbers,), float64. None if this is anything else: other white space, an empty
        list, values that are no numbers. It may be JSON all the same.

    Examples
    --------
    >>> parse_numbers(b"0.0, 0.5, NaN").tolist()
    [0.0, 0.5, nan]
    >>> parse_numbers(b"0.0, 0 5") is None
    True
    """
    octets = np.frombuffer(body, np.uint8)
    commas = np.flatnonzero(octets == _COMMA)
    digits = body.translate(None, b", ")
    spaces = len(body) - len(digits) - len(commas)
    if spaces not in (0, len(commas)):
        return None
    if spaces and (octets[-1] == _COMMA or (octets[commas + 1] != _BLANK).any()):
        return None  # a space elsewhere than after a comma: deleting it could join two numbers
    offsets = np.empty(len(commas) + 2, np.int32)
    offsets[0], offsets[-1] = 0, len(digits)
    offsets[1:-1] = commas - (2 if spaces else 1) * np.arange(len(commas))
    strings = pa.StringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(digits)
    )
    try:
        numbers = strings.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    # Not to_numpy, which would import pandas.
    return np.frombuffer(numbers.buffers()[1], np.float64, len(numbers))


class _Reader:
    """Walks over a mapped file; every method takes a position and returns the one after."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path = path
        self.data = data
        self.size = len(data)
        self.where = "before the first expression"

    def entries(self) -> Iterator[UpstreamEntry]:
        self._check_beginning()
        first_seen: dict[str, int] = {}
        position = self._expect(b"{", 0, "the object of the file")
        while not self._closes(position):
            offset = self._skip_space(position)
            expression, position = self._key(offset, "an expression")
            self.where = f"in the entry {expression!r}"
            if expression in first_seen:
                raise self._error(
                    offset, f"the expression stands twice, first at byte {first_seen[expression]:,}"
                )
            first_seen[expression] = offset
            entry = self._entry(expression, offset, position)
            yield entry
            position = self._next_item(entry.end)
        end = self._skip_space(self._skip_space(position) + 1)
        if end != self.size:
            raise self._error(end, f"{self.size - end:,} bytes follow the end of the JSON")

    def _entry(self, expression: str, offset: int, position: int) -> UpstreamEntry:
        values: dict[str, object] = {}
        cdf: npt.NDArray[np.float64] | None = None
        problem = "missing"
        seen_cdf = False
        position = self._expect(b"{", position, "the object of an entry")
        while not self._closes(position):
            start = self._skip_space(position)
            key, position = self._key(start, "a key")
            if key in values or (key == CDF_KEY and seen_cdf):
                raise self._error(start, f"the key {key!r} stands twice")
            start = self._skip_space(position)
            if key == CDF_KEY:
                seen_cdf = True
                cdf, problem, position = self._cdf(start)
            else:
                values[key], position = self._value(start)
            position = self._next_item(position)
        end = self._skip_space(position) + 1
        return UpstreamEntry(expression, offset, end, values, cdf, problem)

    def _cdf(self, start: int) -> tuple[npt.NDArray[np.float64] | None, str, int]:
        """Return the numbers, or why there are none, and the position after them."""
        if self.data[start : start + 1] == b"[":
            end = self.data.find(b"]", start)
            if 0 <= end - start <= _LONGEST:
                numbers = parse_numbers(self.data[start + 1 : end])
                if numbers is not None:
                    return numbers, "", end + 1
        value, end = self._value(start)  # slower, and says where it is no JSON
        if not isinstance(value, list):
            return None, f"not a list ({type(value).__name__})", end
        if not value:
            return None, "empty", end
        for index, number in enumerate(value):
            if isinstance(number, bool) or not isinstance(number, int | float):
                return None, f"not a number ({type(number).__name__} at index {index})", end
        try:
            return np.array(value, np.float64), "", end
        except OverflowError:
            return None, "not a number (an integer beyond float64)", end

    def _value(self, start: int) -> tuple[object, int]:
        """Return any JSON value and the position after it."""
        end = self._value_end(start)
        if end - start > _LONGEST:
            raise self._error(start, f"a value of {end - start:,} bytes; none of the real ones is")
        text = self._decode(start, end)
        try:
            value: object = json.loads(text)
            if "\\u" in text:  # half of a surrogate pair is no character: nothing could store it
                json.dumps(value, ensure_ascii=False).encode()
        except json.JSONDecodeError as error:
            place = start + len(text[: error.pos].encode())
            raise self._error(place, f"this is not JSON ({error.msg})") from None
        except ValueError as error:  # half a surrogate, or an integer of thousands of digits
            raise self._error(start, f"a value that cannot be read ({error})") from None
        return value, end

    def _value_end(self, start: int) -> int:
        first = self.data[start : start + 1]
        if first not in (b"[", b"{"):
            match = (_STRING if first == b'"' else _SCALAR).match(self.data, start)
            if match is None:
                raise self._broken(start, "a value")
            return match.end()
        depth = 0
        for match in _STRUCTURE.finditer(self.data, start):
            token = self.data[match.start() : match.start() + 1]
            if token in (b"[", b"{"):
                depth += 1
                if depth > _DEEPEST:
                    raise self._error(match.start(), f"more than {_DEEPEST} brackets deep")
            elif token in (b"]", b"}"):
                depth -= 1
                if not depth:
                    return match.end()
        raise self._truncated()

    def _key(self, start: int, what: str) -> tuple[str, int]:
        """Return a string and the position after the colon that follows it."""
        match = _STRING.match(self.data, start)
        if match is None:
            raise self._broken(start, what + " in double quotes")
        value, end = self._value(start)
        return str(value), self._expect(b":", end, f"the value of {value!r}")

    def _decode(self, start: int, end: int) -> str:
        try:
            return self.data[start:end].decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._error(
                start + error.start, f"not UTF-8 ({error.reason}): save the file as UTF-8"
            ) from None

    def _check_beginning(self) -> None:
        """Refuse other encodings by name, and what is no JSON object at all."""
        encoding = json.detect_encoding(self.data[:4])
        if encoding != "utf-8":
            raise self._error(0, f"the encoding is {encoding}, expected UTF-8 without a mark")

    def _closes(self, position: int) -> bool:
        """Whether the object ends here."""
        position = self._skip_space(position)
        return self.data[position : position + 1] == b"}"

    def _next_item(self, position: int) -> int:
        """Return the position after a comma, or of the closing bracket."""
        if self._closes(position):
            return position
        position = self._expect(b",", position, "the next key, or '}'")
        if self._closes(position):
            raise self._error(position, "a comma before '}'")
        return position

    def _expect(self, character: bytes, position: int, what: str) -> int:
        position = self._skip_space(position)
        if self.data[position : position + 1] != character:
            raise self._broken(position, f"{character.decode()!r} and {what}")
        return position + 1

    def _skip_space(self, position: int) -> int:
        if self.data[position : position + 1] not in _BLANKS:
            return position  # nearly always, and cheaper than a match
        match = _SPACE.match(self.data, position)
        return match.end() if match else position

    def _broken(self, position: int, expected: str) -> UpstreamFormatError:
        """Return the error for a place where something else was expected."""
        if position >= self.size or (
            self.data[position : position + 1] == b'"' and not _STRING.match(self.data, position)
        ):
            return self._truncated()
        got = bytes(self.data[position : position + 20])
        return self._error(position, f"expected {expected}, got {got!r}")

    def _truncated(self) -> UpstreamFormatError:
        return self._error(
            self.size, "the file ends in the middle: it is truncated; download it again"
        )

    def _error(self, position: int, what: str) -> UpstreamFormatError:
        return UpstreamFormatError(self.path, position, f"{what} ({self.where})")
