"""Import of the authors' JSON against ``json.load`` of the same file: seconds and peak memory.

The files are generated (``tests/builders/upstream_files.py``), 208 MB each, in two forms:

- ``short``: every entry has a Fisher vector of 13,683 numbers of three decimals, which is where
  ``json.load`` needs the most memory;
- ``long``: numbers of full precision, for as many entries as make the same size.

Each case runs in a fresh process; the cases take turns, and the figures are medians over the turns.
Bare Python and its imports are in the figures. Processor seconds are user and system time.

    python -m benchmarks.upstream [--turns 3] [--megabytes 208] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.budget import Figure, report
from tests.builders.upstream_files import write_large

FORMS: dict[str, dict[str, Any]] = {
    "short": {"valid": 1.0, "digits": 3},
    "long": {"valid": 0.37},
}
CASES = {
    "json.load": "import json; json.load(open({path!r}, encoding='utf-8'))",
    "read in a stream": (
        "from pathlib import Path; from builders.upstream.stream import read_entries\n"
        "for entry in read_entries(Path({path!r})): pass"
    ),
    "import, to Parquet": (
        "from pathlib import Path; from builders.upstream.convert import import_file\n"
        "import_file(Path({path!r}), 'cnn', Path({folder!r}))"
    ),
}


class Cost(NamedTuple):
    """What a process took: wall and processor seconds, and peak resident memory in GiB."""

    wall: float
    processor: float
    peak: float


def cost(code: str) -> Cost:
    """Run ``code`` in a fresh process."""
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}: {code}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)


def generate(path: Path, size: int, form: str) -> None:
    """Write the file unless it is there."""
    if not path.exists():
        write_large(path, size, **FORMS[form])


def main() -> None:
    """Generate, run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=208)
    parser.add_argument("--folder", type=Path, help="Keep the generated files here.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        print(f"{platform.machine()}, Python {platform.python_version()}, ", end="")
        print(f"pyarrow {version('pyarrow')}, medians of {arguments.turns} turns\n")
        print("| file | case | s | processor s | of json.load | peak GiB |")
        print("|---|---|---:|---:|---:|---:|")
        for form in FORMS:
            path = folder / f"{form}-{arguments.megabytes}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            generate(path, arguments.megabytes * 10**6, form)
            measured: dict[str, list[Cost]] = {case: [] for case in CASES}
            for _ in range(arguments.turns):
                for case, code in CASES.items():
                    target = str(Path(temporary) / "imported")
                    measured[case].append(cost(code.format(path=str(path), folder=target)))
            wall, processor = (
                {case: statistics.median(one[kind] for one in measured[case]) for case in CASES}
                for kind in range(2)
            )
            for case, costs in measured.items():
                ratio = wall[case] / wall["json.load"]
                peak = max(one.peak for one in costs)
                if case == "import, to Parquet":
                    what = f"import of {arguments.megabytes} MB ({form})"
                    report([Figure(f"{what}, of json.load", ratio, "x", 1.0)])
                    report([Figure(f"{what}, peak memory", peak, "GiB", 1.0)])
                print(f"| {form} | {case} | {wall[case]:.2f} | {processor[case]:.2f} ", end="")
                print(f"| {ratio:.2f} | {peak:.2f} |")


if __name__ == "__main__":
    main()
