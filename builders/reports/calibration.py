"""How the recipes of the tables were chosen: candidates against seeds and against long training.

``python -m builders.reports.calibration`` reports the recorded runs of the cnn candidates, as they
stand in ``docs/studies/cnn.md``; no training. ``... mlp --train all`` trains those of mlp (13
recipes, 48 functions, 10 seeds: some minutes on one core) and prints the table of
``docs/studies/mlp.md``. ``... cnn --train "16 px, 10,000 x 2" --functions 20``
trains what the records do not have of one recipe.
Records are a CSV, one row per run; whatever is in it is not trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from act_bench.files.atomic import replacing
from act_bench.functions.expression import parse
from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import load_space
from act_bench.tables.aggregation import median, medians, ranks
from regenerate.recipes import Recipe, find
from regenerate.training.dispatch import train
from surrogates.significance import spearman, spearman_interval

TRAINED = 0.15
"""A function trains when its validation accuracy is above this; chance is 0.1 in both tables."""

ROOT = Path(__file__).parents[2]
RECORDS = {
    "mlp": ROOT / "output" / "calibration-mlp.csv",
    "cnn": ROOT / "docs" / "calibration" / "cnn.csv",
}
FUNCTIONS = {"mlp": 48, "cnn": 20}
SEEDS = {"mlp": 10, "cnn": 1}
Columns = Mapping[str, type[pl.DataType]]
COLUMNS: Columns = {
    "training": pl.String,
    "expression": pl.String,
    "seed": pl.Int64,
    "outcome": pl.String,
    "validation_accuracy": pl.Float64,
    "images_seen": pl.Int64,
}

Values = NDArray[np.float64]
Scores = dict[str, float | None]
"""Function -> validation accuracy; None where it diverged."""


def mlp_candidates() -> dict[str, Recipe]:
    """Return the candidates for the recipe of mlp, in the order of their table."""
    full = find("mlp", "full")
    plain = dataclasses.replace(full, learning_rate=0.1)
    heavy = dataclasses.replace(
        full, epochs=10, momentum=0.9, initialization="he", schedule="constant"
    )
    recipes = [
        dataclasses.replace(heavy, epochs=15, learning_rate=0.02),
        dataclasses.replace(heavy, learning_rate=0.02, widths=(32, 32)),
        dataclasses.replace(heavy, learning_rate=0.1),
        dataclasses.replace(heavy, learning_rate=0.02, initialization="lecun"),
        dataclasses.replace(heavy, learning_rate=0.1, schedule="linear"),
        dataclasses.replace(plain, initialization="he"),
        plain,
        dataclasses.replace(full, learning_rate=0.15),
        full,
        dataclasses.replace(full, learning_rate=0.3),
        dataclasses.replace(plain, epochs=6, batch_size=25),
        dataclasses.replace(full, epochs=10, widths=(96, 96)),
        dataclasses.replace(full, epochs=48),
    ]
    return {mlp_row(recipe): recipe for recipe in recipes}


def mlp_row(recipe: Recipe) -> str:
    """Return a recipe as the first cells of its row."""
    fall = ", linear" if recipe.schedule == "linear" else ""
    variance = {"he": "2 / fan-in", "lecun": "1 / fan-in"}[recipe.initialization]
    other = [f"batch {recipe.batch_size}"] if recipe.batch_size != 50 else []
    other += [f"{recipe.widths[0]} wide"] if recipe.widths != (64, 64) else []
    return (
        f"{recipe.epochs} | {recipe.learning_rate:g}{fall} | {recipe.momentum:g} | {variance} | "
        + ", ".join(other)
    )


LONG = "long"
CHOSEN = "proxy"


def cnn_candidates() -> dict[str, Recipe | None]:
    """Return the candidates for the proxy of cnn; None for one that today's code cannot train."""
    proxy = find("cnn", "proxy")
    short = dataclasses.replace(proxy, train_images=10000, epochs=3, warmup_epochs=0.5)
    once = dataclasses.replace(proxy, epochs=1, warmup_epochs=0.1)
    large = dataclasses.replace(proxy, image_size=None)
    large_once = dataclasses.replace(once, image_size=None, batch_size=32)
    return {
        "formula": dataclasses.replace(short, initialization="variance_preserving"),
        "layer": None,
        "channel": short,
        "adamw": dataclasses.replace(
            short, optimizer="adamw", learning_rate=0.003, momentum=0.0, nesterov=False
        ),
        "20,000 x 1": dataclasses.replace(once, train_images=20000),
        "10,000 x 2": dataclasses.replace(proxy, train_images=10000),
        CHOSEN: proxy,
        "rate 0.1": dataclasses.replace(proxy, learning_rate=0.1),
        "batch 32": dataclasses.replace(proxy, batch_size=32),
        "32 px, 5,000 x 2": dataclasses.replace(large, train_images=5000),
        "32 px, 8,000 x 2": dataclasses.replace(large, train_images=8000),
        "32 px, 18,000 x 1": dataclasses.replace(large_once, train_images=18000),
        "32 px, 10,000 x 1": dataclasses.replace(large_once, train_images=10000),
        "32 pixels": large_once,
        LONG: dataclasses.replace(large, train_images=45000, epochs=3, warmup_epochs=0.5),
    }


