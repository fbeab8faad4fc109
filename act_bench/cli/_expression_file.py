"""Files with one function per line: an expression, or a name of the catalogue."""

from __future__ import annotations

from pathlib import Path

from act_bench.functions.catalogue import read
from act_bench.functions.expression import Expression, ParseError
from act_bench.functions.named import NamedFunction


def read_expressions(path: Path) -> list[Expression | NamedFunction]:
    """Read a file of functions, one per line; ``#`` begins a comment, blank lines are skipped.

    Raises
    ------
    ParseError
        If a line is no expression and no name; the message names it.
    """
    found: list[Expression | NamedFunction] = []
    # Editors put a byte-order mark in front, which is skipped. A byte that is no UTF-8 becomes a
    # character that no expression has, and is named as such.
    for number, line in enumerate(path.read_text("utf-8-sig", "replace").splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            found.append(read(text))
        except ParseError as error:
            reason = f"{path}, line {number}: {error.reason}"
            raise ParseError(reason, error.text, error.position) from error
    return found
