"""What a table holds: outcomes, cost, baselines, the best entries, and how well seeds agree.

``python -m builders.reports.table_report cnn`` reads the embedded runs of a table at its default
fidelity (``--fidelity`` takes another), ``... cnn --runs FOLDER`` those of a sweep, finished or
not; without a table it reports every embedded one. Prints Markdown, as it stands in ``docs/``.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from act_bench import load_runs
from act_bench.functions.expression import parse
from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import load_space
from act_bench.tables.aggregation import is_diverged, medians, ranks
from act_bench.tables.catalogued.literature import load_literature
from act_bench.tables.files import embedded_fidelities
from act_bench.tables.registry import TABLES, choose_fidelity
from act_bench.tables.schema import METRICS
from builders.reports.agreement.between import Measured, other_tables, print_agreement_with
from builders.tables import read_runs
from surrogates.significance import spearman

TOP = 10

OFFSET = 0.3
"""Magnitude at 0 above which a function counts as having an offset."""

OWN_ERROR = 5
"""With so many finite runs an entry's standard error is from its own runs, else from entries like
it: two or three numbers say little about a standard deviation."""

NEIGHBOURS = 50
"""How many entries of nearest median that estimate rests on."""

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Report:
    """One table at one fidelity, reduced to what the sections below need.

    Parameters
    ----------
    table, fidelity
        Which one.
    runs
        The run columns but for curves.
    ran
        (entries, seeds): whether there is a run.
    score
        (entries, seeds) scores: the metric of the table, a loss negated; NaN where a run diverged
        or there is none.
    """

    table: str
    fidelity: str
    runs: pl.DataFrame
    ran: Mask
    score: Scores

    @classmethod
    def of(
        cls, table: str, fidelity: str, runs: pl.DataFrame, entries: int, metric: str | None = None
    ) -> Report:
        """Return the report of runs, with the run columns but for curves; by the table's metric."""
        info = TABLES[table]
        seeds = runs["seed"].unique().sort()
        place = runs["entry"].to_numpy(), seeds.search_sorted(runs["seed"]).to_numpy()
        ran = np.zeros((entries, len(seeds)), dtype=np.bool_)
        score = np.full(ran.shape, np.nan)
        ran[place] = True
        score[place] = runs[metric or info.metric].cast(float).to_numpy() * info.score(1.0)
        return cls(table, fidelity, runs, ran, score)

    @property
    def present(self) -> Mask:
        """Entries with at least one run."""
        return np.asarray(self.ran.any(axis=1))

    @property
    def complete(self) -> Mask:
        """Entries with a run for every seed."""
        return np.asarray(self.ran.all(axis=1))

    @cached_property
    def median(self) -> Scores:
        """Median score of each entry; NaN if it diverged or has no run."""
        return medians(self.score, self.ran)

    @property
    def diverged(self) -> Mask:
        """Entries that count as diverged."""
        return self.present & np.isnan(self.median)

    @property
    def trained(self) -> Mask:
        """Entries that train."""
        return self.median > TABLES[self.table].trained_score_at(self.fidelity)

    @property
    def measured(self) -> Measured:
        """What other tables are compared with."""
        return Measured(TABLES[self.table], self.fidelity, self.median, self.present)

    def value(self, score: float) -> float:
        """Return a score in the unit of the metric."""
        return TABLES[self.table].score(score)


