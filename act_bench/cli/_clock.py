"""Show on stderr what is done, and for how long, until stdin ends: a program that `working` runs.

It is a process of its own, of the standard library alone, so that nothing can stop it: compiled
loops, as of UMAP, hold the lock of their interpreter for seconds, and no thread beside them draws.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

EACH_S = 0.25
"""Seconds between two drawings."""


def show(
    what: str,
    ended: Callable[[float], bool],
    clock: Callable[[], float] = time.monotonic,
    screen: TextIO = sys.stderr,
    width: int = 80,
) -> None:
    """Draw one line again and again, and erase it at the end.

    Parameters
    ----------
    what
        Is done.
    ended
        Waits so many seconds, and returns whether the work is over.
    clock
        Seconds.
    screen
        A terminal.
    width
        Its columns.
    """
    start = clock()
    while True:
        minutes, seconds = divmod(int(clock() - start), 60)
        passed = f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        screen.write(f"\r{what[: max(1, width - len(passed) - 2)]} {passed}\x1b[K")
        screen.flush()
        if ended(EACH_S):
            screen.write("\r\x1b[K")
            screen.flush()
            return


def main() -> None:
    """Show the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the one who waits, who then ends this
    over = threading.Event()

    def wait() -> None:
        sys.stdin.buffer.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        width = 80
    show(sys.argv[1], over.wait, width=width)


if __name__ == "__main__":
    main()
