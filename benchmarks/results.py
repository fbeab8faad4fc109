"""Make docs/results.md: every optimiser on every table, and the paper's claims put to the test.

    python benchmarks/results.py [--table mlp] [--trials 100] [--splits 20] [--docs docs]

Each optimiser's searches, and the evaluation of surrogates, are kept under ``output/results`` with
the hash of the data, so that a run that was stopped goes on and a new table adds only itself.
Seconds of computing are those of the processor, one thread.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from map_draws import Draw, all_draws, report
from numpy.typing import NDArray

from act_bench.atomic import replacing
from act_bench.benchmark_data import BenchmarkData, load_data
from act_bench.cli.evaluate_surrogates import write
from act_bench.figures import Request, draw
from act_bench.figures.searches import (
    finals_figure,
    regret_figure,
    regret_time_figure,
    significance_figure,
)
from act_bench.figures.style import save
from act_bench.figures.tables import invalid_spectra, tables_with_data
from act_bench.manifest import EMBEDDING_FILE, read_manifest
from act_bench.maps import map_name
from act_bench.operators import BASELINES
from act_bench.schema import TABLES, TRAINED_MARGIN
from act_bench.spectra import fisher_name
from surrogates import evaluation
from surrogates.exact import RandomSearchLaw, evaluations_to_hit, random_search_law
from surrogates.features import SPECTRUM_S
from surrogates.optimizers import find_optimizer, plain_name
from surrogates.significance import bootstrap_interval, mean_ranks, pairwise
from surrogates.simulation import TOP_SHARE, simulate

EVALUATIONS = 100
SEED = 0
# From quick to slow; those after a colon are the same search with another setting.
OPTIMISERS = (
    "random",
    "fisher-filter:baselines=false",
    "fisher-filter",
    "aquasurf",
    "aquasurf:features=umap-outputs",
    "aquasurf:features=umap-fim",
    "local",
    "evolution",
    "knn",
    "halving",
    "hyperband",
    "gp-ei",
    "gp-ei:features=umap-union",
    "gp-thompson",
    "forest-ei",
    "controller",
    "tpe",
)
# Searches, and the seconds that the design allows for them.
BUDGETS = {
    "random": (1000, 1.0),
    "knn": (100, 20.0),
    "aquasurf": (100, 20.0),
    "gp-ei": (100, 60.0),
    "gp-thompson": (100, 60.0),
    "forest-ei": (100, 120.0),
}
SLOW = ("forest-ei", "tpe")
MARKS = (10, 30, 100)
MAIN = ("random", "local", "evolution", "knn", "aquasurf", "gp-ei", "forest-ei")


class Searches(NamedTuple):
    """The searches of one optimiser over one table."""

    steps: pl.DataFrame
    finals: pl.DataFrame
    each_s: float

    @property
    def regret(self) -> NDArray[np.float64]:
        """Regret after each evaluation: (trials, evaluations)."""
        trials = self.steps["trial"].n_unique()
        return self.steps["regret"].to_numpy().reshape(trials, -1)

    @property
    def best(self) -> NDArray[np.float64]:
        """Best score after each evaluation: (trials, evaluations)."""
        return self.steps["best_so_far"].to_numpy().reshape(self.regret.shape)


def sha256(data: BenchmarkData) -> str:
    """Return the hash of all that the results hang on: the table, its spectra, their maps."""
    files = read_manifest()
    features = (fisher_name(data.table), map_name(data.table), EMBEDDING_FILE)
    digests = [data.sha256, *(files[name].sha256 for name in features if name in files)]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def searches(data: BenchmarkData, name: str, trials: int, folder: Path) -> Searches:
    """Return the searches of an optimiser, from the folder if they were made before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace(':', '-')}.parquet"
    about = path.with_suffix(".json")
    asked = {"sha256": sha256(data), "trials": trials, "evaluations": EVALUATIONS, "seed": SEED}
    if about.exists():
        known = json.loads(about.read_text(encoding="utf-8"))
        if {key: known.get(key) for key in asked} == asked:
            finals = pl.read_parquet(path.with_suffix(".finals.parquet"))
            return Searches(pl.read_parquet(path), finals, known["each_s"])
    chosen = {name: find_optimizer(name)}
    simulate(data, chosen, trials=1, evaluations=EVALUATIONS, seed=SEED)  # what is done once
    # As many as the budget is for, where these are more; the first ones are kept.
    count = max(trials, BUDGETS[name][0]) if name == "random" else trials
    start = time.process_time()
    found = simulate(data, chosen, trials=count, evaluations=EVALUATIONS, seed=SEED)
    each_s = (time.process_time() - start) / count
    steps, finals = (rows.filter(pl.col("trial") < trials) for rows in (found.steps, found.finals))
    steps.write_parquet(path)
    finals.write_parquet(path.with_suffix(".finals.parquet"))
    about.write_text(json.dumps(asked | {"each_s": each_s}), encoding="utf-8")
    print(f"{data.table}, {name}: {1e3 * each_s:.1f} ms of processor time each", flush=True)
    return Searches(steps, finals, each_s)


