"""Processes that work, and end with whoever started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from typing import Any, Final

from act_bench.errors import ActBenchError, ExitCode
from act_bench.tables.registry import import_own_tables


class WorkerDiedError(ActBenchError, RuntimeError):
    """A worker ended without an answer: killed, or out of memory."""

    exit_code = ExitCode.DATA


@contextmanager
def worker_pool(
    workers: int, threads: int | None, reports: SimpleQueue[Any] | None = None
) -> Iterator[ProcessPoolExecutor]:
    """Yield processes to train in, with so many threads each; work that has not begun is dropped.

    They are spawned, never forked: torch, Arrow and polars have threads, whose locks a fork would
    copy. So a script that starts workers is imported by each of them, and must start them below
    ``if __name__ == "__main__":`` only. What they :func:`report` goes to ``reports``. With ``None``
    threads torch is not imported, for work that does not train.

    Raises
    ------
    WorkerDiedError
        If a process was killed, or ended before it began since the script has no such line.
    """
    begun = SPAWN.Event()
    pool = ProcessPoolExecutor(
        workers, mp_context=SPAWN, initializer=start_worker, initargs=(threads, begun, reports)
    )
    try:
        yield pool
    except BrokenProcessPool as error:
        raise WorkerDiedError(_KILLED if begun.is_set() else _NEVER_BEGUN) from error
    except RuntimeError as error:
        if _IMPORTING in str(error):  # this is a worker, importing a script that is not guarded
            raise SystemExit(1) from None  # the parent says why
        raise
    finally:
        pool.shutdown(cancel_futures=True)


SPAWN: Final = multiprocessing.get_context("spawn")
"""What workers, and queues to them, are made by."""

_IMPORTING: Final = "bootstrapping phase"
"""In the message of multiprocessing for a process that is started while its parent is not yet."""

_KILLED: Final = (
    "a worker process was killed, perhaps for want of memory; what was finished is safe: run the "
    "same command again to go on, with fewer workers if memory is short"
)
_NEVER_BEGUN: Final = (
    "the worker processes ended before they began. They import the script that started them, so a "
    'script must start them below `if __name__ == "__main__":` only; where it does, memory may be '
    "short: use fewer workers"
)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_reports: SimpleQueue[Any] | None = None


def report(what: object) -> None:
    """Tell the process that started this worker; without a queue nobody is told."""
    if _reports is not None:
        _reports.put(what)


def start_worker(
    threads: int | None, begun: Event | None = None, reports: SimpleQueue[Any] | None = None
) -> None:
    """Make this a worker: so many threads, and an end with the parent or at an interrupt.

    ``begun`` is set, so that the parent knows that a worker got here.
    """
    global _reports
    _reports = reports
    if begun is not None:
        begun.set()
    import_own_tables()
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    # Ctrl-C reaches every process of a terminal. Workers end at once, without a traceback each;
    # parts are whole or absent, so nothing but the part in hand is lost.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # A parent killed with -9 cannot end its workers, and they would wait for ever.
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
