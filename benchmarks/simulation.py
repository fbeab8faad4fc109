r"""Simulated searches: seconds for budgets of docs/reference/search.md, and against random ones.

    python -m benchmarks.simulation [--table mlp] [--repeats 3] [--optimizers random,knn]
    python -m benchmarks.simulation --table cnn --jobs 2 --optimizers gp-ei,forest-ei
    python -m benchmarks.simulation --table cnn --jobs 2 --optimizers all --repeats 1 \
        --csv docs/numbers/searches-cnn.csv

Each optimizer runs its budgeted number of trials of 100 evaluations, through ``Benchmark.query``.
Figures are medians over the repeats and hold everything: making the search space, the searches and
the frame of results. With several jobs they hold starting the processes too. On a busy machine the
processor seconds of the searches, in the second column, say more.

With ``--csv`` a file has one row an optimizer: its 100 trials and their evaluations, processes, the
seconds that were forecast after two trials for the others, and processor seconds that each process
took for its share of all. ``all`` stands for every optimizer that can search the table. Rows that
the file has of other optimizers stay.
"""

from __future__ import annotations

import argparse
import csv
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path

from act_bench.files.atomic import replacing
from act_bench.search.loading import load_data
from benchmarks.budget import Figure, report
from surrogates.optimizers import NAMES, find_optimizer
from surrogates.reporting import applies
from surrogates.simulation import Simulation, simulate

# Trials, and the seconds that the design allows for them where it says so.
BUDGETS = {
    "random": (1000, 1.0),
    "local": (100, None),
    "knn": (100, 20.0),
    "evolution": (100, None),
    "aquasurf": (100, 20.0),
    "fisher-filter": (100, None),
    "gp-ei": (100, 60.0),
    "gp-thompson": (100, 60.0),
    "forest-ei": (100, 120.0),
    "tpe": (100, None),
    "halving": (100, None),
    "hyperband": (100, None),
    "controller": (100, None),
    "random-rates": (100, None),
    "knn-rates": (100, None),
    "gp-ei-rates": (100, None),
    "aquasurf-rates": (100, None),
}
EVALUATIONS = 100
TRIALS = 100
"""Of each optimizer, in the file."""


def row(name: str, done: Simulation, jobs: int, forecast_s: float) -> dict[str, object]:
    """Return what the file has of one optimizer; seconds of several processes with a plus."""
    shares = done.processes.filter(optimizer=name)["seconds"].to_list()
    return {
        "optimizer": name,
        "trials": done.finals.height,
        "evaluations": EVALUATIONS,
        "processes": jobs,
        "forecast_s": f"{forecast_s:.1f}",
        "measured_s": " + ".join(f"{seconds:.1f}" for seconds in shares),
    }


def write_rows(path: Path, rows: dict[str, dict[str, object]]) -> None:
    """Write rows in the order of ``BUDGETS``; those of other optimizers in the file stay."""
    known: dict[str, dict[str, object]] = {}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            known = {each["optimizer"]: dict(each) for each in csv.DictReader(file)}
    known |= rows
    with replacing(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, next(iter(known.values())), lineterminator="\n")
        writer.writeheader()
        writer.writerows(known[name] for name in BUDGETS if name in known)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--table", default="mlp")
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--optimizers", default=",".join(BUDGETS))
    arguments.add_argument("--jobs", type=int, default=1, help="Processes.")
    arguments.add_argument("--budgeted", action="store_true", help="Those with a budget only.")
    arguments.add_argument("--csv", type=Path, help="Where to write a row an optimizer.")
    chosen = arguments.parse_args()
    wanted = chosen.optimizers.split(",")
    if chosen.budgeted:
        wanted = [name for name in wanted if BUDGETS[name][1] is not None]

    data = load_data(chosen.table)
    if chosen.optimizers == "all":
        wanted = [name for name in NAMES if not applies(data, name)]
    # Random search is always measured: the others are told as multiples of it.
    names = dict.fromkeys(["random", *wanted])
    found: dict[str, list[float]] = {name: [] for name in names}
    processor: dict[str, list[float]] = {name: [] for name in names}
    rows: dict[str, dict[str, object]] = {}
    for _ in range(chosen.repeats):
        for name in names:
            trials = TRIALS if chosen.csv else BUDGETS[name][0]
            start = time.perf_counter()
            factories, said = {name: find_optimizer(name)}, [0.0]
            done = simulate(
                data,
                factories,
                trials=trials,
                evaluations=EVALUATIONS,
                jobs=chosen.jobs,
                forecast=said.append,
            )
            found[name].append(time.perf_counter() - start)
            processor[name].append(done.seconds[name])
            rows[name] = row(name, done, chosen.jobs, said[-1])
            if chosen.csv:
                write_rows(chosen.csv, rows)

    print(f"Python {platform.python_version()}, act-bench {version('act-bench')}")
    print(f"{chosen.table}: {len(data.covered)} entries, {EVALUATIONS} evaluations per search")
    base = statistics.median(found["random"]) / (TRIALS if chosen.csv else BUDGETS["random"][0])
    for name in names:
        trials, budget = BUDGETS[name]
        if chosen.csv and trials != TRIALS:  # then the budget is for others
            trials, budget = TRIALS, None
        middle = statistics.median(found[name])
        per_search = middle / trials
        what = f"{trials:,} searches of {EVALUATIONS} evaluations by {name}"
        what += f", {chosen.jobs} processes" * (chosen.jobs > 1)
        busy = statistics.median(processor[name])
        report([Figure(what, middle, "s", budget), Figure(f"{what}, processor time", busy, "s")])
        verdict = "" if budget is None else f"  budget {budget:.0f} s: {middle / budget:.2f} of it"
        print(
            f"{name:<13} {trials:5d} searches {middle:7.2f} s, {busy:7.2f} s of processor  "
            f"{per_search * 1e3:7.2f} ms each "
            f"{per_search / base:6.1f} x random{verdict}"
        )


if __name__ == "__main__":
    main()
