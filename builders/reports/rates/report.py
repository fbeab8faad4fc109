"""What the learning rate does to a table: who changes places when every function is tuned.

``python -m builders.reports.rates.report mlp`` reads the embedded tables of learning rates;
``... --runs FOLDER`` takes those of sweeps besides, finished or not. Prints Markdown; ``--write``
puts the sections of all tables into ``docs/studies/rates.md``.

Functions are counted by canonical class (the entry of each class that comes first), so that
spellings of one function count once. Intervals are bootstrap ones of 95 %, over functions.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.files.atomic import replacing
from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import finite_outputs, load_space
from act_bench.tables.files import table_files
from act_bench.tables.rates import fresh_spread, fresh_spread_of, table_rates, tuned_name
from act_bench.tables.registry import TABLES
from builders.rates import RATE
from builders.reports.agreement.between import stuck_in_words
from builders.reports.rates.axis import Axis, Scores, axis, runs_of
from builders.reports.rates.held_out import estimated
from builders.reports.rates.one_machine import slowness
from builders.reports.seeds import with_error
from surrogates.significance import spearman_interval

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "studies" / "rates.md"
BEGIN: Final = "<!-- begin: python -m builders.reports.rates.report -->"
END: Final = "<!-- end -->"
TOP = 50
SHOWN = 10
ENOUGH: Final = 0.9
"""Share of some functions that needs fresh seeds: those that have none are no random ones."""


def coverage(runs: dict[float, pl.DataFrame], own_rate: float) -> str:
    """Return what was trained at each rate, at which cost and where."""
    columns = (
        "rate | entries | runs | core-hours | seconds a run that does not diverge | "
        "against the recipe's own, same functions | processors"
    )
    lines = [f"| {columns} |", "|" + "---|" * 7]
    for rate, of_rate in runs.items():
        made = Counter(json.loads(text)["processor"] for text in of_rate["versions"].to_list())
        where = ", ".join(f"{name} ({count:,})" for name, count in made.most_common())
        entries, hours = of_rate["entry"].n_unique(), of_rate["runtime_s"].sum() / 3600
        seconds = of_rate.filter(pl.col("outcome") == "ok")["runtime_s"].to_numpy().mean()
        ratio = slowness(of_rate, runs[own_rate])
        numbers = f"{rate:g} | {entries:,} | {of_rate.height:,} | {hours:.2f} | {seconds:.3g}"
        lines.append(f"| {numbers} | {ratio:.2f} | {where} |")
    return "\n".join(lines)


def outcomes(found: Axis) -> str:
    """Return how often the rate decides whether a function trains, is at chance or diverges."""
    kind = np.where(np.isnan(found.first), 0, np.where(found.trains, 2, 1))[found.complete]
    always = (kind == 0).all(axis=1)
    rest = kind[~always]
    changed = (rest != rest[:, :1]).any(axis=1)
    gained = (rest[:, found.own] != 2) & (rest == 2).any(axis=1)
    return (
        f"Of {len(kind):,} functions with a run at every rate {always.sum():,} diverge at all of "
        f"them. Of the other {len(rest):,}, {changed.mean():.1%} change their outcome (trains, "
        f"{stuck_in_words(found.info, found.info.default_fidelity)}, diverged) with the rate; "
        f"{gained.sum():,} that do not train at the recipe's own rate train at another."
    )


def best_rates(found: Axis) -> str:
    """Return at which rate functions are best, and what they gain over the recipe's own."""
    chosen = found.complete & found.trains.any(axis=1)
    worth = found.worth[chosen]
    best, gain = worth.argmax(axis=1), worth.max(axis=1) - worth[:, found.own]
    groups = {
        "all that train": np.ones(len(best), bool),
        f"best {TOP} at the recipe's own rate": rank(worth[:, found.own]) < TOP,
        "baselines": np.isin(found.entry[chosen], _baseline_entries()),
    }
    head = " | ".join(f"{rate:g}" for rate in found.rates)
    lines = [
        f"| functions | n | best at {head} | mean gain by seed 0 |",
        "|---|---|" + "---|" * (len(found.rates) + 1),
    ]
    for name, members in groups.items():
        cells = " | ".join(map(str, np.bincount(best[members], minlength=len(found.rates))))
        lines.append(f"| {name} | {members.sum():,} | {cells} | {gain[members].mean():.4f} |")
    return "\n".join(lines)


