"""The large space: seconds and peak memory from nothing to Parquet, and counts.

Budget: at most 60 s and 4 GiB on two cores.

    python -m benchmarks.large_space [--variant 31]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version

from act_bench.files.cache import cache_folder
from act_bench.spaces.large import VARIANTS
from benchmarks.budget import Figure, report

PAPER = 425_896

BUILD = """
import json, sys
from builders.space.large import write
print(json.dumps(write(sys.argv[1])))
"""


def measure(variant: str, *, keep: bool = False) -> None:
    """Make the space in a fresh process and an empty folder, and print what that took.

    ``keep`` leaves it in the user's cache.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ACT_BENCH_CACHE": folder}
        begin = time.perf_counter()
        command = [sys.executable, "-c", BUILD, variant]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - begin
        size = sum(entry.stat().st_size for entry in os.scandir(folder))
        if keep:
            shutil.copytree(folder, cache_folder(), dirs_exist_ok=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    counts = json.loads(done.stdout)
    print(f"expressions                       {counts['expressions']:>10,}")
    print(f"evaluated in float64              {counts['evaluated']:>10,}")
    print(f"functions, float32 bit by bit     {counts['float32_classes']:>10,}", end="")
    print(f"   paper {PAPER:,}" if variant == "27" else "")
    print(f"functions, float64 within errors  {counts['classes']:>10,}")
    print(f"from nothing to Parquet, of 60 s  {seconds:>10.1f} s")
    print(f"peak memory, of 4 GiB             {peak:>10.2f} GiB")
    print(f"files                             {size / 2**20:>10.0f} MiB")
    report(
        [
            Figure("large space, from nothing to Parquet", seconds, "s", 60.0),
            Figure("large space, peak memory", peak, "GiB", 4.0),
        ]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", choices=sorted(VARIANTS), default="27")
    parser.add_argument("--keep", action="store_true", help="Leave it in the cache.")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "polars"))
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {packages}")
    measure(arguments.variant, keep=arguments.keep)


if __name__ == "__main__":
    main()
