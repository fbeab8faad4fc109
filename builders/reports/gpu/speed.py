"""How fast a device trains: its peak, a step's share of it, and several trainings at once.

A small network on a large GPU waits for its kernels to start, and one training cannot fill the
device. A recorded step starts them all at once; and several trainings in processes of their own
fill what one leaves. Both are tried, and the faster way is taken.
"""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp
from typing import Final, NamedTuple

import torch

from builders.reports.gpu.steps import TrainingStep, step_flops
from regenerate.recipes import Recipe
from regenerate.sweeps.processes import WorkerDiedError, worker_pool
from regenerate.training.step import Recorder, record_on_gpu

SIDES: Final = {"cuda": 8192, "cpu": 1024}
"""Of the matrices whose product is the peak."""
WARM_UP: Final = 3
GAIN: Final = 1.05
"""What a faster way has to gain before it is taken."""
AT_ONCE: Final = {"cuda": (2, 4, 8), "cpu": (2,)}
"""How many trainings at once are tried, fewest first."""
FILLED: Final = 0.5
"""Share of the peak from which one training fills a device."""
FAILED: Final = "failed"
"""A file that a process leaves which cannot take part in a measurement."""
_PATIENCE_S: Final = 120.0


class Speed(NamedTuple):
    """How fast a device takes the steps of a recipe.

    Attributes
    ----------
    images_per_s
        Of one training, with the step as it is.
    recorded_images_per_s
        Of one training with a recorded step; None where there is no recording.
    share_of_peak
        Of the faster of the two: its floating-point operations per second over the peak.
    at_once
        How many trainings at once are best.
    at_once_images_per_s
        Theirs together.
    """

    images_per_s: float
    recorded_images_per_s: float | None
    share_of_peak: float
    at_once: int
    at_once_images_per_s: float

    @property
    def records(self) -> bool:
        """Whether recording is the faster way."""
        recorded = self.recorded_images_per_s
        return recorded is not None and recorded > GAIN * self.images_per_s


def peak_flops(device: str, seconds: float) -> float:
    """Return floating-point operations per second of a large bfloat16 product, at the best."""
    side = SIDES[torch.device(device).type]
    one, other = (torch.randn(side, side, device=device).bfloat16() for _ in range(2))
    fastest, start = float("inf"), time.perf_counter()
    for _ in range(WARM_UP):
        one @ other
    while time.perf_counter() - start < seconds:
        wait_for(device)
        before = time.perf_counter()
        for _ in range(3):
            one @ other
        wait_for(device)
        fastest = min(fastest, (time.perf_counter() - before) / 3)
    return 2 * side**3 / fastest if fastest < float("inf") else 0.0


def wait_for(device: str) -> None:
    """Wait until a GPU has done all that it was given."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def images_per_s(
    recipe: Recipe,
    device: str,
    seconds: float,
    *,
    recorded: bool = False,
    ready: Path | None = None,
) -> float:
    """Return training images per second, over some seconds after a few steps to warm up.

    Parameters
    ----------
    recipe, device
        Whose steps, and where.
    seconds
        For how long.
    recorded
        Whether the steps are recorded.
    ready
        A folder that tells several processes when to start: see `at_once_images_per_s`.
    """
    record: Recorder | None = partial(record_on_gpu, torch.device(device)) if recorded else None
    step = TrainingStep(recipe, device, record=record)
    for number in range(WARM_UP):
        step.take(number)
    wait_for(device)
    if ready is not None:
        _meet(ready)
    taken, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds or not taken:
        for number in range(4):
            step.take(number)
        taken += 4
        wait_for(device)
    return taken * recipe.batch_size / (time.perf_counter() - start)


def at_once_images_per_s(
    recipe: Recipe, device: str, seconds: float, count: int, *, recorded: bool = False
) -> float:
    """Return images per second of so many processes together; 0 if the device cannot hold them."""
    with TemporaryDirectory() as name, worker_pool(count, 1) as pool:
        folder = Path(name) / str(count)
        folder.mkdir()
        jobs = [
            pool.submit(_measure, recipe, device, seconds, recorded, folder) for _ in range(count)
        ]
        try:
            return sum(job.result() for job in jobs)
        except (torch.OutOfMemoryError, TimeoutError, WorkerDiedError):
            return 0.0


def _measure(recipe: Recipe, device: str, seconds: float, recorded: bool, ready: Path) -> float:
    try:
        return images_per_s(recipe, device, seconds, recorded=recorded, ready=ready)
    except BaseException:
        (ready / FAILED).touch()  # the others need not wait
        raise


def _meet(folder: Path) -> None:
    """Wait until as many processes are here as the name of the folder says."""
    os.close(mkstemp(dir=folder)[0])
    start = time.monotonic()
    while len(list(folder.iterdir())) < int(folder.name):
        if (folder / FAILED).exists() or time.monotonic() - start > _PATIENCE_S:
            raise TimeoutError("another process did not come")
        time.sleep(0.01)


def measure(
    recipe: Recipe, device: str, peak: float, seconds: float, *, several: bool = True
) -> Speed:
    """Measure one recipe, each way for some seconds.

    Parameters
    ----------
    recipe, device
        Whose steps, and where.
    peak
        From `peak_flops`.
    seconds
        Of each measurement, beside what it takes to prepare.
    several
        Whether to try several trainings at once, where one leaves half of the peak: their
        processes take longer to start than to be measured.
    """
    kind = torch.device(device).type
    plain = images_per_s(recipe, device, seconds)
    recorded = images_per_s(recipe, device, seconds, recorded=True) if kind == "cuda" else None
    records = recorded is not None and recorded > GAIN * plain
    single = recorded if records and recorded is not None else plain
    flops = step_flops(recipe) / recipe.batch_size
    share = single * flops / peak if peak else 0.0
    best, count = single, 1
    for more in AT_ONCE[kind] if several and share < FILLED else ():
        together = at_once_images_per_s(recipe, device, seconds, more, recorded=records)
        if together <= GAIN * best:
            break
        best, count = together, more
    return Speed(plain, recorded, share, count, best)
