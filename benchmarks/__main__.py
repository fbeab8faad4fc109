"""Run every benchmark in a short form, and print one table: budget, figure, ratio.

    python -m benchmarks [--only query --only space] [--folder output/benchmarks]

On two idle cores it takes less than 15 minutes. Each benchmark runs in a process of its own, one
after the other; what it prints stands in ``FOLDER/NAME.txt``. Run alone (``python -m
benchmarks.NAME``) a benchmark takes more turns and has options. Exit status 1 says that one failed,
not that a budget was exceeded: other work on the machine exceeds it too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.budget import FIGURES, Figure, read, table

# NAME -> the arguments of its short form. The large space is made before what reads it.
SHORT: dict[str, tuple[str, ...]] = {
    "cold_start": ("--table", "cnn", "--turns", "5"),
    "query": ("--repeats", "7"),
    "space": ("--turns", "3"),
    "large_space": ("--keep",),
    "live_search": (),
    "distances": ("--turns", "1"),
    "fisher": ("--noise", "--turns", "1"),
    "feature_cost": ("--functions", "50"),
    "steps.activations": ("--expressions", "8", "--compiled", "0", "--turns", "7"),
    "steps.training": ("--turns", "5"),
    "steps.mobilevit": ("--turns", "2", "--repeats", "2"),
    "steps.gpt": ("--turns", "3", "--repeats", "5"),
    "steps.mlp": ("--rounds", "3", "--sample", "20"),
    "simulation": ("--repeats", "1", "--budgeted"),
    "upstream": ("--turns", "1"),
    "explore": ("--turns", "3"),
}


def main() -> None:
    """Run them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(SHORT), help="May be repeated.")
    parser.add_argument("--folder", type=Path, default=Path("output/benchmarks"))
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    failed = []
    start = time.perf_counter()
    for name in options.only or SHORT:
        begin, before = time.perf_counter(), processor_s()
        if run(name, folder):
            failed.append(name)
        found = read(folder / f"{name}.jsonl")
        figures += found
        seconds, busy = time.perf_counter() - begin, processor_s() - before
        said = "failed" if name in failed else f"{len(found)} figures"
        print(
            f"{name}: {said}, {seconds:.0f} s, {busy:.0f} s of processor",
            file=sys.stderr,
            flush=True,
        )
    print(table(figures))
    minutes = (time.perf_counter() - start) / 60
    spent = f"{minutes:.1f} minutes, {processor_s() / 60:.1f} of processor"
    print(f"\n{spent}; what each printed is in {options.folder}")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}; see {options.folder}/NAME.txt")


def processor_s() -> float:
    """Return the processor seconds of the benchmarks so far; on a busy machine they tell more."""
    times = os.times()
    return times.children_user + times.children_system


def run(name: str, folder: Path) -> int:
    """Run one benchmark, keep what it prints, and return its exit status."""
    figures = folder / f"{name}.jsonl"
    figures.unlink(missing_ok=True)
    environment = os.environ | {FIGURES: str(figures)}
    # What one benchmark makes another reads, and neither is the user's.
    environment["ACT_BENCH_CACHE"] = str(folder / "cache")
    command = [sys.executable, "-m", f"benchmarks.{name}", *SHORT[name]]
    with (folder / f"{name}.txt").open("w", encoding="utf-8") as printed:
        return subprocess.run(
            command, env=environment, stdout=printed, stderr=subprocess.STDOUT, check=False
        ).returncode


if __name__ == "__main__":
    main()
