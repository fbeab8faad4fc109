"""The paper's claims, each put to the test on one table and answered plainly."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.figures.tables import invalid_spectra
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.tables.registry import TABLES, TRAINED_MARGIN
from builders.reports.results.beside import mark
from builders.reports.results.goals import (
    Goal,
    count,
    interval,
    median_with_interval,
    trainings,
)
from builders.reports.results.kept import EVALUATIONS, SEED, Searches
from builders.reports.results.ranking import against
from surrogates import evaluation
from surrogates.optimizers import plain_name
from surrogates.significance import bootstrap_interval, mean_ranks


def claim_union(
    data: BenchmarkData, rows: pl.DataFrame, summary: pl.DataFrame, pairs: pl.DataFrame
) -> str:
    """Say whether the union is better than either feature: on maps, in models and in searches."""
    gains = evaluation.union_gains(rows)
    said = evaluation.verdict(gains)
    ranks = summary.filter(pl.col("metric") == "spearman")
    sizes = ranks["size"].unique().sort().to_list()
    about = (
        "**1. The union of outputs and spectra is better than either.** Learned from n functions, "
        "Spearman correlation with the scores of the others (those with a valid spectrum), "
        f"{rows['split'].n_unique()} splits:\n"
    )
    lines = [
        about,
        mark("surrogates"),
        "| model | features | " + " | ".join(f"n = {size}" for size in sizes) + " |",
        "|---|---|" + "---|" * len(sizes),
    ]
    for (regressor, features), group in ranks.group_by(
        "regressor", "features", maintain_order=True
    ):
        cells = [
            f"{row['mean']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
            for row in group.sort("size").iter_rows(named=True)
        ]
        lines.append(f"| {regressor} | {features} | {' | '.join(cells)} |")
    lines += ["", other_metrics(summary), ""]
    lines += [f"- {sentence}." for sentence in said]
    for other in ("umap-outputs", "umap-fim"):
        share, sure = against(pairs, "aquasurf", f"aquasurf:features={other}")
        lines.append(
            f"- As a search, `aquasurf` on the union ends better than on `{other}` with "
            f"probability {share:.2f}, {'significantly' if sure else 'which may be chance'}."
        )
    ahead, _, comparisons = evaluation.wins(gains.filter(pl.col("view") == "umap"))
    better_map = ahead > comparisons / 2
    worse_search = any(
        share < 0.5 and sure
        for share, sure in (
            against(pairs, "aquasurf", f"aquasurf:features={other}")
            for other in ("umap-outputs", "umap-fim")
        )
    )
    lines.append(
        f"\n**{'Confirmed' if better_map else 'Refuted'} on `{data.table}` for the map that the "
        f"paper uses, as a model of all functions"
        + (
            "; refuted for the search, which one feature alone serves better.**"
            if worse_search
            else ".**"
        )
    )
    return "\n".join(lines)


def other_metrics(summary: pl.DataFrame, size: int = 100) -> str:
    """Return the table of errors, calibration and the best of 20, at one size."""
    chosen = summary.filter(pl.col("size") == size)
    lines = [
        f"From {size} functions; the best of 20 are those with the highest predictions:\n",
        mark("surrogates-errors"),
        "| model | features | RMSE | within the 90 % interval | calibration error | regret of 20 |",
        "|---" * 6 + "|",
    ]
    for (regressor, features), group in chosen.group_by(
        "regressor", "features", maintain_order=True
    ):
        found = {row["metric"]: row for row in group.iter_rows(named=True)}
        cells = [
            f"{found[metric]['mean']:.{digits}f} "
            f"[{found[metric]['low']:.{digits}f}, {found[metric]['high']:.{digits}f}]"
            for metric, digits in (
                ("rmse", 3),
                ("coverage_90", 2),
                ("calibration_error", 2),
                ("top20_regret", 4),
            )
        ]
        lines.append(f"| {regressor} | {features} | {' | '.join(cells)} |")
    return "\n".join(lines)


def claim_tens(
    data: BenchmarkData,
    made: dict[str, Searches],
    finals: dict[str, NDArray[np.float64]],
    goals: tuple[Goal, Goal],
) -> str:
    """Say whether surrogate search reaches a goal in tens of evaluations, and in what time."""
    lines = ["**2. Surrogate search finds a top function in tens of evaluations.**\n"]
    lines += ["| optimizer | " + " | ".join(goal.about for goal in goals) + " |", "|---|---|---|"]
    exactly = [f"{count(goal.random)}; {goal.within:.0%} (exact)" for goal in goals]
    lines.append("| `random` | " + " | ".join(exactly) + " |")
    for name in mean_ranks(finals):
        if plain_name(name) not in ("aquasurf", "knn", "gp-ei", "gp-thompson", "forest-ei", "tpe"):
            continue
        firsts = [goal.first(made[name].trained) for goal in goals]
        cells = [f"{interval(first)}; {np.isfinite(first).mean():.0%}" for first in firsts]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    # Where nothing beats every baseline by more than noise there is the other goal, always.
    goal = goals[1] if goals[1].classes else goals[0]
    reached = goal.first(made["aquasurf"].trained)
    middle, low, high = median_with_interval(reached)
    if goal.baselines:
        verdict = "No test: a baseline, which the search begins with, is among these functions"
    elif high < goal.random:
        verdict = "Confirmed on the stored map"
    elif goal.random <= low < np.inf or goal.random <= EVALUATIONS < low:
        verdict = "Refuted"
    else:  # Searches end before random search would be half way.
        verdict = "Not shown for the reference search"
    half = count(middle) if np.isfinite(middle) else f"more than {EVALUATIONS}"
    lines.append(
        f"\nMedians of the evaluations, with intervals, and the share of searches that arrive "
        f"within {EVALUATIONS}. **By evaluations: {verdict}.** `aquasurf` is {goal.about} "
        f"after {half} [{count(low)}, {count(high)}] evaluations, random search after "
        f"{count(goal.random)}; within {EVALUATIONS}, {np.isfinite(reached).mean():.0%} of its "
        f"searches are and {goal.within:.0%} of random ones.\n"
    )
    lines.append(by_the_clock(data, made["aquasurf"], goal))
    return "\n".join(lines)


def by_the_clock(data: BenchmarkData, found: Searches, goal: Goal) -> str:
    """Say what a search with spectra costs until a goal, with the spectra and without."""
    training = trainings(data)
    whole = goal.clock(found.trained, found.clock_s) / training
    spectra = TABLES[data.table].spectrum_s
    before = (spectra or 0.0) * len(data.covered) / training
    said = "sooner than" if np.median(whole) < goal.random else "no sooner than"
    with_spectra, without = (
        f"after {interval(clock)}"
        if np.isfinite(np.median(clock))
        else "in fewer than half of its searches"
        for clock in (whole, whole - before)
    )
    return (
        f"**By the clock**, in mean trainings of the table: spectra of all functions cost "
        f"{before:,.0f}; with these charged, `aquasurf` is {goal.about} {with_spectra}, "
        f"{said} random search, which needs {count(goal.random)}; where spectra exist already, "
        f"{without}. How much of this depends on the draw of the map, and "
        "on each choice of the search: [choice by choice](aquasurf.md).\n"
    )


def claim_filter(data: BenchmarkData, pairs: pl.DataFrame) -> str:
    """Say how many failures the Fisher filter removes, and whether a search gains by it."""
    unknown = invalid_spectra(data.table)
    assert unknown is not None  # noqa: S101
    covered = np.array(data.covered)
    invalid = unknown[covered]
    score = np.array([data.score(entry) for entry in data.covered], dtype=np.float64)
    diverged = np.array([data.outcome[entry] == "diverged" for entry in data.covered])
    lines = [
        "**3. The Fisher filter removes most failures.**\n",
        "| failure | functions | of these removed | share of what is removed |",
        "|---|---|---|---|",
    ]
    recalls = []
    info = TABLES[data.table]
    weak = f"at most {TRAINED_MARGIN} above chance"
    if data.fidelity in info.zero_scores:
        weak = "no better than without feed-forward parts"
    for name, failed in (
        ("diverged", diverged),
        (f"diverged, or {weak}", score <= info.trained_score_at(data.fidelity)),
    ):
        removed = failed & invalid
        recalls.append(removed.sum() / failed.sum())
        lines.append(
            f"| {name} | {failed.sum():,} | {removed.sum():,} ({recalls[-1]:.0%}) | "
            f"{removed.sum() / max(1, invalid.sum()):.1%} |"
        )
    share, sure = against(pairs, "fisher-filter:baselines=false", "random")
    seconds = (TABLES[data.table].spectrum_s or 0.0) * len(covered)
    mean_s = float(np.mean([data.cost_s[entry] for entry in data.covered]))
    verdict = "Confirmed" if recalls[0] > 0.5 else "Refuted"
    lines.append(
        f"\n**{verdict} on `{data.table}`**: of what it removes {(diverged & invalid).sum():,} of "
        f"{invalid.sum():,} diverge, and it removes {recalls[0]:.0%} of what diverges. Random "
        f"search with the filter ends better than without with probability {share:.2f}, "
        f"{'significantly' if sure else 'which may be chance'}. Spectra of all functions cost "
        f"{seconds:.0f} s, as much as {seconds / mean_s:.0f} evaluations of this table."
    )
    return "\n".join(lines)


def claim_failures(rows: pl.DataFrame) -> str:
    """Say whether it pays to learn who diverges rather than to give the chance level as a score."""
    keys = ["features", "size", "split"]
    names = [name for name in rows["regressor"].unique().sort() if not name.endswith("-failures")]
    about = (
        "**Who diverges.** Either the chance level is learned as a score, or a forest learns who "
        "diverges and the model the score of the others. Gain by the second way, split by split:\n"
    )
    lines = [
        about,
        mark("failures"),
        "| model | features | functions | Spearman | RMSE | calibration error | regret of 20 |",
        "|---" * 7 + "|",
    ]
    ahead = behind = all_of_them = 0
    for name in names:
        plain = rows.filter(pl.col("regressor") == name)
        aware = rows.filter(pl.col("regressor") == f"{name}-failures")
        joined = aware.join(plain, on=keys, suffix="_plain")
        for (features, size), group in joined.group_by("features", "size", maintain_order=True):
            cells = []
            for metric in ("spearman", "rmse", "calibration_error", "top20_regret"):
                both = group.drop_nulls([metric, f"{metric}_plain"])
                gains = (both[metric] - both[f"{metric}_plain"]).to_numpy()
                low, high = bootstrap_interval(gains, np.random.default_rng(SEED))
                cells.append(f"{gains.mean():+.3f} [{low:+.3f}, {high:+.3f}]")
                if metric == "spearman":
                    all_of_them += 1
                    ahead += low > 0
                    behind += high < 0
            lines.append(f"| {name} | {features} | {size} | {' | '.join(cells)} |")
    lines.append(
        "\nMore is better for Spearman, less for the others. By Spearman the second way is better "
        f"in {ahead} of {all_of_them} comparisons and worse in {behind}.\n"
    )
    return "\n".join(lines)
