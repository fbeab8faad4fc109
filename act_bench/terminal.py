"""Terminals and pipes that are not UTF-8: what they cannot show is shown in ASCII.

A character that an encoding lacks is printed as its twin in ASCII, or by its number, so that no
command ends in an error after its work is done.
"""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata
from typing import Final

ERRORS: Final = "act-bench-twins"
"""Name of the error handler."""

ASCII: Final = "act-bench-ascii"
"""Name of a codec that is ASCII. Under its own name, click would print UTF-8 in its place."""

TWINS: Final = {
    "\u00b1": "+-",
    "\u00d7": "x",
    "\u2010": "-",
    "\u2011": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u2022": "*",
    "\u2026": "...",
    "\u2192": "->",
    "\u2212": "-",
    "\u221e": "inf",
    "\u2248": "~",
    "\u2264": "<=",
    "\u2265": ">=",
    **dict(zip("▁▂▃▄▅▆▇█", "_.-~=+*#", strict=True)),
}
"""Character -> what is printed in its place. The blocks are those of a sparkline, lowest first."""


def in_ascii(text: str) -> str:
    r"""Return a text in ASCII.

    Examples
    --------
    >>> in_ascii("Müller: 0.95 ± 0.01, β ▁▄█")
    'Muller: 0.95 +- 0.01, \\u03b2 _~#'
    """
    return "".join(character if character.isascii() else _twin(character) for character in text)


def make_printable() -> None:
    """Let stdout and stderr print every text."""
    codecs.register_error(ERRORS, _replace)
    codecs.unregister(_find)  # once, however often this is called
    codecs.register(_find)
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):
            continue  # of a notebook, say: not ours to change
        try:
            name = codecs.lookup(stream.encoding).name
        except LookupError:
            continue
        stream.reconfigure(encoding=ASCII if name == "ascii" else None, errors=ERRORS)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return in_ascii(error.object[error.start : error.end]), error.end


def _find(name: str) -> codecs.CodecInfo | None:
    if name.replace("_", "-") != ASCII:
        return None
    ascii_codec = codecs.lookup("ascii")
    return codecs.CodecInfo(
        name=ASCII,
        encode=ascii_codec.encode,
        decode=ascii_codec.decode,
        incrementalencoder=ascii_codec.incrementalencoder,
        incrementaldecoder=ascii_codec.incrementaldecoder,
    )


def _twin(character: str) -> str:
    if (twin := TWINS.get(character)) is not None:
        return twin
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or character.encode("ascii", "backslashreplace").decode()