def print_outcomes(report: Report) -> None:
    """Print how many entries train, and what the training cost."""
    runs, present, score = report.runs, report.present, report.median
    counts = Counter(report.ran.sum(axis=1).tolist())
    shown = ", ".join(f"{count:,} with {seeds}" for seeds, count in sorted(counts.items()))
    print(f"{len(score):,} entries, {runs.height:,} runs; by number of seeds: {shown}.\n")
    cost = runs.group_by("entry").agg(pl.col("runtime_s").sum(), pl.len())
    spent, count = np.zeros(len(score)), np.zeros(len(score))
    spent[cost["entry"].to_numpy()] = cost["runtime_s"].to_numpy()
    count[cost["entry"].to_numpy()] = cost["len"].to_numpy()
    print("| outcome of the entry | share | mean seconds per run | minutes in all |")
    print("|---|---|---|---|")
    kinds = {
        "diverged": report.diverged,
        report.measured.stuck_in_words: present & ~report.diverged & ~report.trained,
        "trained": report.trained,
        "missing": ~present,
        "all": np.ones(len(score), dtype=bool),
    }
    for name, where in kinds.items():
        if name == "missing" and not where.any():
            continue
        each = f"{spent[where].sum() / count[where].sum():.3g}" if count[where].sum() else ""
        share = f"{where.mean():.1%} ({where.sum():,})"
        print(f"| {name} | {share} | {each} | {spent[where].sum() / 60:.1f} |")
    places = {
        ", ".join(str(about.get(key)) for key in ("processor", "instructions", "torch"))
        for about in map(json.loads, runs["versions"].unique())
    }
    devices = ", ".join(sorted(runs["device"].unique()))
    print(f"\nDevice: {devices} ({'; '.join(sorted(places))}).")
    trained = score[report.trained]
    if len(trained):
        quantiles = np.quantile(trained, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
        values = ", ".join(f"{report.value(value):.3f}" for value in quantiles)
        worst, best = "Minimum", "maximum"
        if not TABLES[report.table].higher_is_better:
            worst, best = "Highest loss", "lowest"
        print(
            f"{worst}, quantiles 0.1, 0.25, 0.5, 0.75, 0.9, {best} of those that train: {values}."
        )


def sampled(report: Report) -> Mask:
    """Return which complete entries were not taken for being the best in the first seed.

    More seeds are spent on the best of the first seed, on the baselines and on a random sample. The
    best are the longest run of complete entries from the top; what is left without the baselines is
    the sample. None if all entries are complete.
    """
    # After the finite ones come those that diverged, then those without a run.
    order = np.lexsort((~report.ran[:, 0], -ranks(report.score[:, 0])))
    leading = np.cumprod(report.complete[order]).astype(bool)
    others = report.complete.copy()
    others[order[leading]] = False
    others[[load_space().resolve(name).entry for name in BASELINES]] = False
    return others


def print_agreement(report: Report, splits: int = 20) -> None:
    """Print how well seeds agree with seeds, halves of the seeds with halves, and test with both.

    The halves are disjoint and drawn ``splits`` times.
    """
    score, complete, trained = report.score, report.complete, report.trained
    seeds = score.shape[1]
    print("\n| Spearman correlation | entries | mean | least |\n|---|---|---|---|")
    if seeds > 1 and complete.any():
        several = complete & trained
        kinds = {
            "all": complete,
            "that train": several,
            "better half of these": several & (report.median >= np.median(report.median[several])),
            "drawn at random": sampled(report),
            "drawn at random, that train": sampled(report) & trained,
        }
        for name, where in kinds.items():
            if where.sum() < 3:
                continue
            chosen = score[where]
            columns = [ranks(column) for column in chosen.T]
            pairs = [spearman(a, b) for a, b in combinations(columns, 2)]
            _print_correlations(f"seed and seed, {name}", len(chosen), pairs)
        rng = np.random.default_rng(0)
        orders = [rng.permutation(seeds) for _ in range(splits)]
        for name, where in kinds.items() if seeds > 3 else ():
            if where.sum() < 3:
                continue
            chosen, half = score[where], seeds // 2
            pairs = [
                spearman(*(ranks(medians(chosen[:, part])) for part in (o[:half], o[half:])))
                for o in orders
            ]
            _print_correlations(f"halves of the seeds, {name}", len(chosen), pairs)
    about = report.table, report.fidelity, report.runs, len(score)
    test = Report.of(*about, TABLES[report.table].test_metric).median
    across = spearman(report.median[trained], test[trained])
    _print_correlations("validation and test, that train", int(trained.sum()), [across])
    if seeds > 1 and complete.any():
        diverged = np.isnan(score[complete])
        mixed = int((diverged.any(axis=1) & ~diverged.all(axis=1)).sum())
        print(f"\nSome but not all seeds diverge: {mixed} of {len(diverged):,} entries.")
        known = score[_finite(report)]
        noise, level = known.std(axis=1, ddof=1), np.median(known, axis=1)
        middle = np.median(noise)
        print(f"Standard deviation between seeds, median over entries that train: {middle:.4f}.")
        quarters = np.array_split(noise[np.argsort(level)], 4)
        pooled = ", ".join(f"{np.sqrt(np.mean(each**2)):.4f}" for each in quarters if len(each))
        print(f"Pooled, by quarters of these from the worst to the best: {pooled}.")


def _print_correlations(name: str, entries: int, found: list[float]) -> None:
    least = f"{min(found):.3f}" if len(found) > 1 else ""
    print(f"| {name} | {entries:,} | {np.mean(found):.3f} | {least} |")


def _finite(report: Report) -> Mask:
    """Return the entries that train and have a finite run for every seed."""
    return report.trained & report.complete & np.isfinite(report.score).all(axis=1)


def row_of(report: Report, entry: int) -> str:
    """Return mean, standard error, median and rank of an entry as cells of a row."""
    score = report.score[entry][report.ran[entry]]
    finite = score[np.isfinite(score)]
    if not len(score):
        return "missing | | | |"
    if is_diverged(len(score), len(score) - len(finite)):
        return f"diverged | {len(score)} | | |"
    error = float("nan")
    if len(finite) >= OWN_ERROR:
        error = finite.std(ddof=1) / np.sqrt(len(finite))
    elif report.score.shape[1] > 1 and len(known := np.flatnonzero(_finite(report))):
        distance = np.abs(report.median[known] - report.median[entry])
        near = known[np.argsort(distance, kind="stable")[:NEIGHBOURS]]
        error = np.sqrt(report.score[near].var(axis=1, ddof=1).mean() / len(finite))
    mean = f"{report.value(finite.mean()):.4f}" + ("" if np.isnan(error) else f" ± {error:.4f}")
    note = f" ({len(score) - len(finite)} diverged)" if len(finite) < len(score) else ""
    rank = rankdata(-report.median, method="min", nan_policy="omit")[entry]
    return f"{mean}{note} | {len(score)} | {report.value(report.median[entry]):.4f} | {rank:.0f} |"


def print_best(report: Report) -> None:
    """Print the baselines and the best entries, with standard errors."""
    space, score = load_space(), report.score
    # Of equals those come first of which fewer runs diverged, then those of the higher mean.
    finite = np.isfinite(score)
    lost = (report.ran & ~finite).mean(axis=1)
    mean = np.nansum(score, axis=1) / np.maximum(finite.sum(axis=1), 1)
    columns = "mean ± standard error | seeds | median | rank |\n|---|---|---|---|---|"
    print(f"\n| baseline | {columns}")
    entries = {name: space.resolve(name).entry for name in BASELINES}
    for name in sorted(entries, key=lambda name: (lost[entries[name]], -mean[entries[name]])):
        print(f"| `{name}` | {row_of(report, entries[name])}")
    print(f"\n| best {TOP} by median | {columns}")
    # Of entries with fewer seeds than others the best are there by luck too.
    most = report.ran.sum(axis=1)
    candidates = np.flatnonzero(report.present & (most == most.max()))
    keys = (-mean[candidates], lost[candidates], -report.median[candidates])
    order = candidates[np.lexsort(keys)]
    for entry in order[:TOP].tolist():
        print(f"| `{space.representatives[entry]}` | {row_of(report, entry)}")
    if score.shape[1] > 1 and report.complete.any():
        several = np.flatnonzero(report.complete)
        first = several[np.argsort(-ranks(score[several, 0]), kind="stable")[:TOP]]
        alone, others = float(np.nanmean(score[first, 0])), float(np.nanmean(score[first, 1:]))
        print(
            f"\nThe best {TOP} of the first seed reach {report.value(alone):.4f} there and "
            f"{report.value(others):.4f} on average in the other seeds."
        )


def print_offsets(report: Report, best: int = 30) -> None:
    """Print how many of the best functions are not about 0 at 0, against the others that train."""
    entries = np.flatnonzero(report.trained)
    if len(entries) <= best:
        return
    space = load_space()
    order = entries[np.argsort(-report.median[entries], kind="stable")]
    at_zero = [parse(space.representatives[entry]).to_numpy()([0.0])[0] for entry in order]
    offset = ~(np.abs(at_zero) <= OFFSET)  # infinite or NaN counts as one
    print(
        f"\nOf the best {best} {offset[:best].mean():.0%} have an offset, |f(0)| > {OFFSET}; "
        f"of the other {len(order) - best:,} that train {offset[best:].mean():.0%}."
    )


def print_published(report: Report) -> None:
    """Print what the poster reports for this network against what is here."""
    network = TABLES[report.table].network
    published = load_literature().filter(
        (pl.col("source") == "bingham2023")
        & (pl.col("architecture") == network)
        & pl.col("entry").is_not_null()
    )
    for (table, dataset, split), rows in published.group_by(
        "table", "dataset", "split", maintain_order=True
    ):
        print(
            f"\n| poster, {table}: {dataset} | {split} | here: mean ± standard error | seeds",
            end="",
        )
        print(" | median | rank |\n|---|---|---|---|---|---|")
        rows = rows.sort("value", descending=True, maintain_order=True)
        for printed, value, entry in rows.select("printed", "value", "entry").iter_rows():
            print(f"| {printed} | {value:.4g} | {row_of(report, entry)}")
        entries = rows["entry"].to_numpy()
        there = report.present[entries]
        found = spearman(ranks(report.median[entries][there]), rows["value"].to_numpy()[there])
        print(f"\nSpearman correlation of these: {found:.2f} (n = {there.sum()}).")


def print_report(table: str, fidelity: str, source: Path | None) -> None:
    """Print all sections for the embedded runs of a table, or for those in a folder or file."""
    columns = ["entry", "seed", "outcome", *METRICS, "runtime_s", "device", "versions"]
    if source is None:
        runs = load_runs(table, fidelity, columns)
    else:
        runs = read_runs(source).filter(pl.col("fidelity") == fidelity).select(columns)
    entries = len(load_space().representatives)
    report = Report.of(table, fidelity, runs, entries)
    print(f"## {table}-{fidelity}\n")
    print_outcomes(report)
    print_agreement(report)
    print_best(report)
    print_offsets(report)
    print_published(report)
    print_agreement_with(report.measured, list(other_tables(table, fidelity)))


def main() -> None:
    """Print the reports that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", choices=list(TABLES))
    parser.add_argument("--fidelity", help="the table's default if not given")
    parser.add_argument("--runs", type=Path, help="folder with the parts of a sweep, or one file")
    arguments = parser.parse_args()
    if arguments.table is None:
        for table in TABLES:
            for fidelity in embedded_fidelities(table):
                print_report(table, fidelity, None)
                print()
        return
    fidelity = choose_fidelity(arguments.table, arguments.fidelity)
    print_report(arguments.table, fidelity, arguments.runs)


if __name__ == "__main__":
    main()
