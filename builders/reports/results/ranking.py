"""Which optimizers differ, and in which order they come."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.tables.registry import TableInfo
from builders.reports.results.goals import Goal, count, median_with_interval
from builders.reports.results.kept import SEED, Searches
from surrogates.significance import bootstrap_interval, mean_ranks

MARKS = (10, 30, 100)


def ranking(
    made: dict[str, Searches], finals: dict[str, NDArray[np.float64]], goal: Goal, info: TableInfo
) -> str:
    """Return the table of optimizers, the best first; the goal is one that can be reached."""
    heads = [f"after {mark}" for mark in MARKS]
    lines = [
        "| optimizer | searches | mean rank | " + " | ".join(heads) + " | mean at the end | "
        f"evaluations until {goal.about} | reached | test |",
        "|---" * (len(MARKS) + 7) + "|",
    ]
    for name, rank in mean_ranks(finals).items():
        found = made[name]
        regret = [
            "{1:.4f} ({0:.4f}-{2:.4f})".format(
                *np.quantile(found.regret[:, n - 1], [0.25, 0.5, 0.75])
            )
            for n in MARKS
        ]
        low, high = bootstrap_interval(finals[name], np.random.default_rng(SEED))
        first = goal.first(found.trained)
        middle, least, most = median_with_interval(first)
        lines.append(
            f"| `{name}` | {len(first)} | {rank:.2f} | {' | '.join(regret)} | "
            f"{finals[name].mean():.4f} [{low:.4f}, {high:.4f}] | {count(middle)} "
            f"[{count(least)}, {count(most)}] | "
            f"{np.isfinite(first).mean():.0%} | {np.nanmedian(found.test):.4f} |"
        )
    lines.append(
        "\nRegret: median (quartiles). Mean rank: normalized rank of the final regret, 0 is "
        f"best. Test: median {info.test_metric.replace('_', ' ')} of the incumbents."
    )
    return "\n".join(lines)


def differences(pairs: pl.DataFrame, finals: dict[str, NDArray[np.float64]]) -> str:
    """Say which differences from random search, and how many in all, are significant."""
    sure = int(pairs["significant"].sum())
    better: list[str] = []
    worse: list[str] = []
    same: list[str] = []
    for name in mean_ranks(finals):
        if name == "random":
            continue
        share, significant = against(pairs, name, "random")
        (same if not significant else better if share > 0.5 else worse).append(f"`{name}`")
    parts = [f"Of {pairs.height} pairs {sure} differ significantly."]
    alike = "not significantly different from"
    for group, said in ((better, "better than"), (worse, "worse than"), (same, alike)):
        if group:
            verb = "is" if len(group) == 1 else "are"
            parts.append(f"{', '.join(group)} {verb} {said} random search.")
    return " ".join(parts)


def against(pairs: pl.DataFrame, first: str, second: str) -> tuple[float, bool]:
    """Return how probably the first ends better, and whether the difference is significant."""
    for row in pairs.iter_rows(named=True):
        if (row["first"], row["second"]) == (first, second):
            return row["superiority"], row["significant"]
        if (row["first"], row["second"]) == (second, first):
            return 1 - row["superiority"], row["significant"]
    raise LookupError(f"{first} and {second} were not compared")
