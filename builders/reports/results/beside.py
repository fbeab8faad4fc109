"""Long tables of a page as CSV files beside it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from act_bench.files.atomic import replacing

_MARKED = re.compile(r"<!-- beside: (?P<name>[\w-]+) -->\n(?P<table>(?:\|.*\n?)+)")
_INTERVAL = re.compile(r"^(?P<value>\S+) \[(?P<low>\S+), (?P<high>\S+)\]$")


def mark(name: str) -> str:
    """Return the line to put before a table that belongs into a file of this name."""
    return f"<!-- beside: {name} -->"


def put_beside(text: str, page: Path) -> str:
    """Write each marked table to a CSV beside the page, and leave a link to it.

    A cell with an interval, ``0.5 [0.4, 0.6]``, becomes three: the value, its low and its high end.

    Parameters
    ----------
    text
        Markdown with marks, see :func:`mark`.
    page
        The file that the text is for; the CSV is ``STEM-NAME.csv`` in its folder.

    Returns
    -------
    str
        The text, with a link in place of each marked table.
    """

    def moved(found: re.Match[str]) -> str:
        target = page.with_name(f"{page.stem}-{found['name']}.csv")
        rows = [_cells(line) for line in found["table"].splitlines()]
        heads, body = rows[0], rows[2:]
        wide = [any(_INTERVAL.match(row[column]) for row in body) for column in range(len(heads))]
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(
            name
            for head, three in zip(heads, wide, strict=True)
            for name in ((head, f"{head} low", f"{head} high") if three else (head,))
        )
        for row in body:
            writer.writerow(
                value
                for cell, three in zip(row, wide, strict=True)
                for value in (_parts(cell) if three else (cell,))
            )
        with replacing(target) as draft:
            draft.write_text(written.getvalue(), encoding="utf-8")
        return f"{len(body)} rows: [{target.name}]({target.name}).\n"

    return _MARKED.sub(moved, text)


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def _parts(cell: str) -> tuple[str, str, str]:
    found = _INTERVAL.match(cell)
    return (found["value"], found["low"], found["high"]) if found else (cell, "", "")
