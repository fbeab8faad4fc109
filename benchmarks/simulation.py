"""Simulated searches: seconds for the budgets of docs/reference/search.md, and against random ones.

    python -m benchmarks.simulation [--table mlp] [--repeats 3] [--optimizers random,knn]
    python -m benchmarks.simulation --table cnn --jobs 2 --optimizers gp-ei,forest-ei

Each optimizer runs its budgeted number of trials of 100 evaluations, through ``Benchmark.query``.
Figures are medians over the repeats and hold everything: making the search space, the searches and
the frame of results. With several jobs they hold starting the processes too. On a busy machine the
processor seconds of the searches, in the second column, say more.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from importlib.metadata import version

from act_bench.search.loading import load_data
from benchmarks.budget import Figure, report
from surrogates.optimizers import find_optimizer
from surrogates.simulation import simulate

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
}
EVALUATIONS = 100


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--table", default="mlp")
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--optimizers", default=",".join(BUDGETS))
    arguments.add_argument("--jobs", type=int, default=1, help="Processes.")
    arguments.add_argument("--budgeted", action="store_true", help="Those with a budget only.")
    chosen = arguments.parse_args()
    wanted = chosen.optimizers.split(",")
    if chosen.budgeted:
        wanted = [name for name in wanted if BUDGETS[name][1] is not None]

    data = load_data(chosen.table)
    # Random search is always measured: the others are told as multiples of it.
    names = dict.fromkeys(["random", *wanted])
    found: dict[str, list[float]] = {name: [] for name in names}
    processor: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(chosen.repeats):
        for name in names:
            trials, _budget = BUDGETS[name]
            start = time.perf_counter()
            factories = {name: find_optimizer(name)}
            done = simulate(
                data, factories, trials=trials, evaluations=EVALUATIONS, jobs=chosen.jobs
            )
            found[name].append(time.perf_counter() - start)
            processor[name].append(done.seconds[name])

    print(f"Python {platform.python_version()}, act-bench {version('act-bench')}")
    print(f"{chosen.table}: {len(data.covered)} entries, {EVALUATIONS} evaluations per search")
    base = statistics.median(found["random"]) / BUDGETS["random"][0]
    for name in names:
        trials, budget = BUDGETS[name]
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
