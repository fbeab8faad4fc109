"""How soon AQuaSurF reaches the goals of each table, by evaluations and by the clock.

``python -m builders.reports.goals`` runs it on the stored maps and writes
``docs/studies/results/goals.md`` and ``goals.csv``, where the headline of README stands. Goals are
those of :mod:`builders.reports.results.goals`, with the margin and, for comparison, without one.
**The clock** is in mean trainings of the table, what an evaluation costs random search. Fisher
spectra are on it in one of three ways, the settings ``spectra`` of AQuaSurF: they exist already
(``stored``), a random pool is offered and each is charged as it enters (``pool``), or all are
computed first (``first``).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench import load_table
from act_bench.files.atomic import replacing
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.loading import load_data
from act_bench.tables.files import table_files, tables_with_data
from act_bench.tables.maps import map_name
from act_bench.tables.rates import tuned_name
from act_bench.tables.registry import TABLES
from builders.reports.results.goals import (
    Goal,
    best_with_fresh,
    count,
    goal_noise,
    goals_of,
    has_goals,
    median_with_interval,
    trainings,
)
from surrogates.optimizers import find_optimizer
from surrogates.simulation import simulate

TRIALS, EVALUATIONS = 100, 300
RATES: Final[tuple[Literal["own", "tuned"], ...]] = ("own", "tuned")
WAYS: Final = ("stored", "pool", "first")


class Ran(NamedTuple):
    """Searches that pay for spectra in one way.

    Attributes
    ----------
    trained
        (trials, evaluations) entry that each evaluation trained.
    clock
        (trials, evaluations) clock after it, in mean trainings.
    one_run
        (trials, evaluations) the same without spectra and with one run charged for each entry, in
        mean runs.
    """

    trained: NDArray[np.int32]
    clock: NDArray[np.float64]
    one_run: NDArray[np.float64]


def run(data: BenchmarkData, way: str, trials: int, evaluations: int) -> Ran:
    """Return AQuaSurF's searches of a table."""
    name = f"aquasurf:spectra={way}"
    optimizers = {name: find_optimizer(name)}
    steps = simulate(data, optimizers, trials=trials, evaluations=evaluations).steps
    trained = steps["trained"].to_numpy().reshape(trials, -1)
    one_run = np.cumsum(_run_s(data)[trained] / _run_s(data).mean(), axis=1)
    clock = steps["clock_s"].to_numpy().reshape(trials, -1) / trainings(data)
    return Ran(trained, clock, one_run)


def _run_s(data: BenchmarkData) -> NDArray[np.float64]:
    """Return the seconds of one run of each entry; in the tuned view of its runs at all rates."""
    if data.rate == "tuned":
        return np.array(data.cost_s)
    table = load_table(data.table, fidelity=data.fidelity, columns=["runtime_s"])
    return table["runtime_s"].to_numpy()


def rows(data: BenchmarkData, trials: int, evaluations: int) -> list[dict[str, object]]:
    """Return one row for each goal of a table and each way to pay for spectra."""
    ran = {way: run(data, way, trials, evaluations) for way in WAYS}
    near, beyond = goals_of(data)
    found = goal_noise(data)
    return [
        {
            "table": data.table,
            "fidelity": data.fidelity,
            "rate": data.rate,
            "sha256": data.sha256,
            "goal": goal.name,
            "margin": round(goal.margin, 6),
            "noise_entries": found.entries,
            "classes": goal.classes,
            "baselines": goal.baselines,
            "random": goal.random,
            "spectra": way,
        }
        | _reached(goal, ran[way])
        for goal in (beyond, goals_of(data, 0.0)[1], near)
        for way in WAYS
    ]


def _reached(goal: Goal, ran: Ran) -> dict[str, object]:
    """Return when searches reach a goal: medians with intervals, and the share that does."""
    firsts = goal.first(ran.trained)
    found: dict[str, object] = {}
    for name, values in (("evaluations", firsts), ("clock", goal.clock(ran.trained, ran.clock))):
        three = median_with_interval(values)
        for end, value in zip(("", "_low", "_high"), three, strict=True):
            found[f"{name}{end}"] = round(value, 3)
    one_run, *_ = median_with_interval(goal.clock(ran.trained, ran.one_run))
    reached = float(np.isfinite(firsts).mean())
    return found | {"one_run": round(one_run, 3), "reached": reached}


HEAD = """\
# Goals, by evaluations and by the clock

Made by `python -m builders.reports.goals`: {trials} searches of {evaluations} evaluations by
AQuaSurF on the stored map of each table; medians with 95 % bootstrap intervals over the searches,
never where fewer than half arrive. A goal is a set of functions, counted by canonical class, and a
class is worth the mean of its entries that train. *Better than every baseline* means by the margin
or more, and respellings of a baseline do not count; *near the best* means within the margin of the
best class. The margin is the standard deviation of a value between seeds
([how](../../../builders/reports/results/goals.py)). *Tuned* is the view in which every function is
trained at all rates of its table; what it is worth there is the mean of its fresh seeds, which did
not choose the rate. A function without fresh seeds is in no goal.{known}
A margin of one deviation is no test: [rates](../rates.md) says what is significant. Random
search is exact.

{sooner}

The clock is in mean trainings of the table (tuned: in mean trainings at all rates), and an
evaluation of random search costs one. *Stored*:
the spectra exist already, as in a table. *Pool*: a random pool of 50 functions is offered, and each
spectrum is charged as it enters. *First*: all spectra are computed before the first training. An
evaluation of AQuaSurF costs more than the mean: it trains what does not diverge early, and of all
tables but `mlp` the baselines and the best have three runs, which are all charged; *one run each*
is the clock with stored spectra if one were. The weighting of layers was
[chosen by these tables](../../explanation/aquasurf.md), which flatters AQuaSurF here.

"""


