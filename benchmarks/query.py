"""One query: microseconds, against looking a key up in a dict.

    python -m benchmarks.query [--table mlp] [--repeats 15]

Every figure is the median over the repeats of the mean over all entries of the table. *First*: each
spelling is asked for the first time in the process. *Known*: another search asked for it before.
*Repeat*: this search did. The budget is that of docs/design.md: 5 microseconds.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version

from act_bench.search.benchmark import Benchmark
from act_bench.search.loading import load_data
from act_bench.spaces.paper import read_space
from benchmarks.budget import Figure, report

BUDGET_US = 5.0


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--table", default="mlp")
    arguments.add_argument("--repeats", type=int, default=15)
    chosen = arguments.parse_args()

    data = load_data(chosen.table)
    texts = [data.space.representatives[entry] for entry in data.covered]
    plain = dict.fromkeys(texts, 0.0)
    found: dict[str, list[float]] = {"dict": [], "first": [], "known": [], "repeat": []}

    def measure(name: str, ask: Callable[[str], object]) -> None:
        start = time.perf_counter()
        for text in texts:
            ask(text)
        found[name].append((time.perf_counter() - start) / len(texts) * 1e6)

    for _ in range(chosen.repeats):
        # A space that was just read has resolved nothing yet.
        fresh = replace(data, space=read_space(data.space.path))
        measure("dict", plain.__getitem__)
        measure("first", Benchmark(fresh).query)
        bench = Benchmark(fresh)
        measure("known", bench.query)
        measure("repeat", bench.query)

    print(f"Python {platform.python_version()}, act-bench {version('act-bench')}")
    print(f"{chosen.table}: {len(texts)} entries, median of {chosen.repeats} repeats")
    base = statistics.median(found["dict"])
    for name, times in found.items():
        middle = statistics.median(times)
        if name != "dict":
            what = {"first": "new to the process", "known": "known"}.get(name, "repeated")
            report([Figure(f"one query, {what}", middle, "us", BUDGET_US)])
        verdict = "" if name == "dict" else f"  {middle / BUDGET_US:.2f} of the budget"
        print(f"{name:<7} {middle:7.3f} us  {middle / base:6.1f} x a dict{verdict}")


if __name__ == "__main__":
    main()
