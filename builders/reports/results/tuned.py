"""What searches over the tuned view end with, by the seed that chose the rates and by fresh ones.

``python -m builders.reports.results.tuned`` writes ``docs/studies/results/tuned.md`` and
``tuned.csv`` from the traces of the leaderboard, for every table that is tuned. In that view a
function has the value of one run, at the rate at which that run was best; its fresh seeds had no
part in the choice.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.files.atomic import replacing
from act_bench.functions.operators import BASELINES
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.loading import load_data
from act_bench.tables.files import table_files
from act_bench.tables.rates import tuned_name
from act_bench.tables.registry import TABLES
from builders.rates import FIRST_SEED
from builders.reports.results import retrained
from builders.reports.results.goals import (
    Goal,
    count,
    fresh_scores,
    goal_noise,
    goals_of,
    has_goals,
    median_with_interval,
)
from builders.reports.results.kept import DIGITS, EVALUATIONS, SEED, Searches, stored_searches
from builders.reports.results.uncertainty import (
    error_of_searches,
    error_of_seeds,
    interval,
    run_deviations,
    weights_of,
)
from surrogates.significance import bootstrap_interval

Values = NDArray[np.float64]
Row = dict[str, object]

HEAD: Final = """\
# Searches over tuned functions

{said}

Made by `python -m builders.reports.results.tuned` from the verified traces of the
[leaderboard](../../reference/protocol.md#the-leaderboard): searches of {evaluations} evaluations,
each the training of a function at all rates of its table. A search sees one run of each function,
at the rate at which that run was best, and *regret* is against the best of these values. *Ends
with* counts the different functions that the searches of an optimizer end with, the best that each
has seen. What these are worth is given by the seed that chose the rates and by its fresh seeds,
which had no part in that; both are in the metric of the table, means over the searches. Goals are
[by fresh seeds](goals.md): medians of evaluations, and the share of searches that arrive. Intervals
are of 95 %, over searches, by bootstrap; those of fresh seeds and of gains count the seeds too
([how](../../../builders/reports/results/uncertainty.py)): searches that end with the same function
share the luck of its seeds, so many such searches are no surer than one.

The second table of each section is for searches that do one thing more at their end: they train the
best 2, 5 or 10 functions that they have seen (by canonical class) with a second seed, each at its
rate, and take the one with the best mean of both seeds. *Best 1* is a search that does not. The
values are of the remaining fresh seeds; each fresh seed is the second one in turn. The gain is that
over *best 1*, in the same searches. Optimizers end with the same functions, so their gains go
together, and of many intervals some leave out 0 by chance.
Terms: [glossary](../../reference/glossary.md).
"""

COLUMNS: Final = (
    "| optimizer | regret at the end | ends with | by the seed that chose | by fresh seeds | until "
    "better than every baseline | until near the best |"
)


class Ends(NamedTuple):
    """What the searches of one optimizer end with.

    Attributes
    ----------
    entries
        (searches,) the best that each has seen.
    chosen, fresh
        (searches,) its score by the seed that chose the rates, and by fresh seeds.
    """

    entries: NDArray[np.int32]
    chosen: Values
    fresh: Values


def ends(data: BenchmarkData, searches: Searches) -> Ends:
    """Return what searches end with; what has no fresh seeds is NaN by them."""
    scores = np.array([data.score(entry) for entry in range(len(data.outcome))], np.float64)
    fresh = np.full(len(scores), np.nan)
    found = fresh_scores(data)
    fresh[found["entry"].to_numpy()] = found["score"].to_numpy()
    trained = searches.trained
    seen = np.where(trained >= 0, scores[trained], -np.inf)
    best = trained[np.arange(len(trained)), seen.argmax(axis=1)]
    return Ends(best, scores[best], fresh[best])


def rows(data: BenchmarkData, made: dict[str, Searches]) -> list[Row]:
    """Return one row for each optimizer, the least regret first."""
    near, beyond = goals_of(data)
    fresh_runs = np.isfinite(retrained.seed_scores(data))
    fresh_runs[:, FIRST_SEED] = False
    deviations = run_deviations(data)
    sign = 1 if TABLES[data.table].higher_is_better else -1
    found = []
    for name, searches in made.items():
        end = ends(data, searches)
        row: Row = {
            "table": data.table,
            "sha256": data.sha256,
            "optimizer": name,
            "searches": len(end.entries),
            "functions": len(set(end.entries.tolist())),
            "chosen": round(float(sign * end.chosen.mean()), DIGITS),
            "without_fresh": int(np.isnan(end.fresh).sum()),
        }
        regret, known = searches.regret[:, -1], np.isfinite(end.fresh)
        row |= _with_ends("regret", regret, bootstrap_interval(regret, np.random.default_rng(SEED)))
        fresh = sign * end.fresh[known]
        seeds = error_of_seeds(weights_of(end.entries[known], fresh_runs), deviations)
        errors = (error_of_searches(fresh), seeds)
        row |= _with_ends(
            "fresh", fresh, interval(float(fresh.mean()), *errors) if len(fresh) else ()
        )
        found.append(row | _reached("beyond", beyond, searches) | _reached("near", near, searches))
    return sorted(found, key=lambda row: (row["regret"], row["optimizer"]))


def _with_ends(name: str, values: Values, ends: tuple[float, ...]) -> Row:
    if not len(values):
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    return {
        f"{name}{end}": round(v, DIGITS)
        for end, v in zip(("", "_low", "_high"), (float(values.mean()), *ends), strict=True)
    }


def _reached(name: str, goal: Goal, searches: Searches) -> Row:
    first = goal.first(searches.trained)
    middle, low, high = median_with_interval(first)
    share = float(np.isfinite(first).mean())
    return {name: middle, f"{name}_low": low, f"{name}_high": high, f"{name}_share": share}


def said(data: BenchmarkData, found: list[Row], again: list[Row]) -> str:
    """Say of a table which optimizer ends best, and what that is worth by fresh seeds.

    Parameters
    ----------
    data
        The tuned view of the table.
    found
        Its rows.
    again
        Its rows where the best few are trained once more.
    """
    info = TABLES[data.table]
    sign = 1 if info.higher_is_better else -1
    fresh = dict(fresh_scores(data).select("entry", "score").rows())
    entries = {text: data.space.resolve(text).entry for text in BASELINES}
    known = {text: fresh[entry] for text, entry in entries.items() if entry in fresh}
    best = max(known, key=lambda text: known[text])
    first, uncertain = found[0], goal_noise(data)
    # Rows are rounded, and a search may end with that baseline itself.
    reached = (sign * float(str(row["fresh"])) for row in found if row["fresh"] is not None)
    better = sum(value > round(known[best], DIGITS) for value in reached)
    return (
        f"- **`{data.table}`**: `{first['optimizer']}` has the least regret at the end, "
        f"{first['regret']:.4f}. What its searches end with has {first['chosen']:.4f} by the seed "
        f"that chose the rates and {first['fresh']:.4f} by fresh seeds, whose mean for one "
        f"function is uncertain by {uncertain.value:.4f}. By fresh seeds the best baseline, "
        f"`{best}`, has {sign * known[best]:.4f}, and the best function "
        f"{sign * max(fresh.values()):.4f}. Of {len(found)} optimizers {better} end with something "
        "better than that baseline, in the mean."
        + (retrained.said(data, again, round(known[best], DIGITS)) if again else "")
    )


def section(table: str, found: Iterable[Row]) -> str:
    """Return the section of a table, from its rows."""
    lines = [f"## {table}\n", COLUMNS, "|---" * COLUMNS.count(" | ") + "|---|"]
    lines += [
        f"| `{row['optimizer']}` | {_interval(row, 'regret')} | {row['functions']} | "
        f"{row['chosen']:.4f} | {_interval(row, 'fresh')} | {_evaluations(row, 'beyond')} | "
        f"{_evaluations(row, 'near')} |"
        for row in found
    ]
    return "\n".join([*lines, ""])


def _interval(row: Row, name: str) -> str:
    if row[name] is None:
        return ""
    return f"{row[name]:.4f} [{row[f'{name}_low']:.4f}, {row[f'{name}_high']:.4f}]"


def _evaluations(row: Row, name: str) -> str:
    middle, low, high = (count(float(str(row[f"{name}{end}"]))) for end in ("", "_low", "_high"))
    return f"{middle} [{low}, {high}]; {row[f'{name}_share']:.0%}"


def main() -> None:
    """Write the page and its rows."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--docs", type=Path, default=Path("docs"))
    arguments.add_argument("--traces", type=Path, default=Path("leaderboard"))
    chosen = arguments.parse_args()
    found: list[Row] = []
    again: list[Row] = []
    sentences, sections = [], []
    for table in TABLES:
        if tuned_name(table) not in table_files(table):
            continue
        data = load_data(table, rate="tuned")
        if not has_goals(data):
            print(f"{table}: its baselines have no fresh seeds at their tuned rates yet")
            continue
        made = stored_searches(data, chosen.traces)
        if not made:
            print(f"{table}: no traces of its tuned view in {chosen.traces}")
            continue
        of_table = rows(data, made)
        more = retrained.rows(data, made)
        found, again = [*found, *of_table], [*again, *more]
        sentences.append(said(data, of_table, more))
        sections.append(section(table, of_table))
        if more:
            sections.append(retrained.section(table, more))
    if not found:
        raise SystemExit(f"no traces of a tuned view in {chosen.traces}: nothing is written")
    folder = chosen.docs / "studies" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows_of in (("tuned", found), ("tuned-retrained", again)):
        with replacing(folder / f"{name}.csv") as draft:
            pl.DataFrame(rows_of, infer_schema_length=None).write_csv(draft)
    head = HEAD.format(said="\n".join(sentences), evaluations=EVALUATIONS)
    with replacing(folder / "tuned.md") as draft:
        draft.write_text("\n".join([head, *sections, ""]), encoding="utf-8")
    print(folder / "tuned.md")


if __name__ == "__main__":
    main()