def page(found: pl.DataFrame, trials: int, evaluations: int) -> str:
    """Return the page, from its rows."""
    heads = (
        "table | goal | margin | functions | random search | evaluations | arrive | "
        "clock, stored | one run each | evaluations, pool | clock, pool | clock, first"
    )
    tuned = found.filter(pl.col("rate") == "tuned")["table"].unique(maintain_order=True)
    best = {table: best_with_fresh(load_data(table, rate="tuned")) for table in tuned}
    counts = ", ".join(f"{count:,} on `{table}`" for table, count in best.items())
    known = (
        f"\nAt least these have them, the best by the seed that chose the rate: {counts}."
    ) * bool(best)
    about = HEAD.format(trials=trials, evaluations=evaluations, known=known, sooner=sooner(found))
    lines = [f"{about}| {heads} |"]
    lines.append("|---" * len(heads.split(" | ")) + "|")
    for _, group in found.group_by("table", "rate", "goal", "margin", maintain_order=True):
        ways = {each["spectra"]: each for each in group.iter_rows(named=True)}
        stored, pool, first = (ways[way] for way in WAYS)
        about = "near the best" if stored["goal"] == "near-best" else "better than every baseline"
        tuned = ", tuned" * (stored["rate"] == "tuned")
        start = [f"`{stored['table']}`{tuned}", about, f"{stored['margin']:.4f}"]
        if not stored["classes"]:
            lines.append(f"| {' | '.join([*start, 'none', *[''] * 8])} |")
            continue
        baselines = f", {stored['baselines']} of them baselines" * bool(stored["baselines"])
        cells = [
            f"{stored['classes']}{baselines}",
            count(stored["random"]),
            _cell(stored, "evaluations"),
            f"{stored['reached']:.0%}",
            _cell(stored, "clock"),
            count(stored["one_run"]),
            _cell(pool, "evaluations"),
            _cell(pool, "clock"),
            _cell(first, "clock"),
        ]
        lines.append(f"| {' | '.join(start + cells)} |")
    return "\n".join([*lines, ""])


def sooner(found: pl.DataFrame) -> str:
    """Say in how many of the goals that exist AQuaSurF is sooner than random search."""
    exist = found.filter(pl.col("classes") > 0)
    ways = {way: exist.filter(pl.col("spectra") == way) for way in WAYS}
    stored = ways["stored"]
    counts = {way: int((rows["clock"] < rows["random"]).sum()) for way, rows in ways.items()}
    by_evaluations = int((stored["evaluations"] < stored["random"]).sum())
    return (
        f"Of the {stored.height} goals below that something reaches, the median search by AQuaSurF "
        f"reaches {by_evaluations}\nin fewer **evaluations** than random search. By the **clock** "
        f"it is sooner in {counts['stored']} where the spectra\nexist already, in "
        f"{counts['pool']} where they are charged as functions are offered, and in "
        f"{counts['first']} where all are\ncomputed first."
    )


def _cell(row: dict[str, float], name: str) -> str:
    middle, low, high = (count(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{middle} [{low}, {high}]"


def main() -> None:
    """Write the page and its rows."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--table", action="append", choices=list(TABLES))
    arguments.add_argument(
        "--rate", choices=RATES, help="Only this view.  [default: both, where tuned]"
    )
    arguments.add_argument("--trials", type=int, default=TRIALS)
    arguments.add_argument("--evaluations", type=int, default=EVALUATIONS)
    arguments.add_argument("--docs", type=Path, default=Path("docs"))
    chosen = arguments.parse_args()
    tables = chosen.table or [
        name for name in tables_with_data() if map_name(name) in table_files(name)
    ]
    views = [
        load_data(table, rate=rate)
        for rate in RATES
        for table in tables
        if chosen.rate in (None, rate)
        if rate == "own" or tuned_name(table) in table_files(table)
    ]
    views = [data for data in views if has_goals(data)]
    if not views:
        arguments.error(
            f"none of {', '.join(tables)} has a tuned view with fresh seeds in this version"
        )
    made = [row for data in views for row in rows(data, chosen.trials, chosen.evaluations)]
    found = pl.DataFrame(made)
    folder = chosen.docs / "studies" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "goals.csv") as draft:
        found.write_csv(draft)
    with replacing(folder / "goals.md") as draft:
        draft.write_text(page(found, chosen.trials, chosen.evaluations), encoding="utf-8")
    print(folder / "goals.md")


if __name__ == "__main__":
    main()
