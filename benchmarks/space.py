"""The space: seconds to make it, time to load it, microseconds to resolve an expression.

Budgets: outputs and classes of the 5,103 expressions in at most 1 s, loading and the first lookup
in a fresh process in at most 1.5 times a cold ``import pyarrow.parquet``.

    python -m benchmarks.space [--turns 7]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

from act_bench.functions.equality import space_values
from act_bench.functions.expression import parse
from act_bench.spaces.paper import Space, load_space, read_space
from benchmarks.budget import Figure, report
from builders.space.classes import canonical_classes
from builders.space.outputs import figure_points, space_outputs

COLD = {
    "bare Python": "pass",
    "import pyarrow.parquet": "import pyarrow.parquet",
    "load_space and first lookup": (
        "from act_bench.spaces.paper import load_space; load_space().resolve('max(relu(x),elu(x))')"
    ),
}


def seconds(task: Callable[[], object], turns: int, repeats: int = 1) -> float:
    """Return the median time of one call."""
    taken = []
    for _ in range(turns):
        begin = time.perf_counter()
        for _ in range(repeats):
            task()
        taken.append((time.perf_counter() - begin) / repeats)
    return statistics.median(taken)


def cold_seconds(turns: int) -> dict[str, float]:
    """Return median times of fresh processes, taken in turn, less those of bare Python."""
    taken: dict[str, list[float]] = {name: [] for name in COLD}
    for _ in range(turns + 1):
        for name, code in COLD.items():
            command = [sys.executable, "-c", code]
            taken[name].append(seconds(partial(subprocess.run, command, check=True), 1))
    medians = {name: statistics.median(values[1:]) for name, values in taken.items()}
    return {name: value - medians["bare Python"] for name, value in medians.items()}


def fresh(space: Space) -> Space:
    """Return a space that remembers no resolution, with its known values computed."""
    again = read_space(space.path)
    again.resolve("relu(x)")
    return again


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=7)
    turns = parser.parse_args().turns
    space = load_space()
    points, grid = figure_points(), space.grid

    outputs = seconds(lambda: space_outputs(points), turns)
    classes = seconds(lambda: canonical_classes(space_values(grid)), turns)
    names = space.expressions[::50]
    lookup = seconds(lambda: [space.resolve(name) for name in names], turns, 100) / len(names)
    first = seconds(lambda: read_space(space.path).resolve("relu(x)"), turns)
    others = [parse(f"identity({name})") for name in space.expressions[::500]]
    spaces = iter([fresh(space) for _ in range(turns)])
    numerical = seconds(lambda: (s := next(spaces)) and [s.resolve(e) for e in others], turns)
    cold = cold_seconds(turns)
    ratio = cold["load_space and first lookup"] / cold["import pyarrow.parquet"]

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pyarrow"))
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {packages}")
    print(f"medians of {turns}")
    print(f"5,103 outputs at {len(points)} points       {outputs * 1e3:8.1f} ms")
    print(f"5,103 classes on {len(grid)} points      {classes * 1e3:8.1f} ms")
    print(f"both, of 1 s                      {outputs + classes:8.2f} s")
    print(f"resolve, in the space             {lookup * 1e6:8.3f} us")
    print(f"resolve, numerical, the first     {first * 1e3:8.1f} ms (loading included)")
    print(f"resolve, numerical, another       {numerical / len(others) * 1e3:8.1f} ms")
    for name, value in cold.items():
        print(f"cold, {name:28}{value * 1e3:8.1f} ms over bare Python" * (name != "bare Python"))
    print(f"cold ratio, of 1.5                {ratio:8.2f}")
    report(
        [
            Figure("outputs and classes of the 5,103 expressions", outputs + classes, "s", 1.0),
            Figure(
                "cold space and first lookup, of a cold import pyarrow.parquet", ratio, "x", 1.5
            ),
        ]
    )


if __name__ == "__main__":
    main()