def surrogate_rows(data: BenchmarkData, splits: int, folder: Path) -> pl.DataFrame:
    """Return the evaluation of surrogates, split by split from the folder where it was made."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for split in range(splits):
        path = folder / f"split-{split}-{sha256(data)[:12]}.parquet"
        if not path.exists():
            start = time.process_time()
            rows = evaluation.evaluate(data, splits=[split], seed=SEED)
            with replacing(path) as draft:
                rows.write_parquet(draft)
            print(f"{data.table}, split {split}: {time.process_time() - start:.1f} s", flush=True)
        found.append(pl.read_parquet(path))
    rows = pl.concat(found)
    write(folder, rows, evaluation.summarise(rows), evaluation.union_gains(rows))
    return rows


def main() -> None:
    """Run what is missing and write the page."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--table", action="append", choices=list(TABLES))
    arguments.add_argument("--trials", type=int, default=100)
    arguments.add_argument("--slow-trials", type=int, default=100, help=f"Of {', '.join(SLOW)}.")
    arguments.add_argument("--splits", type=int, default=20)
    arguments.add_argument("--maps", type=int, default=6, help="Draws of the maps, of each table.")
    arguments.add_argument("--optimisers", default=",".join(OPTIMISERS))
    arguments.add_argument("--docs", type=Path, default=Path("docs"))
    arguments.add_argument("--kept", type=Path, default=Path("output/results"))
    arguments.add_argument("--only", choices=["searches", "surrogates"], help="Run, write no page.")
    chosen = arguments.parse_args()
    names = tuple(chosen.optimisers.split(","))

    tables = chosen.table or tables_with_data(Request())
    (chosen.docs / "images").mkdir(parents=True, exist_ok=True)
    parts = [HEAD.format(evaluations=EVALUATIONS)]
    for table in tables:
        data = load_data(table)
        kept = chosen.kept / table
        usable = [name for name in names if not needs_spectra(name) or spectra_of(data)]
        made: dict[str, Searches] = {}
        if chosen.only != "surrogates":
            for name in usable:
                trials = chosen.slow_trials if name in SLOW else chosen.trials
                made[name] = searches(data, name, trials, kept / "searches")
        if chosen.only == "searches":
            continue
        rows = surrogate_rows(data, chosen.splits, kept / "surrogates")
        if chosen.only is None:
            parts.append(section(data, made, rows, chosen.docs, kept, chosen.maps))
    if chosen.only is not None:
        return
    with replacing(chosen.docs / "results.md") as draft:
        draft.write_text("\n".join(parts), encoding="utf-8")
    print(chosen.docs / "results.md")


def needs_spectra(name: str) -> bool:
    """Return whether an optimiser looks at Fisher spectra."""
    return plain_name(name) in ("aquasurf", "fisher-filter") or "union" in name or "fim" in name


