"""What the outcomes of a table mean: undefined points, classes with both outcomes, large losses.

``python -m builders.reports.outcomes cnn`` reads the embedded table at its default fidelity;
without a name every table. Prints Markdown, as it stands in docs/.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench import load_table
from act_bench.spaces.limits import load_limits
from act_bench.spaces.paper import load_space
from act_bench.tables.files import limits_name, table_file, table_files, tables_with_data
from act_bench.tables.registry import TABLES, TableInfo
from builders.reports.agreement.between import stuck_in_words

LARGE_LOSS: Final = 1000.0
BEST: Final = (10, 50)


def kinds(table: pl.DataFrame, info: TableInfo) -> list[str]:
    """Return for each entry: trains, at chance (or above the floor), diverged or missing."""
    scores = table[info.metric].to_list()
    found = []
    for outcome, value in zip(table["outcome"], scores, strict=True):
        trains = outcome == "ok" and info.score(value) > info.trained_score
        stuck = stuck_in_words(info, info.default_fidelity)
        found.append("trains" if trains else stuck if outcome == "ok" else outcome)
    return found


def print_limits(info: TableInfo, table: pl.DataFrame) -> None:
    """Print what becomes of the entries whose formula gives no number at 0."""
    limits, found = load_limits(), kinds(table, info)
    counts = Counter(found[entry] for entry in limits)
    shown = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    print(f"{len(limits)} entries have a limit at 0 where their formula gives no number: {shown}.")
    classes = table.group_by("canonical_class").agg(pl.col("outcome"), pl.col("entry"))
    mixed = [entries for kinds_of, entries in classes.select("outcome", "entry").iter_rows()
             if len(set(kinds_of)) > 1]  # fmt: skip
    undefined = sum(any(entry in limits for entry in entries) for entries in mixed)
    print(
        f"{len(mixed)} canonical classes hold entries that are ok and others that diverged; in "
        f"{undefined} of them one has a limit at 0."
    )
    if limits_name(info.name) in table_files(info.name):
        print_filled(info, table)


def print_filled(info: TableInfo, table: pl.DataFrame) -> None:
    """Print what the same entries reach with the limit filled in."""
    filled = load_table(info.name, limits=True)
    found = Counter(kinds(filled, info))
    shown = ", ".join(f"{count} {kind}" for kind, count in found.most_common())
    print(f"With the limit filled in, of {filled.height}: {shown}.")
    before = table[filled["entry"].to_list()]
    both = (before["outcome"] == "ok") & (filled["outcome"] == "ok")
    score = np.array([info.score(value) for value in filled.filter(both)[info.metric]])
    was = np.array([info.score(value) for value in before.filter(both)[info.metric]])
    if len(score):
        print(
            f"{len(score)} are ok either way; the limit changes them by "
            f"{np.median(np.abs(score - was)):.4f} in the median, {np.abs(score - was).max():.4f} "
            "at most."
        )
    print_best(info, table, filled)


def print_best(info: TableInfo, table: pl.DataFrame, filled: pl.DataFrame) -> None:
    """Print which classes are ok with the limit alone, and where they would stand in the table."""
    space = load_space()
    best = _by_class(_scores(info, table), table["canonical_class"].to_numpy())
    own = _by_class(_scores(info, filled), filled["canonical_class"].to_numpy())
    new = {number: value for number, value in own.items() if number not in best}
    print(f"{len(new)} canonical classes are ok with the limit alone.")
    if not new:
        return
    ranked = sorted([*best.values(), *new.values()], reverse=True)
    for count in BEST:
        print(f"Of these {sum(v >= ranked[count - 1] for v in new.values())} in the best {count}.")
    first = max(new, key=lambda number: new[number])
    entry = int(filled.filter(pl.col("canonical_class") == first)["entry"][0])
    place = ranked.index(new[first]) + 1
    value = info.score(new[first])
    print(f"The first is {space.representatives[entry]}, {value:.4f}, number {place}.")


def _scores(info: TableInfo, table: pl.DataFrame) -> NDArray[np.float64]:
    values = table[info.metric].to_list()
    return np.array([-np.inf if value is None else info.score(value) for value in values])


def _by_class(scores: NDArray[np.float64], classes: NDArray[np.int64]) -> dict[int, float]:
    """Return the score of each class with an entry that is ok: that of its first such entry."""
    found: dict[int, float] = {}
    for score, number in zip(scores.tolist(), classes.tolist(), strict=True):
        if np.isfinite(score):
            found.setdefault(number, score)
    return found


def print_losses(info: TableInfo, table: pl.DataFrame) -> None:
    """Print where losses say something else than accuracies."""
    trains = np.array([kind == "trains" for kind in kinds(table, info)])
    large = table["validation_loss"].fill_null(0).to_numpy() > LARGE_LOSS
    accuracy = table["validation_accuracy"].to_numpy()
    if large.any():
        best = f", the best at {accuracy[large].max():.3f}" if (large & trains).any() else ""
        print(
            f"{large.sum()} entries that are ok have a median validation loss above "
            f"{LARGE_LOSS:.0f} nats; {(large & trains).sum()} of them train{best}."
        )
    past, infinite = passing_float32(info)
    if past:
        print(
            f"Of the runs that are ok, at all rates, with named functions and limits, {past} have "
            f"a loss above 3.4e38 on the way; {infinite} of them read infinite."
        )


def passing_float32(info: TableInfo) -> tuple[int, int]:
    """Return how many runs that are ok have a loss that float32 cannot hold, and an infinite one.

    In all files of runs of a table.
    """
    curves = ["train_loss_curve", "validation_loss_curve"]
    past = infinite = 0
    for name in table_files(info.name):
        if not (name.startswith(f"{info.name}-") and name.endswith("-runs.parquet")):
            continue
        runs = pl.read_parquet(table_file(info.name, name), columns=["outcome", *curves])
        losses = runs.filter(pl.col("outcome") == "ok").select(
            pl.concat_list(curves).list.max().alias("worst")
        )["worst"]
        past += int((losses > np.finfo(np.float32).max).sum())
        infinite += int(losses.is_infinite().sum())
    return past, infinite


def main() -> None:
    """Print the reports that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", nargs="?", choices=list(TABLES))
    options = parser.parse_args()
    for name in [options.table] if options.table else tables_with_data():
        info = TABLES[name]
        print(f"## {name}-{info.default_fidelity}\n")
        columns = ["entry", "canonical_class", "outcome", "validation_accuracy", "validation_loss"]
        table = load_table(name, columns=list(dict.fromkeys([*columns, info.metric])), rate="own")
        print_limits(info, table)
        print_losses(info, table)
        print()


if __name__ == "__main__":
    main()
