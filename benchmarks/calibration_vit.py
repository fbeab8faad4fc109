"""Candidates for the proxy of vit: cost, agreement between seeds, agreement with long training.

``python benchmarks/calibration_vit.py`` reports the records. ``... --train "48 px, 9,469 x 4"
--functions 8 --seeds 2`` first trains what they lack, one function after the other with one thread:
the baselines and then random entries, as for cnn. ``--train long`` trains what candidates are set
against. Several such commands may run at the same time, each with its own ``--records``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from calibration import TRAINED, correlation, sample, scores

from act_bench.atomic import replacing
from act_bench.expression import parse
from regenerate.recipes import Recipe
from regenerate.recipes.vit import CANDIDATES, LONG
from regenerate.training import train

ROOT = Path(__file__).parent.parent
RECORDS = ROOT / "docs" / "calibration" / "vit.csv"
RECIPES = {**CANDIDATES, "long": LONG}
COLUMNS = {
    "training": pl.String,
    "recipe_sha": pl.String,
    "expression": pl.String,
    "seed": pl.Int64,
    "outcome": pl.String,
    "validation_accuracy": pl.Float64,
    "images_seen": pl.Int64,
    "runtime_s": pl.Float64,
}


def read(paths: Sequence[Path]) -> pl.DataFrame:
    """Return the records in the files that are there."""
    found = [pl.read_csv(path, schema=COLUMNS) for path in paths if path.exists()]
    return pl.concat([pl.DataFrame(schema=COLUMNS), *found])


def train_missing(
    name: str, recipe: Recipe, functions: Sequence[str], seeds: int, data: Path | None, path: Path
) -> None:
    """Train by one recipe what the records do not have, and write them after every function."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for function in functions:
        records = read([path])
        mine = records.filter(
            (pl.col("recipe_sha") == recipe.sha) & (pl.col("expression") == function)
        )
        left = sorted(set(range(seeds)) - set(mine["seed"]))
        rows = [
            (
                name,
                run.recipe_sha,
                function,
                run.seed,
                run.outcome,
                run.validation_accuracy,
                run.images_seen,
                run.runtime_s,
            )
            for run in train(recipe, parse(function), left, device="cpu", data_dir=data)
        ]
        if rows:
            print(name, function, *((row[5], round(row[7], 1)) for row in rows), flush=True)
            new = pl.DataFrame(rows, schema=COLUMNS, orient="row")
            with replacing(path) as draft:
                pl.concat([records, new]).write_csv(draft)


def report(records: pl.DataFrame) -> None:
    """Print one row a recipe."""
    long = scores(records, "long", 0)
    print(
        "| recipe | core-seconds a function that trains | functions that train | seed and seed ",
        end="",
    )
    print("| n | sd of one run | sd between functions | with long training | n |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in RECIPES:
        rows = records.filter(pl.col("training") == name)
        first, second = scores(records, name, 0), scores(records, name, 1)
        trains = [text for text, value in first.items() if value > TRAINED]
        if not trains:
            continue
        ran = rows.filter(pl.col("expression").is_in(trains) & (pl.col("outcome") == "ok"))
        both = [text for text in trains if second.get(text, -1.0) > TRAINED]
        with_long = [text for text in trains if long.get(text, -1.0) > TRAINED]
        cells = [name, f"{ran['runtime_s'].mean():.1f}", f"{len(trains)} of {len(first)}"]
        cells.append(correlation(first, second, both) if len(both) > 2 else "| 0")
        noise, spread = "", ""
        if len(both) > 2:
            difference = np.array([first[text] - second[text] for text in both])
            noise = f"{np.sqrt(np.mean(difference**2) / 2):.3f}"
            spread = f"{np.std([first[text] for text in both], ddof=1):.3f}"
        cells += [noise, spread]
        known = name != "long" and len(with_long) > 2
        cells.append(correlation(first, long, with_long) if known else "| 0")
        print("| " + " | ".join(cells) + " |")


def main() -> None:
    """Train what is asked for, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", choices=list(RECIPES), help="train what the records lack")
    parser.add_argument("--functions", type=int, default=8, help="baselines, then random entries")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--data-dir", type=Path, help="folder of Imagenette")
    parser.add_argument("--records", type=Path, nargs="+", default=[RECORDS], help="CSV files")
    options = parser.parse_args()
    if options.train:
        torch.set_num_threads(1)
        train_missing(
            options.train,
            RECIPES[options.train],
            sample(options.functions),
            options.seeds,
            options.data_dir,
            options.records[0],
        )
    report(read(options.records))


if __name__ == "__main__":
    main()