def spectra_of(data: BenchmarkData) -> bool:
    """Return whether a table has Fisher spectra."""
    return invalid_spectra(data.table) is not None


HEAD = """\
# Results

Made by `python benchmarks/results.py`, which keeps what it has run: simulated searches of
{evaluations} evaluations by each optimiser on each table that this version embeds. Regret is in
validation accuracy; *top* is the best hundredth of the entries ([search.md](search.md)). Optimisers
with a setting after a colon are the same search with that setting: `aquasurf:features=umap-outputs`
uses Fisher spectra as a filter only. Intervals are 95 % bootstrap intervals; differences are called
significant after Holm's correction over all pairs (Mann-Whitney test of the regret at the end).
"""


def section(
    data: BenchmarkData,
    made: dict[str, Searches],
    rows: pl.DataFrame,
    docs: Path,
    kept: Path,
    maps: int,
) -> str:
    """Return the part of the page on one table, and draw its figures."""
    info = TABLES[data.table]
    law, top, entries = exact(data)
    goals = goals_of(data)
    finals = {name: found.regret[:, -1] for name, found in made.items()}
    pairs = pairwise(finals)
    steps = pl.concat([found.steps for name, found in made.items() if name in MAIN])
    title = f"{data.table}, fidelity {data.fidelity}: simulated searches"
    figures = {
        "regret": regret_figure(steps, law.expected_regret, title),
        "regret-time": regret_time_figure(steps, title),
        "finals": finals_figure(pl.concat([found.steps for found in made.values()]), title),
        "significance": significance_figure(pairs, title),
    }
    for name, figure in figures.items():
        save(figure, docs / "images" / f"results-{data.table}-{name}.png")
    summary = evaluation.summarise(rows)
    save(
        draw("surrogates", Request(results=kept / "surrogates")),
        docs / "images" / f"results-{data.table}-surrogates.png",
    )
    image = f"images/results-{data.table}"
    about = (
        f"{len(data.covered):,} entries; the best has {law.scores[-1]:.4f}, the top begins at "
        f"{top:.4f} and has {entries} entries. Random search needs {goals[0].random} evaluations "
        "for the top in the median, exactly.\n"
    )
    lines = [
        f"\n## {info.title}, fidelity {data.fidelity}\n",
        about,
        ranking(made, finals, goals[0]),
        f"\n{differences(pairs, finals)}\n",
        f"![regret against evaluations]({image}-regret.png)\n",
        f"![regret against simulated time]({image}-regret-time.png)\n",
        f"![regret at the end]({image}-finals.png)\n",
        f"![which differ]({image}-significance.png)\n",
        "### Computing time\n",
        budgets(made),
        "\n### The paper's claims\n",
    ]
    if spectra_of(data):
        save(
            draw("maps", Request(tables=(data.table,))),
            docs / "images" / f"results-{data.table}-maps.png",
        )
        save(
            draw("accuracies", Request(tables=(data.table,))),
            docs / "images" / f"results-{data.table}-accuracies.png",
        )
        lines += [
            claim_union(data, rows, summary, pairs),
            f"\n![maps by accuracy]({image}-maps.png)\n",
            f"![surrogates]({image}-surrogates.png)\n",
            claim_tens(made, finals, goals),
            claim_draws(all_draws(data, maps, kept / "maps"), goals),
            claim_filter(data, pairs),
            f"\n![accuracies]({image}-accuracies.png)\n",
        ]
    else:
        untested = "No Fisher spectra of this table are embedded: claims that need them wait.\n"
        lines += [untested, f"![surrogates]({image}-surrogates.png)\n"]
    return "\n".join(lines)


def exact(data: BenchmarkData) -> tuple[RandomSearchLaw, float, int]:
    """Return the law of random search, the score where the top begins, and its entries."""
    scores = np.array([data.score(entry) for entry in data.covered], dtype=np.float64)
    law = random_search_law(scores, EVALUATIONS)
    top = float(law.scores[-int(np.ceil(TOP_SHARE * scores.size))])
    return law, top, int((scores >= top).sum())


