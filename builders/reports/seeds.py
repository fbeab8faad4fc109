"""What seeds do to a table: noise, whether the first seed flatters, and how far estimates err.

``python -m builders.reports.seeds cnn`` reads the embedded runs at the default fidelity; without a
name, those of every table. ``--draw 60`` prints entries drawn at random from those that train,
one per line: ``act-bench sweep cnn --seeds 5 --expressions FILE --out sweeps/cnn-proxy-seeds``
trains them, and ``--runs sweeps/cnn-proxy-seeds`` reports on what is there of them; those of `cnn`
are ``docs/calibration/cnn-seeds.parquet``. Prints Markdown, as it stands in docs/.

Noise is the standard deviation of one run, pooled as root mean square. Entries *drawn at random*
are those before the first entry with one seed in the order of all sweeps, which is by hashes: so
nothing chose them. A network is *symmetric in sign* where each activation is followed by a
linear layer alone: with f or -f it is statistically the same network.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench import load_runs, load_table
from act_bench.spaces.paper import load_space
from act_bench.tables.estimates import score_matrix, shrink
from act_bench.tables.files import tables_with_data
from act_bench.tables.registry import TABLES, TableInfo
from builders.reports.fisher.report import negated_pairs
from builders.tables import read_runs
from regenerate.sweeps.sweep import shuffled

SYMMETRIC: Final = ("mlp", "cnn")
"""Tables whose networks are symmetric in sign: the others add or multiply activations."""

LARGE: Final = 0.03
SEVERAL: Final = 3
"""Seeds that the estimate is given of an entry with more, the others being held out."""
TOP: Final = 50
FURTHER: Final = 300
"""Entries of a table with many seeds that keep three, as the best of the other tables do."""

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]


def drawn(scores: Scores) -> Mask:
    """Return which entries are a fair sample of all, each with every seed of the table."""
    space = load_space()
    order = np.array([space.entry_of[text] for text in shuffled(space.representatives)])
    complete = ran(scores)[order].all(axis=1)
    until = int(np.argmin(complete)) if not complete.all() else len(order)
    found = np.zeros(len(order), dtype=np.bool_)
    found[order[:until]] = True
    return found


def ran(scores: Scores) -> Mask:
    """Return where there is a run: diverged ones are -inf in these reports, and NaN means none."""
    return ~np.isnan(scores)


def pooled(scores: Iterable[Scores]) -> float:
    """Return the standard deviation of one run, pooled over entries as root mean square.

    Examples
    --------
    >>> round(pooled([np.array([0.5, 0.6]), np.array([0.5, 0.5])]), 3)
    0.05
    """
    squares, freedom = 0.0, 0
    for each in scores:
        known = each[np.isfinite(each)]
        if len(known) > 1:
            squares += float(np.square(known - known.mean()).sum())
            freedom += len(known) - 1
    return float(np.sqrt(squares / freedom)) if freedom else float("nan")


def with_error(differences: Scores) -> str:
    """Return a mean with its standard error, as text."""
    if len(differences) < 2:
        return "-"
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return f"{differences.mean():+.4f} ± {error:.4f}"


def matrix(runs: pl.DataFrame, info: TableInfo) -> Scores:
    """Return scores by entry and seed: NaN without a run, -inf where it diverged."""
    filled = runs.with_columns(
        pl.when(pl.col("outcome") == "diverged").then(np.inf).otherwise(info.metric).alias("value")
    )
    values = score_matrix(
        filled.select("entry", "seed", pl.col("value").alias(info.metric)),
        info,
        len(load_space().representatives),
    )
    return np.where(np.isposinf(values) | np.isneginf(values), -np.inf, values)


def print_seeds(runs: pl.DataFrame, scores: Scores) -> None:
    """Print how many entries have how many seeds, and which processors trained each seed."""
    print("| seeds | entries |\n|---|---|")
    numbers, counts = np.unique(ran(scores).sum(axis=1), return_counts=True)
    for number, count in zip(numbers, counts, strict=True):
        print(f"| {number} | {count:,} |")
    print("\n| processor | seeds | runs |\n|---|---|---|")
    places = runs["versions"].map_elements(_place, pl.String)
    for (place,), some in runs.with_columns(place=places).group_by("place", maintain_order=True):
        seeds = ", ".join(map(str, some["seed"].unique().sort()))
        print(f"| {place} | {seeds} | {some.height:,} |")


def _place(versions: str) -> str:
    about = json.loads(versions)
    return f"{about.get('processor')}, {about.get('instructions')}"


def print_noise(info: TableInfo, scores: Scores) -> None:
    """Print the noise of one run among several kinds of entries, and from pairs f, -f."""
    trains = scores[:, 0] > info.trained_score
    finite = np.isfinite(scores)
    several = trains & (finite[:, 1:].sum(axis=1) > 1)
    random = drawn(scores) & several
    print("\n| entries that train | entries | one run, root mean square | median |")
    print("|---|---|---|---|")
    for name, chosen in {
        "with several seeds, without the first": several,
        "of these drawn at random": random,
        "of these chosen as the best": several & ~random,
    }.items():
        rows = [row[1:][np.isfinite(row[1:])] for row in scores[chosen]]
        if rows:
            each = np.median([row.std(ddof=1) for row in rows])
            print(f"| {name} | {len(rows):,} | {pooled(rows):.4f} | {each:.4f} |")
    if info.name in SYMMETRIC:
        pairs = negated_pairs()
        pairs = pairs[(scores[pairs, 0] > info.trained_score).all(axis=1)]
        gap = scores[pairs[:, 0], 0] - scores[pairs[:, 1], 0]
        noise = np.sqrt(np.mean(np.square(gap)) / 2)
        print(
            f"\n{len(pairs)} pairs f, -f that both train with seed 0: one run "
            f"{noise:.4f} (root mean square), {np.median(np.abs(gap)) / 0.9539:.4f} (from the "
            f"median); {(np.abs(gap) > LARGE).sum()} pairs differ by more than {LARGE}."
        )


def print_first_seed(info: TableInfo, scores: Scores) -> None:
    """Print whether the first seed is above the others, over entries drawn at random."""
    trains = scores[:, 0] > info.trained_score
    several = trains & (np.isfinite(scores[:, 1:]).sum(axis=1) > 0)
    random = drawn(scores) & several
    rest = np.array([row[np.isfinite(row)].mean() for row in scores[random][:, 1:]])
    print(
        f"\nSeed 0 less the mean of the others, {random.sum()} entries drawn at random that train: "
        f"{with_error(scores[random, 0] - rest)}."
    )
    offset = shrink(np.where(np.isfinite(scores), scores, np.nan), info.trained_score).offset
    print(f"The same over all with several seeds, after shrinking: {offset:+.4f}.")


def held_out(scores: Scores) -> tuple[Scores, Scores]:
    """Return scores that the estimate may see, and the mean of the seeds that it may not.

    One seed of every entry is shown. Of a table with more than three, three are shown of the best
    300 by the first and of 100 drawn at random, for the noise, and the others are held out. Of a
    table with three, all are shown of the entries that have them, and seeds 1 and 2 are held out
    from the estimate of the entry itself: that they tell the noise and the offset of all entries
    is left as it is.
    """
    known = np.where(np.isfinite(scores), scores, np.nan)
    if scores.shape[1] > SEVERAL:
        shown = known[:, :SEVERAL].copy()
        order = np.argsort(-np.nan_to_num(known[:, 0], nan=-np.inf))
        some = np.concatenate([order[:FURTHER], np.flatnonzero(drawn(scores))[:100]])
        alone = np.setdiff1d(np.arange(len(shown)), some)
        shown[alone, 1:] = np.nan
        hidden = known[:, SEVERAL:]
    else:
        shown, hidden = known, known[:, 1:]
    count = np.isfinite(hidden).sum(axis=1)
    mean = np.where(count > 1, np.nansum(hidden, axis=1) / np.maximum(count, 1), np.nan)
    spread = np.array([pooled([row]) for row in hidden]) / np.sqrt(np.maximum(count, 1))
    return shown, np.stack([mean, spread], axis=1)


def print_held_out(info: TableInfo, scores: Scores) -> None:
    """Print how far measurement and estimate, from seed 0 alone, are from held-out seeds."""
    shown, hidden = held_out(scores)
    alone = np.full_like(shown, np.nan)
    alone[:, 0] = shown[:, 0]
    # Every entry once as it is shown, for prior and noise, and once with its first seed alone.
    found = shrink(np.concatenate([shown, alone]), info.trained_score)
    estimate, spread = found.mean[len(shown) :], found.std[len(shown) :]
    first = shown[:, 0]
    usable = np.isfinite(hidden[:, 0]) & np.isfinite(estimate)
    order = np.argsort(-np.where(usable, first, -np.inf))
    print("\n| from seed 0 alone, against held-out seeds | entries | mean error, measured ", end="")
    print("| estimated | root mean square error, measured | estimated | expected |")
    print("|---|---|---|---|---|---|---|")
    for name, chosen in {"all": np.flatnonzero(usable), f"best {TOP}": order[:TOP]}.items():
        raw, better = first[chosen] - hidden[chosen, 0], estimate[chosen] - hidden[chosen, 0]
        expected = np.sqrt(np.mean(np.square(spread[chosen]) + np.square(hidden[chosen, 1])))
        print(
            f"| {name} | {len(chosen):,} | {raw.mean():+.4f} | {better.mean():+.4f} "
            f"| {np.sqrt(np.mean(raw**2)):.4f} | {np.sqrt(np.mean(better**2)):.4f} "
            f"| {expected:.4f} |"
        )


def draw(info: TableInfo, scores: Scores, count: int, seed: int = 0) -> list[str]:
    """Return entries drawn at random from those that train with the first seed."""
    trained = np.flatnonzero(scores[:, 0] > info.trained_score)
    chosen = np.sort(np.random.default_rng(seed).choice(trained, count, replace=False))
    return [load_space().representatives[entry] for entry in chosen]


def print_drawn(info: TableInfo, scores: Scores, source: Path) -> None:
    """Print what the runs of a sweep over drawn entries say of each seed."""
    again = matrix(read_runs(source), info)
    complete = ran(again).all(axis=1)
    finite = np.isfinite(again).all(axis=1)
    before = np.isfinite(scores[:, 1:]).any(axis=1)
    same = complete & (np.abs(again[:, 0] - scores[:, 0]) < 1e-12)
    print(
        f"\n{complete.sum()} entries drawn at random with {again.shape[1]} seeds; "
        f"{(complete & ~finite).sum()} diverge with some seed; seed 0 repeats the record to the "
        f"last bit in {same.sum()}."
    )
    print("\n| seed | less the mean of the others, all | entries that had seed 0 alone |")
    print("|---|---|---|")
    for seed in range(again.shape[1]):
        gap = again[:, seed] - np.delete(again, seed, axis=1).mean(axis=1)
        cells = [with_error(gap[chosen]) for chosen in (finite, finite & ~before)]
        print(f"| {seed} | {' | '.join(cells)} |")
    print(
        f"\nOne run, root mean square over {finite.sum()} entries: {pooled(again[finite]):.4f}; "
        f"without what all entries share of a seed: "
        f"{pooled(again[finite] - again[finite].mean(axis=0)):.4f}."
    )
    print_confirmed(info, again, scores, np.asarray(finite & ~before))


def print_confirmed(info: TableInfo, again: Scores, scores: Scores, alone: Mask) -> None:
    """Print how far the record and the estimate are from later seeds, where seed 0 was alone."""
    estimate = (
        load_table(info.name, columns=["estimate"], rate="own")["estimate"].cast(float).to_numpy()
    )
    later = again[alone, 1:].mean(axis=1)
    print(f"\n| of {alone.sum()} entries with seed 0 alone, less the mean of seeds 1 to ", end="")
    print(f"{again.shape[1] - 1} | mean | root mean square |\n|---|---|---|")
    for name, values in {
        "the record, seed 0": scores[alone, 0],
        "the estimate": estimate[alone] * info.score(1.0),
    }.items():
        gap = values - later
        print(f"| {name} | {with_error(gap)} | {np.sqrt(np.mean(gap**2)):.4f} |")


def main() -> None:
    """Print the reports that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", nargs="?", choices=list(TABLES))
    parser.add_argument("--draw", type=int, help="print so many entries that train, and no more")
    parser.add_argument("--runs", type=Path, help="sweep of entries drawn at random")
    options = parser.parse_args()
    for name in [options.table] if options.table else tables_with_data():
        info = TABLES[name]
        columns = ["entry", "seed", "outcome", info.metric, "versions"]
        runs = load_runs(name, info.default_fidelity, columns)
        scores = matrix(runs, info)
        if options.draw:
            print("\n".join(draw(info, scores, options.draw)))
            continue
        print(f"## {name}-{info.default_fidelity}\n")
        if not info.higher_is_better:
            print("Differences and errors are of the score, minus the loss: above 0 is better.\n")
        print_seeds(runs, scores)
        print_noise(info, scores)
        print_first_seed(info, scores)
        print_held_out(info, scores)
        if options.runs:
            print_drawn(info, scores, options.runs)
        print()


if __name__ == "__main__":
    main()