def gains(found: Axis) -> str:
    """Return what a rate of its own gives a function, by seeds that had no part in choosing it."""
    tuned = found.scores(found.tuned, f"fresh_{found.info.metric}")
    first = np.where(found.complete, found.worth.max(axis=1), -np.inf)
    default = np.where(found.complete, found.worth[:, found.own], -np.inf)
    trains = found.complete & found.trains.any(axis=1)
    groups = {
        "drawn at random, of those that train": found.drawn & trains,
        f"best {TOP} at the recipe's own rate": rank(default) < TOP,
        f"best {TOP} when tuned": rank(first) < TOP,
        "baselines": np.isin(found.entry, _baseline_entries()),
    }
    lines = [
        "| by fresh seeds | n | recipe's own rate | tuned | gain |",
        "|---|---|---|---|---|",
    ]
    for name, members in groups.items():
        both = members & np.isfinite(tuned) & np.isfinite(found.own_fresh)
        if both.sum() > ENOUGH * members.sum():
            before, after = found.own_fresh[both], tuned[both]
            shown = [f"{found.info.score(each.mean()):.4f}" for each in (before, after)]
            lines.append(
                f"| {name} | {both.sum():,} of {members.sum():,} | {' | '.join(shown)} | "
                f"{with_error(after - before)} |"
            )
    return "\n".join(lines) if len(lines) > 2 else "No fresh seeds at both rates yet."


def _baseline_entries() -> list[int]:
    """Return the first entry of each baseline's class."""
    space = load_space()
    classes = [space.canonical_class[space.resolve(text).entry] for text in BASELINES]
    return [space.canonical_class.index(each) for each in classes]


def rank(values: Scores) -> NDArray[np.int64]:
    """Return the rank of each value, 0 for the highest; of equals the first comes first.

    Examples
    --------
    >>> rank(np.array([0.2, 0.9, 0.5])).tolist()
    [2, 0, 1]
    """
    places = np.empty(len(values), np.int64)
    places[np.argsort(-values, kind="stable")] = np.arange(len(values))
    return places


def confirmed(found: Axis) -> bool:
    """Return whether the best when tuned have fresh seeds, all but a few.

    A table whose second rate has just been trained has them at its own rate alone. What they say is
    then of the functions that this rate suits.
    """
    tuned = found.tuned.filter(pl.Series(found.complete))
    first = np.nan_to_num(found.scores(tuned, found.info.metric), nan=-np.inf)
    fresh = tuned["fresh_runs"].to_numpy() > 0
    return bool(fresh[rank(first) < TOP].mean() > ENOUGH)


def top(found: Axis) -> str:
    """Return how many of the best at the recipe's own rate are among the best when tuned."""
    complete = found.complete
    default = rank(found.worth[complete, found.own]) < TOP
    tuned = found.tuned.filter(pl.Series(complete))
    first = np.nan_to_num(found.scores(tuned, found.info.metric), nan=found.info.worst_score)
    by_first = rank(first) < TOP
    text = (
        f"Of the best {TOP} at the recipe's own rate {(default & by_first).sum()} are among the "
        f"best {TOP} when tuned, by seed 0."
    )
    fresh = np.nan_to_num(found.scores(tuned, f"fresh_{found.info.metric}"), nan=-np.inf)
    enough = int(np.isfinite(fresh).sum())
    if enough >= 2 * TOP and confirmed(found):
        both = (default & (rank(fresh) < TOP)).sum()
        text += f" By fresh seeds, which {enough:,} functions have, {both} are."
    return text


def doubled(found: Axis) -> str:
    """Return in how many pairs twice a function beats the function, before and after tuning."""
    outputs = finite_outputs(load_space().outputs)[found.entry].astype(float)
    known = {(row.round(5) + 0.0).tobytes(): place for place, row in enumerate(outputs)}
    eligible = found.complete & found.trains.any(axis=1)
    pairs = [
        (once, twice)
        for once, row in enumerate(outputs)
        if (twice := known.get(((2 * row).round(5) + 0.0).tobytes(), once)) != once
        and (eligible[once] or eligible[twice])
        and found.complete[[once, twice]].all()
    ]
    if not pairs:
        return "No pairs f, 2f."
    once, twice = np.array(pairs).T
    worth = found.worth
    default = worth[twice, found.own] - worth[once, found.own]
    tuned = worth[twice].max(axis=1) - worth[once].max(axis=1)
    return (
        f"Pairs f, 2f of which one trains: {len(pairs)}. At the recipe's own rate 2f is better in "
        f"{(default > 0).sum()} and worse in {(default < 0).sum()} (mean gain "
        f"{default.mean():+.4f}); with both tuned, in {(tuned > 0).sum()} and {(tuned < 0).sum()} "
        f"({tuned.mean():+.4f})."
    )


def deviation(found: Axis) -> str:
    """Return how the spread of a function's outputs goes with the score, before and after."""
    spread = finite_outputs(load_space().outputs)[found.entry].astype(float).std(axis=1)
    chosen = found.complete & found.trains[:, found.own]
    before = correlation(spread[chosen], found.worth[chosen, found.own])
    after = correlation(spread[chosen], found.worth[chosen].max(axis=1))
    return (
        "Spearman of the standard deviation of a function's outputs with its "
        f"{'accuracy' if found.info.higher_is_better else 'negated loss'}, over the "
        f"{chosen.sum():,} functions that train at the recipe's own rate: {before} there, {after} "
        "when tuned."
    )


