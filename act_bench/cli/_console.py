"""What commands print tables on, and how these look: no expression is broken in a pipe.

In a terminal a table is as wide as the terminal, and folds what does not fit; those that the
commands print fit 80 columns. In a pipe or a file nothing is folded, since other programs read it.
"""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_UNBOUNDED = 10_000


def console(*, stderr: bool = False) -> Console:
    """Return the console of a command's results, on stdout if nothing else is said.

    Nothing is highlighted: numbers in expressions are no numbers of a table.
    """
    found = Console(stderr=stderr, highlight=False)
    if found.is_terminal:
        return found
    return Console(stderr=stderr, highlight=False, width=_UNBOUNDED)


def listing(*left: str, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table: columns of words, then columns of numbers.

    What it shows is said in a line before it, which a table would fold at its own width.

    Parameters
    ----------
    left
        Headings of columns of words. The first holds expressions or names and folds where a
        terminal is too narrow; a line break in a heading makes its column narrow.
    right
        Headings of columns that are aligned at the right.
    """
    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown.show_edge, shown.pad_edge = False, False
    for number, heading in enumerate(left):
        shown.add_column(heading, overflow="fold", no_wrap=number > 0)
    for heading in right:
        shown.add_column(heading, justify="right", no_wrap=True)
    return shown
