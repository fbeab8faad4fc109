"""Run adapters with their libraries, and compare with the benchmark asked directly.

    python -m builders.reports.adapters configspace_smac nevergrad_choice

Each is a file of ``examples/adapters`` with ``search(bench, evaluations, seed)`` and ``REQUIRES``,
the packages that it needs. It is run twice with one seed, and what it asked is asked again of a
fresh benchmark, without it: queries, answers, charges and clock must be equal, bit by bit. The row
of each goes to ``docs/numbers/adapters.csv``; ``make adapters`` makes all of them, each in an
environment of its own.
"""

from __future__ import annotations

import argparse
import runpy
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from act_bench.files.atomic import replacing
from act_bench.search.benchmark import Benchmark
from act_bench.search.events import Charge, Event, Query

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = ROOT / "examples" / "adapters"
ROWS: Final = ROOT / "docs" / "numbers" / "adapters.csv"
LONGEST: Final = 40
"""Lines that an adapter may have, blank ones left out."""

Search = Callable[[Benchmark, int, int], None]


class Row(NamedTuple):
    """What one adapter did.

    Attributes
    ----------
    adapter
        Name of its file.
    library
        The packages that it needs, with their versions.
    lines
        Of the file, blank ones left out.
    evaluations
        Functions that it was to try.
    seconds
        Processor time of the search, of the library's own too.
    queries
        That the benchmark was asked.
    clock_s
        Seconds of training that they were charged.
    repeatable
        Whether a second search with the seed asked the same.
    equal
        Whether the benchmark, asked directly, answers and charges the same.
    """

    adapter: str
    library: str
    lines: int
    evaluations: int
    seconds: float
    queries: int
    clock_s: float
    repeatable: bool
    equal: bool


def names() -> list[str]:
    """Return the names of the adapters."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def measure(name: str, evaluations: int = 100, seed: int = 0, table: str = "mlp") -> Row:
    """Run an adapter, and compare.

    Raises
    ------
    ImportError
        Its library is not installed.
    """
    path = FOLDER / f"{name}.py"
    loaded = runpy.run_path(str(path))
    start = time.process_time()
    events = searched(loaded["search"], Benchmark(table), evaluations, seed)
    seconds = time.process_time() - start
    again = searched(loaded["search"], Benchmark(table), evaluations, seed)
    return Row(
        adapter=name,
        library=", ".join(f"{package} {version(package)}" for package in loaded["REQUIRES"]),
        lines=sum(map(bool, path.read_text(encoding="utf-8").splitlines())),
        evaluations=evaluations,
        seconds=round(seconds, 2),
        queries=sum(isinstance(event, Query) for event in events),
        clock_s=round(events[-1].clock_s, 3),
        repeatable=events == again,
        equal=events == directly(events, Benchmark(table)),
    )


def searched(search: Search, bench: Benchmark, evaluations: int, seed: int) -> tuple[Event, ...]:
    """Return what happened in a benchmark that an adapter searched."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries
        search(bench, evaluations, seed)
    return tuple(bench.events)


def directly(events: tuple[Event, ...], bench: Benchmark) -> tuple[Event, ...]:
    """Return what happens in a fresh benchmark that is asked the same without an adapter."""
    for event in events:
        if isinstance(event, Query):
            bench.query(event.expression, event.result.epochs, event.rate)
        elif isinstance(event, Charge):
            bench.charge(event.cost_s, event.reason)
    return tuple(bench.events)


def keep(row: Row, path: Path = ROWS) -> None:
    """Put a row into the file, in the place of an earlier one of the adapter."""
    rows = pl.DataFrame([row._asdict()])
    if path.exists():
        rows = pl.concat([pl.read_csv(path).filter(pl.col("adapter") != row.adapter), rows])
    with replacing(path) as draft:
        rows.sort("adapter").write_csv(draft)


def main() -> None:
    """Measure the adapters that are named."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("adapters", nargs="+", choices=names())
    arguments.add_argument("--evaluations", type=int, default=100)
    chosen = arguments.parse_args()
    for name in chosen.adapters:
        row = measure(name, chosen.evaluations)
        keep(row)
        print(", ".join(f"{key} {value}" for key, value in row._asdict().items()))
        if not (row.equal and row.lines <= LONGEST):
            raise SystemExit(f"{name}: not equal, or longer than {LONGEST} lines")


if __name__ == "__main__":
    main()
