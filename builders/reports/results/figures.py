"""The figures of the pages of results, drawn from what is stored: nothing is searched or fitted.

    python -m builders.reports.results.figures [--table mlp] [--docs docs] [--traces leaderboard]

The searches are those of the protocol, whose traces lie in ``leaderboard/DATA/OPTIMIZER.parquet``;
what models learn is ``docs/studies/results/TABLE-learning.csv``, which the builder of the pages
writes. A figure whose values are not stored is named and left as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from act_bench.figures import Request, draw
from act_bench.figures.searches import (
    finals_figure,
    regret_figure,
    regret_time_figure,
    significance_figure,
)
from act_bench.figures.style import save
from act_bench.figures.surrogates import SHOWN, surrogates_figure
from act_bench.figures.tables import tables_with_data
from act_bench.files.atomic import replacing
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.loading import load_data
from act_bench.tables.registry import TABLES
from builders.reports.results.kept import EVALUATIONS, OPTIMIZERS, spectra_of, stored_searches
from surrogates.exact import random_search_law
from surrogates.significance import pairwise

MAIN: Final = ("random", "local", "evolution", "knn", "aquasurf", "gp-ei", "forest-ei")
"""Those that figures with lines show."""


def compared(steps: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return which optimizers differ at the end, given the searches of each."""
    last = pl.col("evaluation") == EVALUATIONS
    return pairwise({n: each.filter(last)["regret"].to_numpy() for n, each in steps.items()})


def draw_searches(
    data: BenchmarkData, steps: Mapping[str, pl.DataFrame], pairs: pl.DataFrame, images: Path
) -> None:
    """Draw the four figures of the searches of a table.

    Parameters
    ----------
    data
        The table.
    steps
        Optimizer -> its searches.
    pairs
        Which of them differ, as from :func:`surrogates.significance.pairwise`.
    images
        Folder of the figures.
    """
    scores = np.array([data.score(entry) for entry in data.covered], dtype=np.float64)
    exact = random_search_law(scores, EVALUATIONS).regret_quartiles()[1]
    lines = pl.concat([each for name, each in steps.items() if name in MAIN])
    title = f"{data.table}, fidelity {data.fidelity}: simulated searches"
    metric = TABLES[data.table].metric_in_words
    figures = {
        "regret": regret_figure(lines, exact, title, metric),
        "regret-time": regret_time_figure(lines, title, metric),
        "finals": finals_figure(pl.concat(steps.values()), title),
        "significance": significance_figure(pairs, title),
    }
    for name, figure in figures.items():
        save(figure, images / f"results-{data.table}-{name}.png")


def keep_learning(summary: pl.DataFrame, pages: Path) -> None:
    """Keep of a table what :func:`draw_learning` draws; the summary is that of ``evaluation``."""
    columns = ["table", "features", "regressor", "metric", "size", "mean", "low", "high"]
    rows = summary.filter(pl.col("metric").is_in(list(SHOWN))).select(columns)
    rounded = rows.with_columns(pl.col("mean", "low", "high").round(6))
    with replacing(_learning(pages, str(rows["table"][0]))) as draft:
        rounded.write_csv(draft)


def draw_learning(table: str, pages: Path, images: Path) -> None:
    """Draw what models learn of a table, from what :func:`keep_learning` wrote."""
    figure = surrogates_figure(pl.read_csv(_learning(pages, table)))
    save(figure, images / f"results-{table}-surrogates.png")


def _learning(pages: Path, table: str) -> Path:
    return pages / f"{table}-learning.csv"


def draw_table(table: str, images: Path) -> None:
    """Draw the maps and the accuracies of a table that has Fisher spectra."""
    for name in ("maps", "accuracies"):
        save(draw(name, Request(tables=(table,))), images / f"results-{table}-{name}.png")


def main() -> None:
    """Draw what the stored values allow."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--table", action="append", choices=list(TABLES))
    arguments.add_argument("--docs", type=Path, default=Path("docs"))
    arguments.add_argument("--traces", type=Path, default=Path("leaderboard"))
    chosen = arguments.parse_args()
    images, pages = chosen.docs / "images", chosen.docs / "studies" / "results"
    for table in chosen.table or tables_with_data(Request()):
        data = load_data(table)
        steps = {name: each.steps for name, each in stored_searches(data, chosen.traces).items()}
        lacking = [name for name in OPTIMIZERS if name not in steps]
        if set(MAIN) <= set(steps):
            draw_searches(data, steps, compared(steps), images)
        _say(f"{table}: searches of {len(steps)} optimizers", lacking)
        if _learning(pages, table).exists():
            draw_learning(table, pages, images)
        else:
            _say(f"{table}: surrogates left as they are", [_learning(pages, table).name])
        if spectra_of(data):
            draw_table(table, images)


def _say(what: str, lacking: list[str]) -> None:
    print(what + (f"; not stored: {', '.join(lacking)}" if lacking else ""), flush=True)


if __name__ == "__main__":
    main()
