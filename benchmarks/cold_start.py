"""Cold starts: what the first answer costs in a fresh process, in time and memory.

Each case runs in its own process, all cases in turn, and the turns are repeated; the figures are
medians over the turns. Times are whole processes less the median of bare Python, so that a ratio
compares what is loaded and not the interpreter. The first turn fills the page cache and is left
out; it compiles the modules into a folder of this run's own, as an installation does once. On a
busy machine the ratio of processor times says more than that of wall times.

    python -m benchmarks.cold_start [--turns 11] [--table mlp]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.budget import Figure, report

IMPORT_MS = 50.0
SPELLINGS = {
    "an operator": ("relu(x)", 1.25),
    "a name": ("SiLU", 1.25),
    "a spelling of the space": ("max(relu(x),elu(x))", 1.25),
    "another formula": ("add(swish(x),mul(erf(negative(x)),zero(x)))", 1.75),
    "a formula with a Bessel function": ("negative(negative(bessel_i1e(x)))", 1.75),
}
"""What is queried -> a spelling of it, and the budget of Benchmark and first query."""


class Case(NamedTuple):
    """One thing to do in a fresh process, and its budget against another.

    Attributes
    ----------
    name
        What it is.
    code
        Python to run.
    reference
        Name of the case that it is measured against, or None.
    budget
        Largest ratio to the reference, or None.
    """

    name: str
    code: str
    reference: str | None = None
    budget: float | None = None


class Cost(NamedTuple):
    """What one process took: wall and processor seconds, and peak resident memory in MiB."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def cases(table: str) -> list[Case]:
    """Return the cases, references before those that are measured against them."""
    load = "import act_bench, act_bench.tables.schema as s; act_bench.load_table"
    scalars = "columns=s.scalar_names(s.ENTRY_COLUMNS), rate='own'"
    bench = f"import act_bench; act_bench.Benchmark({table!r})"
    return [
        Case("bare Python", "pass"),
        Case("import act_bench", "import act_bench"),
        Case("import polars", "import polars"),
        Case("load_table, metrics", f"{load}({table!r}, {scalars})", "import polars", 1.25),
        Case("load_table, all columns", f"{load}({table!r})", "import polars"),
        Case("import pyarrow.parquet", "import pyarrow.parquet"),
        *(
            Case(
                f"first query, {what}", f"{bench}.query({text!r})", "import pyarrow.parquet", budget
            )
            for what, (text, budget) in SPELLINGS.items()
        ),
    ]


def cost(code: str, compiled: str) -> Cost:
    """Run ``code`` in a fresh process that has bytecode in a folder, and return what it took."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {code}")
    peak_mib = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak_mib)


def main() -> None:
    """Measure every case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--table", default="mlp")
    arguments = parser.parse_args()
    measured = cases(arguments.table)
    with TemporaryDirectory() as compiled:
        turns = [
            [cost(case.code, compiled) for case in measured] for _ in range(arguments.turns + 1)
        ][1:]
    medians = {
        case.name: Cost(*map(statistics.median, zip(*costs, strict=True)))
        for case, costs in zip(measured, zip(*turns, strict=True), strict=True)
    }
    bare = medians["bare Python"]
    libraries = ", ".join(f"{name} {version(name)}" for name in ("polars", "pyarrow", "numpy"))
    print(f"Python {platform.python_version()}, {libraries}; {os.cpu_count()} cores; ", end="")
    print(f"median of {arguments.turns} processes each, bare Python {1e3 * bare.seconds:.1f} ms\n")
    print(
        "| cold | ms over bare Python | processor ms | ratio | of processor | budget | peak MiB |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    for case in measured:
        seconds, cpu_seconds, peak_mib = medians[case.name]
        over, cpu = seconds - bare.seconds, cpu_seconds - bare.cpu_seconds
        ratio = of_processor = budget = ""
        if case.reference:
            reference = medians[case.reference]
            multiple = over / (reference.seconds - bare.seconds)
            cpu_multiple = cpu / (reference.cpu_seconds - bare.cpu_seconds)
            ratio, of_processor = f"{multiple:.2f} x {case.reference}", f"{cpu_multiple:.2f} x"
        if case.reference and case.budget:
            budget = f"{case.budget} x"
            what = f"cold {case.name} ({arguments.table}), of a cold {case.reference}"
            report([Figure(what, multiple, "x", case.budget)])
            report([Figure(f"{what}, processor time", cpu_multiple, "x", case.budget)])
        elif case.name == "import act_bench":
            report([Figure("import act_bench, over bare Python", 1e3 * over, "ms", IMPORT_MS)])
            budget = f"{IMPORT_MS:.0f} ms"
        print(
            f"| {case.name} | {1e3 * over:.1f} | {1e3 * cpu:.1f} | {ratio} | {of_processor} "
            f"| {budget} | {peak_mib:.0f} |"
        )


if __name__ == "__main__":
    main()
