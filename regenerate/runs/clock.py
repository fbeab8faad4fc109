"""Which seconds a run is charged: those that it used, whatever else the machine was doing."""

from __future__ import annotations

import time

import torch


def seconds(device: str) -> float:
    """Return the reading of the clock for trainings on ``device``; differences are durations.

    With one thread on the CPU it is processor time, the wall time of an idle core, which a busy
    machine does not lengthen. With several threads, or on a GPU, it is wall time.

    Examples
    --------
    >>> before = seconds("cpu")
    >>> seconds("cpu") >= before
    True
    """
    if device == "cpu" and torch.get_num_threads() == 1:
        return time.process_time()
    return time.perf_counter()