def seeds(found: Axis) -> str:
    """Return how well seeds agree at the tuned rate, and how much the choice flatters seed 0."""
    info = found.info
    trains = found.scores(found.tuned, info.metric) > info.trained_score
    table = found.tuned.filter(
        pl.col("outcome") == "ok", pl.col("fresh_runs") > 0, pl.Series(trains)
    )
    if table.height < 3 or not confirmed(found):
        return "No fresh seeds of the best when tuned yet."
    first = found.scores(table, info.metric)
    fresh = found.scores(table, f"fresh_{info.metric}")
    flattery = first - fresh
    error = flattery.std(ddof=1) / np.sqrt(len(flattery))
    word = "higher" if info.higher_is_better else "better"
    disagree = int((table["fresh_diverged_runs"] > 0).sum())
    return (
        f"{table.height:,} functions that train have fresh seeds at their tuned rate. Seed 0 and "
        f"the mean of the fresh ones agree at {correlation(first, fresh)}. Seed 0, which chose the "
        f"rate, is {flattery.mean():.4f} ± {error:.4f} {word}. For {disagree:,} "
        f"({disagree / table.height:.1%}) some fresh seed diverges where seed 0 does not."
    )


def correlation(a: Scores, b: Scores) -> str:
    """Return Spearman's correlation with its bootstrap interval over functions, in words.

    Examples
    --------
    >>> correlation(np.arange(20.0), np.arange(20.0))
    '1.00 [1.00, 1.00]'
    """
    found, low, high = spearman_interval(a, b, np.random.default_rng(0))
    return f"{found:.2f} [{low:.2f}, {high:.2f}]"


def best(found: Axis) -> str:
    """Return the functions that are best by fresh seeds; an empty text before they have them."""
    if not confirmed(found):
        return ""
    name = f"fresh_{found.info.metric}"
    places = np.argsort(-np.nan_to_num(found.scores(found.tuned, name), nan=-np.inf))[:SHOWN]
    rows = [found.tuned.row(int(place), named=True) for place in places]
    lines = ["| best by fresh seeds | tuned rate | seed 0 | fresh mean | fresh seeds |"]
    lines.append("|---|---|---|---|---|")
    lines += [
        f"| `{row['expression']}` | {row[RATE]:g} | {row[found.info.metric]:.4f} | "
        f"{fresh_mean(found, row)} | {row['fresh_runs']} |"
        for row in rows
        if row[name] is not None
    ]
    return "\n".join(lines)


def fresh_mean(found: Axis, row: dict[str, Any]) -> str:
    """Return the mean of a function's fresh seeds with its standard error; empty without any."""
    name, count = f"fresh_{found.info.metric}", row["fresh_runs"]
    if row[name] is None:
        return ""
    spread = fresh_spread_of(row, found.info, fresh_spread(found.tuned, found.info))
    return f"{row[name]:.4f} ± {spread.deviation / count**0.5:.4f}"


def baselines(found: Axis) -> str:
    """Return the baselines at every rate with seed 0, and tuned with fresh seeds."""
    space = load_space()
    head = " | ".join(f"{rate:g}" for rate in found.rates)
    lines = [
        f"| function | {head} | tuned rate | fresh mean | fresh seeds |",
        "|---|" + "---|" * (len(found.rates) + 3),
    ]
    of_class = {space.canonical_class[entry]: place for place, entry in enumerate(found.entry)}
    for text in BASELINES:
        place = of_class[space.canonical_class[space.resolve(text).entry]]
        cells = [
            ("diverged" if np.isnan(value) else f"{found.info.score(value):.4f}") if ran else ""
            for value, ran in zip(found.first[place], found.measured[place], strict=True)
        ]
        row = found.tuned.row(place, named=True)
        rate = "" if row[RATE] is None else f"{row[RATE]:g}"
        fresh, count = fresh_mean(found, row), row["fresh_runs"]
        lines.append(f"| `{text}` | {' | '.join(cells)} | {rate} | {fresh} | {count} |")
    return "\n".join(lines)


def page(table: str, runs: dict[float, pl.DataFrame]) -> str:
    """Return the report on one table as Markdown."""
    found = axis(table, runs)
    sections = (outcomes, best_rates, gains, top, best, doubled, deviation, seeds, baselines)
    cost = coverage(runs, found.rates[found.own])
    made = [f"## {table}", cost, *(each(found) for each in sections)]
    if tuned_name(table) in table_files(table) and confirmed(found):
        made.append(estimated(table))
    return "\n\n".join(filter(None, made)) + "\n"


def write(sections: list[str]) -> None:
    """Put the sections between the two marks in the document."""
    head, rest = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)
    text = "\n".join(sections)
    with replacing(DOCUMENT) as draft:
        draft.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main() -> None:
    """Print the report, or write it into docs/studies/rates.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", choices=list(TABLES))
    parser.add_argument("--runs", type=Path, action="append", default=[])
    parser.add_argument("--write", action="store_true", help=f"All embedded, into {DOCUMENT.name}.")
    options = parser.parse_args()
    tables = [name for name in TABLES if table_rates(name)]
    if options.write:
        write([page(name, runs_of(name, [])) for name in tables])
        return
    for name in [options.table] if options.table else tables:
        print(page(name, runs_of(name, options.runs)))


if __name__ == "__main__":
    main()
