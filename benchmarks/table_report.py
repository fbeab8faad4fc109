"""What a table holds: outcomes, baselines, the best entries, and how well seeds agree.

``python benchmarks/table_report.py mlp`` reads the embedded runs, ``... mlp RUNS.parquet`` those of
a sweep. Prints Markdown, as it stands in ``docs/``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import rankdata, spearmanr

from act_bench import load_runs
from act_bench.operators import BASELINES
from act_bench.schema import TABLES
from act_bench.space import load_space

TRAINED = 0.05
"""An entry counts as trained when its median is above chance by this much."""

TOP = 10


def scores(runs: pl.DataFrame) -> np.ndarray:
    """Return the validation accuracies, (entries, seeds); -1 where a run diverged."""
    wide = runs.with_columns(
        pl.when(pl.col("outcome") == "ok")
        .then("validation_accuracy")
        .otherwise(-1.0)
        .alias("score")
    ).pivot(on="seed", index="entry", values="score", sort_columns=True)
    return wide.sort("entry").drop("entry").to_numpy()


def agreement(score: np.ndarray, kept: np.ndarray, splits: int = 20) -> tuple[float, float]:
    """Return mean and least Spearman correlation between medians over two halves of the seeds.

    The halves are disjoint and drawn ``splits`` times.
    """
    rng = np.random.default_rng(0)
    found = []
    for _ in range(splits):
        order = rng.permutation(score.shape[1])
        half = len(order) // 2
        halves = [np.median(score[kept][:, part], axis=1) for part in (order[:half], order[half:])]
        found.append(float(spearmanr(*halves).statistic))
    return float(np.mean(found)), float(np.min(found))


def main() -> None:
    """Print the report of the table named on the command line."""
    table = sys.argv[1]
    runs = pl.read_parquet(Path(sys.argv[2])) if len(sys.argv) > 2 else load_runs(table)
    score = scores(runs)
    median = np.median(score, axis=1)
    chance = TABLES[table].chance
    diverged, trained = median < 0, median > chance + TRAINED
    print(f"{len(score):,} entries, {runs.height:,} runs, {score.shape[1]} seeds each\n")
    print("| outcome of the entry | share |\n|---|---|")
    at_chance = ~diverged & ~trained
    for name, where in (("diverged", diverged), ("at chance", at_chance), ("trained", trained)):
        print(f"| {name} | {where.mean():.1%} ({where.sum():,}) |")
    mixed = ((score < 0).any(1) & (score >= 0).any(1)).sum()
    print(f"\nSome but not all seeds diverge: {mixed} entries.")
    finite = (score >= 0).all(1) & trained
    noise = np.median(score[finite].std(axis=1, ddof=1))
    print(f"Standard deviation between seeds, median over entries that train: {noise:.4f}.")
    quantiles = np.quantile(median[trained], [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
    shown = ", ".join(f"{value:.3f}" for value in quantiles)
    print(f"Minimum, quantiles 0.1, 0.25, 0.5, 0.75, 0.9, maximum of those that train: {shown}.")

    test = (
        runs.filter(pl.col("outcome") == "ok")
        .group_by("entry")
        .agg(pl.col("test_accuracy").median())
        .sort("entry")
    )
    test_of = dict(zip(test["entry"], test["test_accuracy"], strict=True))
    kept = list(np.flatnonzero(trained))
    across = spearmanr(median[kept], [test_of[entry] for entry in kept]).statistic

    print("\n| Spearman correlation | mean | least of 20 |\n|---|---|---|")
    upper = trained & (median >= np.median(median[trained]))
    for name, where in (
        ("halves of the seeds, all entries", np.ones(len(score), dtype=bool)),
        ("halves of the seeds, entries that train", trained),
        ("halves of the seeds, better half of these", upper),
    ):
        mean, least = agreement(score, where)
        print(f"| {name} | {mean:.3f} | {least:.3f} |")
    print(f"| validation against test, entries that train | {across:.3f} | |")

    space = load_space()
    rank = rankdata(-median, method="min")
    print("\n| baseline | mean ± standard error | median | rank |\n|---|---|---|---|")
    baseline = {name: space.resolve(name).entry for name in BASELINES}
    for name in sorted(baseline, key=lambda name: -score[baseline[name]].mean()):
        print(_row(name, score[baseline[name]], rank[baseline[name]]))
    print(f"\n| best {TOP} by median | mean ± standard error | median | rank |\n|---|---|---|---|")
    order = np.lexsort((-score.mean(axis=1), -median))
    for entry in order[:TOP]:
        print(_row(space.representatives[int(entry)], score[entry], rank[entry]))
    print(f"\nmean runtime of a run: {float(runs['runtime_s'].to_numpy().mean()):.4f} s")
    print(f"core-minutes in all: {runs['runtime_s'].sum() / 60:.1f}")


def _row(name: str, score: np.ndarray, rank: float) -> str:
    finite = score[score >= 0]
    mean, error = finite.mean(), finite.std(ddof=1) / np.sqrt(len(finite))
    note = f" ({len(score) - len(finite)} diverged)" if len(finite) < len(score) else ""
    return f"| `{name}` | {mean:.4f} ± {error:.4f}{note} | {np.median(score):.4f} | {rank:.0f} |"


if __name__ == "__main__":
    main()
