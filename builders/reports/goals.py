"""How soon searches beat every baseline, by evaluations and by the clock.

``python -m builders.reports.goals`` runs 100 searches of 100 evaluations by AQuaSurF on each image
table and prints one row per table. **The goal** is a function that beats every baseline: an entry
whose score is above that of the best baseline, and that is no other spelling of a baseline (its
canonical class has none). No margin for seed noise is asked for yet. **The clock** counts Fisher
spectra: those of the whole space are computed before the first training, in mean trainings of the
table.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.operators import BASELINES
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.loading import load_data
from builders.reports.results.goals import interval
from surrogates.exact import evaluations_to_hit
from surrogates.optimizers import find_optimizer
from surrogates.simulation import simulate

TABLES = ("cnn", "resnet", "vit")
TRIALS = EVALUATIONS = 100


class Goal(NamedTuple):
    """What a search of a table is to find.

    Attributes
    ----------
    reaches
        (entries,) which entries reach it.
    classes
        How many different functions these are.
    """

    reaches: NDArray[np.bool_]
    classes: int


def beats_every_baseline(data: BenchmarkData) -> Goal:
    """Return the entries that beat every baseline and are no respelling of one.

    Examples
    --------
    >>> goal = beats_every_baseline(load_data("cnn"))
    >>> goal.classes, int(goal.reaches.sum())
    (7, 7)
    """
    classes = np.asarray(data.space.canonical_class)
    baselines = [data.space.resolve(text).entry for text in BASELINES]
    scores = np.array([data.score(entry) for entry in range(len(classes))], dtype=np.float64)
    reaches = (scores > scores[baselines].max()) & ~np.isin(classes, classes[baselines])
    return Goal(reaches, len(set(classes[reaches].tolist())))


def row(table: str) -> str:
    """Return the row of a table: the goal, evaluations by search and by chance, the clock."""
    data = load_data(table)
    goal = beats_every_baseline(data)
    simulation = simulate(
        data,
        {"aquasurf": find_optimizer("aquasurf")},
        trials=TRIALS,
        evaluations=EVALUATIONS,
    )
    hit = goal.reaches[simulation.steps["entry"].to_numpy().reshape(TRIALS, -1)]
    first = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1.0, np.inf)
    start = simulation.steps["clock_s"].to_numpy().reshape(TRIALS, -1)[:, 0]
    training = np.mean([data.cost_s[entry] for entry in data.covered])
    spectra = np.median(start) / training
    chance = evaluations_to_hit(len(data.covered), int(goal.reaches.sum()))
    return (
        f"| {table} | {goal.classes} | {interval(first)} | {np.isfinite(first).mean():.0%} | "
        f"{chance:,} | {spectra:,.0f} |"
    )


def main() -> None:
    """Print the table."""
    print(
        "| table | functions that beat every baseline | AQuaSurF's evaluations to one "
        "(median, 95 % interval) | its searches that find one | random search's evaluations "
        "(exact median) | cost of all spectra, in trainings |\n|---|---|---|---|---|---|"
    )
    for table in TABLES:
        print(row(table), flush=True)


if __name__ == "__main__":
    main()
