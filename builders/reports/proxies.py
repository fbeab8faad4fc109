"""Which short training of a network ranks functions as a long one does, and how long it takes.

``python -m builders.reports.proxies resnet`` (or ``vit``) reports the records; nothing is trained.
``...
--train "half, 15,000 x 2" --functions 20 --jobs 2`` trains what the records lack of a candidate
(``all``: of every one; a name of `LONG`: of a reference), one process per core. It may be stopped
at any moment: records are a CSV, one row per run, and whatever is in it is not trained again.
Functions are the eight baselines and then entries drawn with a fixed seed, those of ``benchmarks/
calibration.py``, which does the same for the tables ``mlp`` and ``cnn``. Once there is a table,
``--best 10 --deciles 1`` takes its ten best instead, and one of each decile of those that train.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from act_bench import load_table
from act_bench.functions.expression import parse
from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import load_space
from builders.reports import calibration
from builders.reports.calibration import Scores, correlation, sample, shown, trained
from regenerate.recipes import Recipe
from regenerate.recipes.resnet import PROXY as RESNET
from regenerate.recipes.vit import PROXY as VIT
from regenerate.recipes.vit import SHORT
from regenerate.sweeps.executor import LocalExecutor
from regenerate.training.dispatch import train

RECORDS = Path(__file__).parents[2] / "docs" / "calibration"
BEST = 20
"""How many of the table's best are set against the baselines, by the references."""
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

WHOLE = dataclasses.replace(RESNET, train_images=15000)
HALF = dataclasses.replace(WHOLE, width=0.5, epochs=2)
SHIFTED = dataclasses.replace(SHORT, augmentation="flip_shift")

CANDIDATES: dict[str, dict[str, Recipe]] = {
    "resnet": {
        "half, 15,000 x 2": HALF,
        "half, 25,000 x 1": dataclasses.replace(HALF, train_images=25000, epochs=1),
        "whole, 15,000 x 1": WHOLE,
        "whole, 15,000 x 1, no clip": dataclasses.replace(WHOLE, clip_norm=None),
        "whole, 15,000 x 1, batch 128": dataclasses.replace(WHOLE, batch_size=128),
        "whole, 20,000 x 1": dataclasses.replace(WHOLE, train_images=20000),
        "whole, 7,500 x 2": dataclasses.replace(WHOLE, train_images=7500, epochs=2),
        "whole, 10,000 x 1": RESNET,
        "whole, 10,000 x 1, batch 32": dataclasses.replace(RESNET, batch_size=32),
    },
    "vit": {
        "64 px, half width, 9,469 x 2": dataclasses.replace(SHORT, width=0.5),
        "48 px, 7,000 x 2": dataclasses.replace(SHORT, image_size=48, train_images=7000),
        "48 px, 7,000 x 2, rate 0.004": VIT,
        "48 px, 7,000 x 2, batch 32": dataclasses.replace(
            SHORT, image_size=48, train_images=7000, batch_size=32
        ),
        "48 px, 9,469 x 1, batch 32": dataclasses.replace(
            SHORT, image_size=48, epochs=1, warmup_epochs=0.1, batch_size=32
        ),
        "48 px, half width, 9,469 x 2": dataclasses.replace(SHORT, image_size=48, width=0.5),
        "48 px, half width, 9,469 x 3": dataclasses.replace(
            SHORT, image_size=48, width=0.5, epochs=3, warmup_epochs=0.3
        ),
        "32 px, 9,469 x 2": dataclasses.replace(SHORT, image_size=32),
        "32 px, 9,469 x 3": dataclasses.replace(SHORT, image_size=32, epochs=3, warmup_epochs=0.3),
    },
}
"""Table -> what may become its recipe of ``proxy``: the whole depth, at most 30 core-seconds."""

LONG: dict[str, dict[str, Recipe]] = {
    "resnet": {
        "long": dataclasses.replace(WHOLE, train_images=None, epochs=4, warmup_epochs=0.5),
        "long, 32 px": dataclasses.replace(
            HALF, image_size=None, train_images=None, epochs=2, warmup_epochs=0.5
        ),
    },
    "vit": {"long": dataclasses.replace(SHIFTED, fidelity="long", epochs=8, warmup_epochs=0.5)},
}
"""Table -> references: several times the images, or all pixels; each some minutes."""


