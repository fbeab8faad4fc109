"""Seconds for the distances of all pairs of entries, by outputs and by the spectra of each table.

``python benchmarks/distances.py``; each is the best of three, wall time, all cores.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from functools import partial

from act_bench.spaces.paper import load_space
from act_bench.tables.distances import fim_distances, output_distances
from act_bench.tables.files import table_files
from act_bench.tables.registry import TABLES
from act_bench.tables.spectra import fisher_name, load_spectra


def best_s(work: Callable[[], object]) -> float:
    """Return the shortest of three times."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Measure and print."""
    outputs = load_space().outputs
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {len(outputs)} entries")
    print(f"outputs, {outputs.shape[1]} values: {best_s(partial(output_distances, outputs)):.2f} s")
    for table in TABLES:
        if fisher_name(table) in table_files(table):
            quantiles = load_spectra(table).quantiles
            seconds = best_s(partial(fim_distances, quantiles))
            print(f"spectra of {table}, {quantiles[0].size} values: {seconds:.2f} s")


if __name__ == "__main__":
    main()
