"""How often ``builders.contributions`` refuses an honest share, and how often one that is off.

``python -m builders.reports.contributions`` deals the recorded seeds of each entry at random to us
and to others, one seed to them, so that both have the same functions and nothing in common but
these. Their share is of 10 or 40 functions that train, as it is or with all accuracies lowered, or
losses raised. Prints Markdown, as it stands in docs/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from act_bench import load_runs
from act_bench.tables.files import tables_with_data
from act_bench.tables.registry import TABLES, TableInfo
from builders.contributions import agreement
from builders.embedded import BuildError

SEEDS: Final = 3
SHARES: Final = (10, 40)
SHIFTS: Final = (0.0, 0.01, 0.02, 0.05)
"""By how much a share is too bad."""
DRAWS: Final = 100

Share = tuple[pl.DataFrame, pl.DataFrame]


def dealt(runs: pl.DataFrame, functions: int, rng: np.random.Generator) -> Share:
    """Return runs of theirs and of ours, of functions drawn at random.

    Parameters
    ----------
    runs
        With the run columns, of entries with as many seeds each.
    functions
        How many they have; we have all, so that there are others of like score.
    rng
        Draws who gets which seed.
    """
    runs = runs.sort("entry", "seed")
    entries, count = runs["entry"].n_unique(), runs["seed"].n_unique()
    order = np.concatenate([rng.permutation(count) for _ in range(entries)])
    # Numbered anew: the first of theirs has the number of the first of ours.
    own = runs.with_columns(place=pl.Series(order))
    few = rng.choice(runs["entry"].unique().to_numpy(), functions, replace=False).tolist()
    number = pl.col("place").cast(runs.schema["seed"])
    theirs = own.filter(pl.col("place") == 0, pl.col("entry").is_in(few))
    ours = own.filter(pl.col("place") > 0)
    return (
        theirs.with_columns(seed=number).drop("place"),
        ours.with_columns(seed=number - 1).drop("place"),
    )


def refused(runs: pl.DataFrame, info: TableInfo, functions: int) -> Iterator[float]:
    """Yield the share of draws that are refused, for each of `SHIFTS`."""
    for shift in SHIFTS:
        rng = np.random.default_rng(0)
        # Worse, whichever way the metric goes.
        lower = pl.col(info.metric) - info.score(shift)
        count = 0
        for _ in range(DRAWS):
            theirs, ours = dealt(runs, functions, rng)
            try:
                agreement(theirs.with_columns(lower), ours, info).check()
            except BuildError:
                count += 1
        yield count / DRAWS


def main() -> None:
    """Print the table."""
    heads = ["honest", *(f"{shift:g} worse" for shift in SHIFTS[1:])]
    print(f"| table | functions | {' | '.join(heads)} |\n|---|--:|{'--:|' * len(heads)}")
    for name in tables_with_data():
        info = TABLES[name]
        runs = load_runs(name, info.default_fidelity).filter(pl.col("seed") < SEEDS)
        score = pl.col(info.metric) * (1 if info.higher_is_better else -1)
        runs = runs.filter(
            score.count().over("entry") == SEEDS,
            score.mean().over("entry") > info.trained_score,
        )
        for functions in SHARES:
            cells = " | ".join(f"{share:.0%}" for share in refused(runs, info, functions))
            print(f"| {name} | {functions} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