def from_table(table: str, best: int, each: int) -> list[str]:
    """Return the best entries of the embedded ``proxy``, and so many of each decile that trains.

    Within a decile they stand at equal distances, one of them in the middle. A baseline goes by its
    own name, by which the records know it.
    """
    space, found = load_space(), table_scores(table)
    named = {space.representatives[space.resolve(name).entry]: name for name in BASELINES}
    known = trained(found)
    order = sorted(known, key=lambda text: -known[text])
    places = np.floor((np.arange(10 * each) + 0.5) / (10 * each) * len(order)).astype(int)
    chosen = dict.fromkeys([*order[:best], *(order[place] for place in places)])
    return [named.get(text, text) for text in chosen]


def table_scores(table: str) -> Scores:
    """Return the validation accuracy of every entry of the embedded ``proxy``."""
    entries = load_table(table, fidelity="proxy", columns=["validation_accuracy"])
    return dict(zip(load_space().representatives, entries["validation_accuracy"], strict=True))


def read(path: Path) -> pl.DataFrame:
    """Read the records; none if the file is not there."""
    return calibration.read(path, COLUMNS)


def train_one(task: tuple[str, Recipe, str, int, Path | None]) -> tuple[object, ...]:
    """Train one function with one seed by one recipe; return its row."""
    name, recipe, function, seed, data_dir = task
    (run,) = train(recipe, parse(function), [seed], data_dir=data_dir)
    return (
        name, recipe.sha, function, seed, run.outcome, run.validation_accuracy, run.images_seen,
        run.runtime_s,
    )  # fmt: skip


def train_missing(
    chosen: dict[str, Recipe],
    functions: Sequence[str],
    seeds: int,
    path: Path,
    *,
    jobs: int = 1,
    data_dir: Path | None = None,
) -> None:
    """Train what the records lack, function by function, and write them after every run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = set(read(path).select("recipe_sha", "expression", "seed").iter_rows())
    tasks = [
        (name, recipe, function, seed, data_dir)
        for seed in range(seeds)
        for function in functions
        for name, recipe in chosen.items()
        if (recipe.sha, function, seed) not in done
    ]
    for row in LocalExecutor(jobs).run(train_one, tasks):
        calibration.add([row], path, COLUMNS)
        print(*row, flush=True)


def scores(records: pl.DataFrame, recipe: Recipe, seed: int) -> Scores:
    """Return the validation accuracy of every function by a recipe and seed."""
    rows = records.filter((pl.col("recipe_sha") == recipe.sha) & (pl.col("seed") == seed))
    return dict(zip(rows["expression"], rows["validation_accuracy"], strict=True))


def report(records: pl.DataFrame, candidates: dict[str, Recipe], long: dict[str, Recipe]) -> None:
    """Print cost, outcomes, agreement with each reference and between seeds of every recipe."""
    print(
        "| training | functions | train | core-seconds | spread | seed and seed | one run |", end=""
    )
    print("".join(f" with {name} |" for name in long))
    print("|---|---|---|---|---|---|---|" + "---|" * len(long))
    known = candidates | long
    for name, recipe in known.items():
        found, again = scores(records, recipe, 0), scores(records, recipe, 1)
        if not found:
            continue
        trains = trained(found)
        rows = records.filter(
            (pl.col("recipe_sha") == recipe.sha) & pl.col("expression").is_in(list(trains))
        )
        seconds = rows["runtime_s"].mean()
        levels = list(trains.values())
        spread = np.quantile(levels, [0.1, 0.5, 0.9]).tolist() if levels else []
        cells = [
            str(len(found)),
            str(len(trains)),
            f"{seconds:.1f}" if isinstance(seconds, float) else "",
            " / ".join(f"{value:.2f}" for value in spread),
            agreement(found, again),
            noise(found, again),
            *("" if other == recipe else agreement(scores(records, other, 0), found)
              for other in long.values()),
        ]  # fmt: skip
        print(f"| {name} | " + " | ".join(cells) + " |")
    names = [name for name, recipe in known.items() if scores(records, recipe, 0)]
    print("\n| function | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    columns = [scores(records, known[name], 0) for name in names]
    texts = dict.fromkeys(text for found in columns for text in found)
    for text in sorted(texts, key=lambda t: [_place(found, t) for found in reversed(columns)]):
        cells = [shown(found[text]) if text in found else "" for found in columns]
        print(f"| `{text}` | " + " | ".join(cells) + " |")


def _place(found: Scores, text: str) -> tuple[bool, bool, float]:
    """Return a key that sorts by score, then what diverged, then what there is not."""
    value = found.get(text)
    return text not in found, value is None, -(value or 0.0)


def report_table(
    table: str, records: pl.DataFrame, candidates: dict[str, Recipe], long: dict[str, Recipe]
) -> None:
    """Print how the embedded table, with all its seeds, agrees with each reference."""
    space, found = load_space(), table_scores(table)
    for name, recipe in long.items():
        reference = scores(records, recipe, 0)
        here = {text: found[space.representatives[space.resolve(text).entry]] for text in reference}
        if not (agreed := agreement(reference, here)):
            continue
        print(f"\nThe table with {name}: {agreed}.\n")
        report_groups(table, records, candidates, reference, here)
        there, ours = trained(reference), trained(here)
        stuck, lost = there.keys() - ours.keys(), ours.keys() - there.keys()
        print(f"Train by {name} alone: {len(stuck)}; in the table alone: {len(lost)}.")
        known = [value for text in BASELINES if (value := reference.get(text)) is not None]
        top = from_table(table, BEST, 0)
        best = [value for text in top if (value := reference.get(text)) is not None]
        if known and best:
            print(
                f"By {name}, {len(best)} of the best {BEST} of the table reach "
                f"{np.mean(best):.3f} in the mean, {min(best):.3f} to {max(best):.3f}; "
                f"the best of {len(known)} baselines {max(known):.3f}."
            )


def report_groups(
    table: str,
    records: pl.DataFrame,
    candidates: dict[str, Recipe],
    reference: Scores,
    here: Scores,
) -> None:
    """Print how the table, and candidates with all these functions, agree by groups of them."""
    trains = list(trained(reference))
    found = {name: scores(records, recipe, 0) for name, recipe in candidates.items()}
    columns = {"the table": here} | {
        name: values for name, values in found.items() if values.keys() >= set(trains)
    }
    best, deciles = from_table(table, 10, 0), from_table(table, 0, 1)
    middle = float(np.median(list(trained(table_scores(table)).values())))
    groups = {
        "all": trains,
        "all but the ten best of the table": [text for text in trains if text not in best],
        "one of each decile of the table": [text for text in trains if text in deciles],
        "the better half of the table": [text for text in trains if (here[text] or 0.0) > middle],
    }
    print("| functions | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for group, texts in groups.items():
        some = {text: reference[text] for text in texts}
        cells = [agreement(some, values) for values in columns.values()]
        print(f"| {group} | " + " | ".join(cells) + " |")
    print()


def agreement(reference: Scores, other: Scores) -> str:
    """Return Spearman's correlation over the functions that train by the reference."""
    common = [text for text in trained(reference) if text in other]
    if len(common) < 4:
        return ""
    return correlation(reference, other, common).replace(" | ", ", n=")


