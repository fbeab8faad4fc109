"""What GRAFS finds on a table, seed by seed, and where the table would rank it.

``python -m builders.reports.grafs mlp --seeds 5``; ``--set stages=50`` changes a setting of the
search. The table trained every entry by the same recipe with the same seeds, so the median over the
seeds of the found function, trained from scratch, is comparable to an entry's: its rank is 1 plus
the number of entries with a higher median. Below stands what random search finds over the table for
as many seconds, by its exact law: draws without replacement, each trained with all seeds.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from act_bench.tables.loaders import load_table
from act_bench.tables.registry import TABLES, TableInfo, choose_fidelity
from regenerate.grafs import GrafsResult, Settings, search
from regenerate.grafs.settings import DEFAULT, SETTINGS
from surrogates.exact import random_search_law


def chosen_settings(table: str, changes: Sequence[str]) -> Settings:
    """Return the settings of a table with some changed by ``name=value``."""
    settings = SETTINGS.get(table, DEFAULT)
    for change in changes:
        name, _, value = change.partition("=")
        kind = type(getattr(settings, name))
        settings = dataclasses.replace(settings, **{name: kind(value)})
    return settings


def rank_of(result: GrafsResult, medians: Sequence[float]) -> int:
    """Return the rank among the entries; a diverged function comes after all that did not."""
    score, median = TABLES[result.table].score, result.median
    if median is None:
        return 1 + len(medians)
    return 1 + sum(score(each) > score(median) for each in medians)


def row(result: GrafsResult, medians: Sequence[float]) -> str:
    """Return a line of the report."""
    values = [each for each in result.values if each is not None]
    median = result.median
    diverged = len(result.runs) - len(values)
    if median is None:
        place = "| diverged |"
    else:
        rank = rank_of(result, medians)
        error = statistics.stdev(values) / len(values) ** 0.5
        place = f"{statistics.mean(values):.4f} ± {error:.4f} | {median:.4f} | {rank:,}"
    entry = "" if result.entry is None else f" (entry {result.entry})"
    note = f" ({diverged} diverged)" if diverged else ""
    skipped = sum(stage.skipped for stage in result.history)
    return (
        f"| {result.seed} | `{result.expression}`{entry} | {place}{note} | {skipped} "
        f"| {result.search_s:.1f} | {result.retraining_s:.1f} |"
    )


def random_search(results: Sequence[GrafsResult], entries: pl.DataFrame, info: TableInfo) -> str:
    """Return what random search finds for the mean cost of some searches, in one sentence."""
    cost = statistics.mean(result.search_s + result.retraining_s for result in results)
    seeds = len(results[0].runs)
    one = seeds * statistics.mean(entries["runtime_s"].drop_nulls())
    scores = entries[info.metric].fill_null(info.worst_value) * info.score(1.0)
    evaluations = max(1, round(cost / one))
    law = random_search_law(scores, evaluations)
    low, middle, high = (law.quantile(p)[-1] for p in (0.25, 0.5, 0.75))
    rank = 1 + (scores > middle).sum()
    return (
        f"a search with its trainings costs {cost:.1f} s, an evaluation of an entry {one:.2f} s: "
        f"random search makes {evaluations} of them and reaches {info.score(middle):.4f} in the "
        f"median (quartiles {info.score(low):.4f} and {info.score(high):.4f}), rank {rank:,}"
    )


def main() -> None:
    """Search with each seed and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", default="mlp")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    fidelity = choose_fidelity(arguments.table, None)
    settings = chosen_settings(arguments.table, arguments.set)
    info = TABLES[arguments.table]
    entries = load_table(arguments.table, columns=[info.metric, "runtime_s", "outcome"], rate="own")
    medians = entries[info.metric].drop_nulls().to_list()
    print(settings)
    print("| seed | found | mean ± standard error | median | rank | skipped | search s | train s |")
    print("|---|---|---|---|---|---|---|---|")
    results = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            result = search(
                arguments.table, fidelity, seed=seed, out=Path(folder), settings=settings
            )
        results.append(result)
        print(row(result, medians), flush=True)
    ranks = [rank_of(result, medians) for result in results]
    print(f"ranks: {ranks}, median {statistics.median(ranks):g} of {len(entries):,} entries")
    print(random_search(results, entries, info))


if __name__ == "__main__":
    main()