def sample(count: int) -> list[str]:
    """Return the baselines and then entries drawn from the space, ``count`` in all."""
    known = load_space().representatives
    order = np.random.Generator(np.random.PCG64(20230517)).permutation(len(known))
    return [*BASELINES, *(known[entry] for entry in order)][:count]


def read(path: Path, columns: Columns = COLUMNS) -> pl.DataFrame:
    """Read the records; none if the file is not there."""
    return pl.read_csv(path, schema=columns) if path.exists() else pl.DataFrame(schema=columns)


def add(rows: Sequence[tuple[object, ...]], path: Path, columns: Columns = COLUMNS) -> None:
    """Write some runs beside those that the records have."""
    # Read again: another such process may have written in the meantime.
    found = pl.concat([read(path, columns), pl.DataFrame(rows, schema=columns, orient="row")])
    with replacing(path) as draft:
        found.write_csv(draft)


def train_missing(
    name: str, recipe: Recipe, functions: Sequence[str], seeds: int, path: Path
) -> None:
    """Train by one recipe what the records do not have, and write them after every function."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for function in functions:
        mine = read(path).filter((pl.col("training") == name) & (pl.col("expression") == function))
        left = sorted(set(range(seeds)) - set(mine["seed"]))
        runs = train(recipe, parse(function), left)
        rows = [
            (name, function, run.seed, run.outcome, run.validation_accuracy, run.images_seen)
            for run in runs
        ]
        if rows:
            print(name, function, *(run.validation_accuracy for run in runs), flush=True)
            add(rows, path)


def scores(records: pl.DataFrame, name: str, seed: int) -> Scores:
    """Return the validation accuracy of every function by one recipe and seed."""
    rows = records.filter((pl.col("training") == name) & (pl.col("seed") == seed))
    return dict(zip(rows["expression"], rows["validation_accuracy"], strict=True))


def trained(scores: Mapping[str, float | None]) -> dict[str, float]:
    """Return the functions that train, with their scores."""
    return {text: value for text, value in scores.items() if value is not None and value > TRAINED}


def correlation(
    a: Mapping[str, float | None], b: Mapping[str, float | None], functions: Sequence[str]
) -> str:
    """Return Spearman's correlation with its 90 % bootstrap interval over functions."""
    x, y = (ranks(numbers([values[each] for each in functions])) for values in (a, b))
    found, low, high = spearman_interval(x, y, np.random.default_rng(0), level=0.9)
    return f"{found:.3f} [{low:.2f}, {high:.2f}] | {len(x)}"


def numbers(values: Sequence[float | None]) -> Values:
    """Return scores as an array, NaN where a function diverged."""
    return np.array(values, dtype=np.float64)


