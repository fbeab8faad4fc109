"""Seconds for the distances of all pairs of entries, by outputs and by the spectra of each table.

    python -m benchmarks.distances [--turns 3]

Each is the best of the turns, wall time, all cores.
"""

from __future__ import annotations

import argparse
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
from benchmarks.budget import Figure, report


def best_s(work: Callable[[], object], turns: int) -> float:
    """Return the shortest of some times."""
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    turns = parser.parse_args().turns
    outputs = load_space().outputs
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {len(outputs)} entries")
    seconds = best_s(partial(output_distances, outputs), turns)
    print(f"outputs, {outputs.shape[1]} values: {seconds:.2f} s")
    report([Figure("distances of all pairs, by outputs", seconds, "s")])
    for table in TABLES:
        if fisher_name(table) in table_files(table):
            quantiles = load_spectra(table).quantiles
            seconds = best_s(partial(fim_distances, quantiles), turns)
            report([Figure(f"distances of all pairs, by spectra of {table}", seconds, "s")])
            print(f"spectra of {table}, {quantiles[0].size} values: {seconds:.2f} s")


if __name__ == "__main__":
    main()
