"""How a table's short training ranks functions as long training does, without selection.

``python -m builders.reports.ladder cnn`` reads docs/calibration/cnn.csv, the records of long
training, and the embedded table; without a name those of every table that has records. Nothing is
trained. Prints Markdown, as it stands in docs/.

Functions came into the records in three ways. Some were *drawn*: at random from the space, or at
equal distances from the ranking of those that train; either way each entry that trains was as
likely as another. The eight *baselines* were set. Some were *picked* for being the best of the
table. A correlation over all of them is one of the choice: picked functions and baselines crowd the
top, and what they were picked by is noise in part. Here the drawn ones stand alone, and together
with the others at weights of inverse probability: 1 for those that were certain to be in, and what
is left of the table, divided by their number, for the drawn ones.
"""

from __future__ import annotations

import argparse
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import load_space
from builders.reports import calibration
from builders.reports.calibration import Scores, sample, trained
from builders.reports.fisher.report import weighted_correlation
from builders.reports.proxies import LONG, RECORDS, from_table, read, scores, table_scores

Floats = NDArray[np.float64]

PICKED: Final = 20
"""Functions that were picked for being best are among so many of the table."""
SAMPLED: Final = 200
"""Drawn functions are among so many of the seeded sample."""
SAMPLES: Final = 2000
TABLES: Final = ("cnn", "resnet", "vit")


class Rung(NamedTuple):
    """A function that was trained long, and how it came into the records.

    Attributes
    ----------
    table, long
        What it reaches in the table, and in long training.
    kind
        ``drawn``, ``baseline`` or ``picked``.
    """

    table: float
    long: float
    kind: str


def rungs(table: str, reference: Scores) -> list[Rung]:
    """Return the functions that train in long training and have a score in the table."""
    space, found = load_space(), table_scores(table)
    by_chance = {*sample(SAMPLED), *from_table(table, 0, 1)} - set(BASELINES)
    picked = set(from_table(table, PICKED, 0))
    rows = []
    for text, value in trained(reference).items():
        here = found[space.representatives[space.resolve(text).entry]]
        kind = "baseline" if text in BASELINES else "picked"
        if text in by_chance:
            kind = "drawn"
        elif kind == "picked" and text not in picked:
            continue  # neither: nobody knows how it came in
        if here is not None:
            rows.append(Rung(here, value, kind))
    return rows


def references(table: str) -> dict[str, Scores]:
    """Return the scores of the first seed by each long training in the records."""
    if table == "cnn":
        return {"long": calibration.scores(calibration.read(calibration.RECORDS[table]), "long", 0)}
    records = read(RECORDS / f"{table}.csv")
    return {
        name: found for name, recipe in LONG[table].items() if (found := scores(records, recipe, 0))
    }


def weights(rows: list[Rung], trains: int) -> Floats:
    """Return the inverse probability of each function to be in the records.

    Examples
    --------
    >>> weights([Rung(0.5, 0.7, "picked"), Rung(0.4, 0.6, "drawn"), Rung(0.3, 0.5, "drawn")], 101)
    array([ 1., 50., 50.])
    """
    drawn = np.array([row.kind == "drawn" for row in rows])
    certain = int((~drawn).sum())
    return np.where(drawn, max(trains - certain, 1) / max(int(drawn.sum()), 1), 1.0)


def weighted_ranks(values: Floats, weight: Floats) -> Floats:
    """Return ranks of functions that each stand for so many; equal ones share their middle.

    Examples
    --------
    >>> weighted_ranks(np.array([0.5, 0.2, 0.5]), np.array([1.0, 4.0, 1.0])).tolist()
    [5.0, 2.0, 5.0]
    """
    _, place = np.unique(values, return_inverse=True)
    mass = np.bincount(place, weight)
    middle = np.cumsum(mass) - mass / 2
    return np.asarray(middle[place], np.float64)


def correlation(rows: list[Rung], weight: Floats) -> str:
    """Return weighted Spearman with its 90 % bootstrap interval over functions, as text."""
    if len(rows) < 4:
        return "-"
    table, long = (np.array([getattr(row, name) for row in rows]) for name in ("table", "long"))

    def statistic(chosen: Floats) -> float:
        there = chosen > 0
        if there.sum() < 3:
            return float("nan")
        mass = chosen[there]
        ranks = [weighted_ranks(each[there], mass) for each in (table, long)]
        return float(weighted_correlation(ranks[0], ranks[1], mass))

    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=SAMPLES)
    low, high = np.nanquantile([statistic(weight * times) for times in drawn], [0.05, 0.95])
    return f"{statistic(weight):.2f} [{low:.2f}, {high:.2f}]"


def print_ladder(table: str, name: str, rows: list[Rung], scores_here: Scores) -> None:
    """Print the correlations of one table with one long training, by groups of functions."""
    levels = np.array(sorted(trained(scores_here).values()))
    weight = weights(rows, len(levels))
    drawn = [row for row in rows if row.kind == "drawn"]
    middle, top = np.quantile(levels, [0.5, 0.9])
    groups = {
        "all, as if drawn": (rows, np.ones(len(rows))),
        "all, at inverse probability": (rows, weight),
        "drawn": (drawn, None),
        "drawn, better half of the table": ([row for row in drawn if row.table >= middle], None),
        "all in the best tenth of the table": ([row for row in rows if row.table >= top], None),
        "baselines": ([row for row in rows if row.kind == "baseline"], None),
        "picked for being the best": ([row for row in rows if row.kind == "picked"], None),
    }
    print(f"## {table}, {name} training\n")
    print("| functions | number | Spearman [90 % interval] | mean in long training |")
    print("|---|---|---|---|")
    for group, (some, each) in groups.items():
        if some:
            found = correlation(some, np.ones(len(some)) if each is None else each)
            mean = np.mean([row.long for row in some])
            print(f"| {group} | {len(some)} | {found} | {mean:.3f} |")
    print_top(drawn)
    print()


def print_top(drawn: list[Rung]) -> None:
    """Print where the best of the drawn functions by the table stand in long training."""
    if len(drawn) < 4:
        return
    place = rankdata([-row.long for row in drawn], method="min")
    first = int(np.argmax([row.table for row in drawn]))
    lost = max(row.long for row in drawn) - drawn[first].long
    print(
        f"\nOf {len(drawn)} drawn, the first of the table is number {place[first]:.0f} in long "
        f"training, {lost:.3f} below the best of them there."
    )


def main() -> None:
    """Print the reports that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", nargs="?", choices=TABLES)
    options = parser.parse_args()
    for table in [options.table] if options.table else TABLES:
        for name, reference in references(table).items():
            print_ladder(table, name, rungs(table, reference), table_scores(table))


if __name__ == "__main__":
    main()