def noise(first: Scores, second: Scores) -> str:
    """Return the standard deviation of one run, from those that train with both seeds."""
    one, other = trained(first), trained(second)
    both = [text for text in one if text in other]
    if len(both) < 4:
        return ""
    difference = np.array([one[text] - other[text] for text in both])
    return f"{np.sqrt(np.mean(difference**2) / 2):.3f}"


def main() -> None:
    """Train what is asked for, and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", nargs="?", default="resnet", choices=list(CANDIDATES))
    parser.add_argument("--train", action="append", default=[], help="a name, or all candidates")
    parser.add_argument("--functions", type=int, help="baselines and drawn ones; 20 if not given")
    parser.add_argument("--best", type=int, default=0, help="of the embedded table, in their place")
    parser.add_argument("--deciles", type=int, default=0, help="entries of each of its deciles")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--data-dir", type=Path, help="folder of the images")
    parser.add_argument("--records", type=Path, help="CSV; default: docs/calibration/TABLE.csv")
    options = parser.parse_args()
    candidates, long = CANDIDATES[options.table], LONG[options.table]
    path, known = options.records or RECORDS / f"{options.table}.csv", candidates | long
    for name in options.train:
        if name not in (*known, "all"):
            parser.error(f"--train: expected all or one of {list(known)}, got {name!r}")
    if options.train:
        chosen = dict(candidates) if "all" in options.train else {}
        chosen |= {name: known[name] for name in options.train if name != "all"}
        functions = from_table(options.table, options.best, options.deciles)
        count = options.functions if options.functions is not None else 0 if functions else 20
        train_missing(
            chosen,
            list(dict.fromkeys([*sample(count), *functions])),
            options.seeds,
            path,
            jobs=options.jobs,
            data_dir=options.data_dir,
        )
    report(read(path), candidates, long)
    report_table(options.table, read(path), candidates, long)


if __name__ == "__main__":
    main()