def report_mlp(records: pl.DataFrame) -> None:
    """Print how well halves of the seeds agree by every recipe, and how far functions lie apart."""
    print(
        "| epochs | learning rate | momentum | initial weights | other | halves | better half",
        end="",
    )
    print(" | spread / noise | functions that train |\n|---|---|---|---|---|---|---|---|---|")
    middles: dict[str, Scores] = {}
    for name, recipe in mlp_candidates().items():
        by_seed = [scores(records, name, seed) for seed in range(SEEDS["mlp"])]
        functions = [text for text in by_seed[0] if all(text in values for values in by_seed)]
        if not functions:
            print(f"| {name} | not trained | | | |")
            continue
        score = {text: [values[text] for values in by_seed] for text in functions}
        middles[name] = {text: median(values) for text, values in score.items()}
        trains = trained(middles[name])
        kept = np.array([numbers(score[text]) for text in trains])
        level = np.array(list(trains.values()))
        better = kept[level >= np.median(level)]
        finite = kept[np.isfinite(kept).all(axis=1)]
        noise = np.median(finite.std(axis=1, ddof=1))
        spread = np.subtract(*np.quantile(level, [0.9, 0.25])) / noise
        bold = "**" if recipe == find("mlp", "full") else ""
        cells = [halves(kept, 3), halves(better, 2), f"{spread:.1f}", str(len(kept))]
        about = [f"{bold}{cell.strip()}{bold}" if cell.strip() else "" for cell in name.split("|")]
        print("| " + " | ".join([*about, *(f"{bold}{cell}{bold}" for cell in cells)]) + " |")
    full, long = (middles.get(mlp_row(recipe)) for recipe in _full_and_long())
    if full and long:
        ours, theirs = trained(full), trained(long)
        both = [text for text in ours if text in theirs]
        better = sorted(both, key=lambda text: -ours[text])[: (len(both) + 1) // 2]
        print("\n| the chosen recipe against six times its epochs | functions |\n|---|---|")
        print(f"| {correlation(full, long, both)} |")
        print(f"| better half: {correlation(full, long, better)} |")
        print("\nAfter 48 epochs: ", end="")
        print(", ".join(f"{text} {shown(long[text])}" for text in BASELINES if text in long))


def _full_and_long() -> tuple[Recipe, Recipe]:
    full = find("mlp", "full")
    return full, dataclasses.replace(full, epochs=48)


def halves(score: Values, digits: int) -> str:
    """Return Spearman's correlation of the medians of the first and second half of the seeds."""
    middle = score.shape[1] // 2
    one, other = (ranks(medians(half)) for half in (score[:, :middle], score[:, middle:]))
    return f"{spearman(one, other):.{digits}f}"


def shown(score: float | None) -> str:
    """Return a score as text."""
    return "diverged" if score is None else f"{score:.3f}"


def report_cnn(records: pl.DataFrame) -> None:
    """Print how well every recorded candidate agrees with long training, and seeds with seeds."""
    long = scores(records, LONG, 0)
    trains = trained(long)
    screened = sample(FUNCTIONS["cnn"])
    by_name = {name: scores(records, name, 0) for name in cnn_candidates() if name != LONG}
    print(f"{len(long)} functions with long training, {len(trains)} of them train.\n")
    print("| candidate | agreement with long training, first functions | functions | sigmoid |")
    print("|---|---|---|---|")
    for name, found in by_name.items():
        common = [text for text in trains if text in found and text in screened]
        sigmoid = shown(found["sigmoid(x)"]) if "sigmoid(x)" in found else ""
        row = correlation(found, long, common) if len(common) > 2 else "not recorded | 0"
        print(f"| {name} | {row} | {sigmoid} |")
    print("\n| finalists and seeds | Spearman | functions |\n|---|---|---|")
    again = scores(records, CHOSEN, 1)
    chosen, other = by_name[CHOSEN], by_name["32 pixels"]
    both = [text for text in trains if text in again]
    mean: Scores = {
        text: None if a is None or b is None else (a + b) / 2
        for text, a, b in ((text, chosen[text], again[text]) for text in both)
    }
    random = [text for text in trains if text not in BASELINES]
    first, second = trained(chosen), trained(again)
    twice = [text for text in first if text in second]
    for name, a, b, functions in (
        ("proxy and long", chosen, long, list(trains)),
        ("32 pixels and long", other, long, list(trains)),
        ("proxy and long, random entries only", chosen, long, random),
        ("proxy with seed 1 and long", again, long, both),
        ("proxy, mean of two seeds, and long", mean, long, both),
        ("proxy, seed and seed", chosen, again, twice),
    ):
        print(f"| {name} | {correlation(a, b, functions)} |")
    difference = np.array([first[text] - second[text] for text in twice])
    noise = np.sqrt(np.mean(np.square(difference)) / 2)
    print(f"\nStandard deviation of one run, root mean square: {noise:.4f}.")
    print("\n| function | long | proxy, seed 0 | seed 1 | 32 pixels |\n|---|---|---|---|---|")
    for text in sorted(trains, key=lambda text: -trains[text]):
        runs = (long, chosen, again, other)
        cells = [shown(values[text]) if text in values else "nan" for values in runs]
        print(f"| `{text}` | " + " | ".join(cells) + " |")


def main() -> None:
    """Train what is asked for, and print the report of a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", default="cnn", choices=list(RECORDS))
    parser.add_argument("--train", help="a candidate, or all: train what the records lack")
    parser.add_argument("--functions", type=int, help="the baselines and then random entries")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--records", type=Path, help="the CSV of the runs")
    arguments = parser.parse_args()
    path = arguments.records or RECORDS[arguments.table]
    candidates = mlp_candidates() if arguments.table == "mlp" else cnn_candidates()
    if arguments.train:
        if arguments.train not in (*candidates, "all"):
            parser.error(f"--train: expected all or one of {list(candidates)}")
        torch.set_num_threads(1)
        functions = sample(arguments.functions or FUNCTIONS[arguments.table])
        for name, recipe in candidates.items():
            if recipe is not None and arguments.train in (name, "all"):
                seeds = arguments.seeds or SEEDS[arguments.table]
                train_missing(name, recipe, functions, seeds, path)
    report = report_mlp if arguments.table == "mlp" else report_cnn
    report(read(path))


if __name__ == "__main__":
    main()
