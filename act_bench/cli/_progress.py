"""How every command shows that it is at work: bars on stderr, which tick between reports too.

A bar says what is done, how much of it, and for how long. On a terminal it is drawn ten times a
second, whatever the work reports, so that a command never looks as if it hung; elsewhere, in a log
or a pipe, a bar that lasts is written once, at the end, and others not at all. Where nothing can
report, a clock is shown by a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from act_bench.cli import _clock

Report = Callable[[float], None]
"""Told how much is done, in the unit of the bar: a share from 0 to 1, or a count."""


def bars(*columns: ProgressColumn, lasting: bool = False) -> Progress:
    """Return bars on stderr, none yet: a description, a bar, columns, and the time elapsed.

    Parameters
    ----------
    columns
        What stands between; default: the share that is done, and the time left.
    lasting
        Whether they stay when the work is done, in a log too.
    """
    middle = columns or (TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # Older versions of rich end what is disabled with an empty line.
    console.quiet = not (lasting or console.is_terminal)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *middle,
        TimeElapsedColumn(),
        console=console,
        transient=not lasting,
        disable=console.quiet,
    )


@contextmanager
def bar(what: str, total: float = 1.0) -> Iterator[Report]:
    """Show one bar, and yield what tells it how much is done of the total."""
    with bars() as shown:
        task = shown.add_task(what, total=total)
        yield lambda done: shown.update(task, completed=done)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is done that cannot say how far it is: a clock that nothing can stop."""
    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield
        return
    program = [sys.executable, "-I", "-S", _clock.__file__, what]
    # Leaving the block ends its input, which ends it.
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL):  # noqa: S603
        yield