class Goal(NamedTuple):
    """What a search is to reach.

    Attributes
    ----------
    about
        In words, after "is".
    score
        The least score that reaches it.
    random
        Evaluations that random search needs in the median, exactly.
    """

    about: str
    score: float
    random: int

    def first(self, best: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return in which evaluation each trial reached it; infinite where it did not.

        Parameters
        ----------
        best
            (trials, evaluations) best score so far.
        """
        reached = best >= self.score
        return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def goals_of(data: BenchmarkData) -> tuple[Goal, Goal]:
    """Return the top of a table, and all that is better than every baseline."""
    law, top, entries = exact(data)
    baseline = max(data.score(data.space.resolve(text).entry) for text in BASELINES)
    better = law.scores[law.scores > baseline]
    count = len(data.covered)
    return (
        Goal("in the top hundredth", top, evaluations_to_hit(count, entries)),
        Goal(
            "better than every baseline",
            float(better.min()) if better.size else np.inf,
            evaluations_to_hit(count, max(1, better.size)),
        ),
    )


def median_with_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the lower median and its bootstrap interval; any of them may be infinite."""
    rng = np.random.default_rng(SEED)
    drawn = np.sort(values[rng.integers(values.size, size=(2000, values.size))], axis=1)
    middles = np.sort(drawn[:, (values.size - 1) // 2])
    return float(np.sort(values)[(values.size - 1) // 2]), float(middles[49]), float(middles[1949])


def count(value: float) -> str:
    """Return a number of evaluations; never where it is infinite."""
    return f"{value:.0f}" if np.isfinite(value) else "never"


def ranking(made: dict[str, Searches], finals: dict[str, NDArray[np.float64]], top: Goal) -> str:
    """Return the table of optimisers, the best first."""
    heads = [f"after {mark}" for mark in MARKS]
    lines = [
        "| optimiser | searches | mean rank | " + " | ".join(heads) + " | mean at the end | "
        "evaluations to the top | reached | test |",
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
        test = pl.Series(found.finals["test_accuracy"]).to_numpy()
        low, high = bootstrap_interval(finals[name], np.random.default_rng(SEED))
        first = top.first(found.best)
        middle, least, most = median_with_interval(first)
        lines.append(
            f"| `{name}` | {len(first)} | {rank:.2f} | {' | '.join(regret)} | "
            f"{finals[name].mean():.4f} [{low:.4f}, {high:.4f}] | {count(middle)} "
            f"[{count(least)}, {count(most)}] | "
            f"{np.isfinite(first).mean():.0%} | {np.nanmedian(test):.4f} |"
        )
    lines.append(
        "\nRegret: median (quartiles). Mean rank: among the ends of all trials, as a share, 0 the "
        "best. Test: median test accuracy of the incumbents."
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
    for group, said in ((better, "better than"), (worse, "worse than"), (same, "not told from")):
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


def budgets(made: dict[str, Searches]) -> str:
    """Return the table of seconds a search against the budgets."""
    lines = ["| optimiser | ms a search | budget |", "|---|---|---|"]
    for name, found in made.items():
        said = ""
        if name in BUDGETS:
            count, seconds = BUDGETS[name]
            share = count * found.each_s / seconds
            said = f"{seconds:g} s for {count:,} searches: {share:.2f} of it used"
        lines.append(f"| `{name}` | {1e3 * found.each_s:.1f} | {said} |")
    lines.append(
        "\nProcessor time of one thread of an AMD Zen 5, while other work ran beside it; "
        "`python benchmarks/simulation.py` measures wall time and ratios on a quiet machine."
    )
    return "\n".join(lines)


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
    better_map = " better than either" in said[-1] and "not better" not in said[-1]
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
    made: dict[str, Searches],
    finals: dict[str, NDArray[np.float64]],
    goals: tuple[Goal, Goal],
) -> str:
    """Say whether surrogate search finds a top function in tens of evaluations."""
    lines = ["**2. Surrogate search finds a top function in tens of evaluations.**\n"]
    lines += ["| optimiser | " + " | ".join(goal.about for goal in goals) + " |", "|---|---|---|"]
    exactly = [f"{goal.random:,} (exact)" for goal in goals]
    lines.append("| `random` | " + " | ".join(exactly) + " |")
    for name in mean_ranks(finals):
        if plain_name(name) not in ("aquasurf", "knn", "gp-ei", "gp-thompson", "forest-ei", "tpe"):
            continue
        cells = [interval(goal.first(made[name].best)) for goal in goals]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    # Where a baseline is in the top, all that begin with the baselines have it at once.
    goal = goals[1] if goals[0].score <= goals[1].score else goals[0]
    middle, low, high = median_with_interval(goal.first(made["aquasurf"].best))
    if high < goal.random:
        verdict = "Confirmed on the stored map"
    else:
        verdict = "Refuted" if low >= goal.random else "Not shown for the reference search"
    lines.append(
        f"\nMedians, with intervals. **{verdict}**: `aquasurf` is {goal.about} after "
        f"{count(middle)} evaluations [{count(low)}, {count(high)}] where random search needs "
        f"{goal.random:,}.\n"
    )
    return "\n".join(lines)


def claim_draws(draws: list[Draw], goals: tuple[Goal, Goal]) -> str:
    """Say how much of the last claim hangs on the draw of the map."""
    about = (
        "**How much of this hangs on the draw of the map.** A map by UMAP is one of many: map 0 is "
        "the stored one, the others have another seed, or spectra moved by at most half of their "
        "rounding, 1/512. 100 searches on each; the intervals above know only of the trials on one "
        "map.\n"
    )
    parts = [about]
    for goal in goals:
        ends = [median_with_interval(goal.first(each.best)) for each in draws if not each.features]
        middles = [middle for middle, _, _ in ends]
        surely = sum(high < goal.random for _, _, high in ends)
        table = report(draws, lambda best, goal=goal: interval(goal.first(best)))
        parts.append(
            f"Evaluations until {goal.about}, and the mean regret at the end:\n\n{table}\n\n"
            f"`aquasurf` needs {count(min(middles))} to {count(max(middles))}, and surely fewer "
            f"than random search on {surely} of {len(ends)} maps.\n"
        )
    return "\n".join(parts)


def interval(values: NDArray[np.float64]) -> str:
    """Return the median of evaluations with its interval, as text."""
    middle, low, high = (count(value) for value in median_with_interval(values))
    return f"{middle} [{low}, {high}]"


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
    for name, failed in (
        ("diverged", diverged),
        (
            f"diverged, or at most {TRAINED_MARGIN} above chance",
            score <= data.chance + TRAINED_MARGIN,
        ),
    ):
        removed = failed & invalid
        recalls.append(removed.sum() / failed.sum())
        lines.append(
            f"| {name} | {failed.sum():,} | {removed.sum():,} ({recalls[-1]:.0%}) | "
            f"{removed.sum() / max(1, invalid.sum()):.1%} |"
        )
    share, sure = against(pairs, "fisher-filter:baselines=false", "random")
    seconds = SPECTRUM_S[data.table] * len(covered)
    mean_s = float(np.mean([data.cost_s[entry] for entry in data.covered]))
    verdict = "Confirmed" if recalls[0] > 0.5 else "Refuted"
    lines.append(
        f"\n**{verdict} on `{data.table}`**: of what it removes {(diverged & invalid).sum():,} of "
        f"{invalid.sum():,} diverge, and it removes {recalls[0]:.0%} of what diverges. Random "
        f"search with the filter ends better than without with probability {share:.2f}, "
        f"{'significantly' if sure else 'which may be chance'}. Spectra of all functions cost "
        f"{seconds:.0f} s, as much as {seconds / mean_s:.0f} trainings of this table."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
