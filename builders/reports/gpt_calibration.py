"""Which short training of the small GPT ranks functions as a long one does, and what it costs.

``python -m builders.reports.gpt_calibration`` reports the records; nothing is trained. With
``--train "muon 0.02" --train long --functions 40 --seeds 2 --jobs 2`` it trains what the records
lack of the named candidates (``all``: of every candidate), one process per core. It may be stopped
at any moment: records are a CSV, one row per run, and whatever is in it is not trained again.
Functions are `NAMED`, the eight baselines and then entries drawn with a fixed seed. The metric is
the validation loss in nats per character; a function trains when it ends below ``zero(x)``, the
network without feed-forward parts, with the same recipe and seed.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from act_bench.functions.expression import parse
from builders.reports import calibration
from builders.reports.calibration import correlation, sample
from regenerate.recipes import Recipe
from regenerate.recipes.gpt import LONG, PROXY
from regenerate.sweeps.executor import LocalExecutor, SerialExecutor
from regenerate.training.dispatch import train

RECORDS = Path(__file__).parents[2] / "docs" / "calibration" / "gpt.csv"
FLOOR = "zero(x)"
NAMED = (FLOOR, "identity(x)", "mul(relu(x),relu(x))")
COLUMNS = {
    "training": pl.String,
    "recipe_sha": pl.String,
    "expression": pl.String,
    "seed": pl.Int64,
    "outcome": pl.String,
    "validation_loss": pl.Float64,
    "validation_accuracy": pl.Float64,
    "images_seen": pl.Int64,
    "runtime_s": pl.Float64,
}

ADAMW = dataclasses.replace(
    PROXY, optimizer="adamw", learning_rate=0.004, momentum=0.9, nesterov=False, adamw_factor=1.0
)

CANDIDATES: dict[str, Recipe] = {
    "muon 0.01": dataclasses.replace(PROXY, learning_rate=0.01, adamw_factor=0.4),
    "muon 0.02": PROXY,
    "muon 0.04": dataclasses.replace(PROXY, learning_rate=0.04, adamw_factor=0.1),
    "half the text": dataclasses.replace(PROXY, train_tokens=307_200),
    "twice the text": dataclasses.replace(PROXY, train_tokens=1_228_800),
    "batch 16": dataclasses.replace(PROXY, batch_size=16),
    "64 wide": dataclasses.replace(PROXY, widths=(64, 64)),
    "128 wide": dataclasses.replace(PROXY, widths=(128, 128)),
    "three layers": dataclasses.replace(PROXY, widths=(96,) * 3),
    "adamw 0.002": dataclasses.replace(ADAMW, learning_rate=0.002),
    "adamw 0.004": ADAMW,
    "adamw 0.008": dataclasses.replace(ADAMW, learning_rate=0.008),
    "adamw 0.004, twice the text": dataclasses.replace(ADAMW, train_tokens=1_228_800),
}
"""What may become the recipe of ``proxy``; with Muon the rate of all else stays as it is."""

LONGS = {
    "long": LONG,
    "long, adamw": dataclasses.replace(
        LONG, optimizer="adamw", learning_rate=0.004, momentum=0.9, nesterov=False, adamw_factor=1.0
    ),
}
"""References: ten times the text."""


def functions(count: int) -> list[str]:
    """Return `NAMED`, the baselines and then drawn entries, so many in all."""
    drawn = [text for text in sample(count) if text not in NAMED]
    return [*NAMED, *drawn][:count]


def read(path: Path) -> pl.DataFrame:
    """Read the records; none if the file is not there."""
    return calibration.read(path, COLUMNS)


def train_one(task: tuple[str, Recipe, str, int]) -> tuple[object, ...]:
    """Train one function with one seed by one recipe; return its row."""
    name, recipe, function, seed = task
    (run,) = train(recipe, parse(function), [seed], device="cpu")
    return (
        name, recipe.sha, function, seed, run.outcome, run.validation_loss,
        run.validation_accuracy, run.images_seen, run.runtime_s,
    )  # fmt: skip


def train_missing(
    chosen: dict[str, Recipe], texts: Sequence[str], seeds: int, path: Path, *, jobs: int = 1
) -> None:
    """Train what the records lack, function by function, and write them after every run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = set(read(path).select("recipe_sha", "expression", "seed").iter_rows())
    tasks = [
        (name, recipe, text, seed)
        for text in texts
        for seed in range(seeds)
        for name, recipe in chosen.items()
        if (recipe.sha, text, seed) not in done
    ]
    executor = LocalExecutor(jobs) if jobs > 1 else SerialExecutor()
    for row in executor.run(train_one, tasks):
        calibration.add([row], path, COLUMNS)
        print(*row, flush=True)


def losses(records: pl.DataFrame, recipe: Recipe, seed: int) -> dict[str, float]:
    """Return the validation loss of every function by a recipe and seed; infinite if diverged."""
    rows = records.filter((pl.col("recipe_sha") == recipe.sha) & (pl.col("seed") == seed))
    values = rows["validation_loss"].fill_null(np.inf)
    return dict(zip(rows["expression"], values, strict=True))


def trains(found: dict[str, float]) -> list[str]:
    """Return the functions that end below the floor; none where the floor is not recorded."""
    floor = found.get(FLOOR, -np.inf)
    return [text for text, value in found.items() if value < floor]


def better_half(found: dict[str, float], texts: Sequence[str]) -> list[str]:
    """Return the half of some functions that has the lower losses."""
    return sorted(texts, key=found.__getitem__)[: (len(texts) + 1) // 2]


def agreement(first: dict[str, float], second: dict[str, float], texts: Sequence[str]) -> str:
    """Return Spearman's correlation with its 90 % interval over functions that both have."""
    both = [text for text in texts if text in first and text in second]
    if len(both) < 4:
        return ""
    return correlation(first, second, both).replace(" | ", ", n=")


def spread_and_noise(first: dict[str, float], second: dict[str, float]) -> tuple[float, float]:
    """Return standard deviations, between functions and of one run, where both seeds train."""
    both = [text for text in trains(first) if text in trains(second)]
    if len(both) < 4:
        return np.nan, np.nan
    pairs = np.array([[first[text], second[text]] for text in both])
    noise = float(np.sqrt(np.mean((pairs[:, 0] - pairs[:, 1]) ** 2) / 2))
    return float(pairs.mean(axis=1).std(ddof=1)), noise


def report(records: pl.DataFrame) -> None:
    """Print cost, spread, noise, and agreement between seeds and with each reference."""
    known = CANDIDATES | LONGS
    print("| training | functions | train | core-seconds | between functions | one run |", end="")
    print(" seed and seed | better half |", end="")
    print("".join(f" with {name} | better half |" for name in LONGS))
    print("|---|---|---|---|---|---|---|---|" + "---|---|" * len(LONGS))
    for name, recipe in known.items():
        first, second = losses(records, recipe, 0), losses(records, recipe, 1)
        if not first:
            continue
        good = trains(first)
        both = [text for text in good if text in second]
        rows = records.filter(
            (pl.col("recipe_sha") == recipe.sha) & pl.col("expression").is_in(good)
        )
        seconds = rows["runtime_s"].mean()
        spread, noise = spread_and_noise(first, second)
        cells = [
            str(len(first)),
            str(len(good)),
            f"{seconds:.1f}" if isinstance(seconds, float) else "",
            "" if np.isnan(spread) else f"{spread:.3f}",
            "" if np.isnan(noise) else f"{noise:.3f}",
            agreement(first, second, both),
            agreement(first, second, better_half(first, both)),
        ]
        for other in LONGS.values():
            reference = losses(records, other, 0)
            common = [text for text in trains(reference) if text in first]
            half = better_half(reference, common)
            same = other == recipe
            cells += [
                "" if same else agreement(reference, first, common),
                "" if same else agreement(reference, first, half),
            ]
        print(f"| {name} | " + " | ".join(cells) + " |")
    names = [name for name, recipe in known.items() if losses(records, recipe, 0)]
    columns = [losses(records, known[name], seed) for name in names for seed in (0, 1)]
    heads = [f"{name}, seed {seed}" for name in names for seed in (0, 1)]
    print("\n| function | " + " | ".join(heads) + " |\n|---|" + "---|" * len(heads))
    texts = {text for found in columns for text in found}
    order = sorted(texts, key=lambda t: [found.get(t, np.inf) for found in columns])
    for text in order:
        cells = [
            ""
            if text not in found
            else "diverged"
            if found[text] == np.inf
            else f"{found[text]:.3f}"
            for found in columns
        ]
        print(f"| `{text}` | " + " | ".join(cells) + " |")


def main() -> None:
    """Train what is asked for, and report."""
    known = CANDIDATES | LONGS
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", action="append", default=[], help="a name, or all candidates")
    parser.add_argument("--functions", type=int, default=40, help="named, baselines and drawn")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--records", type=Path, default=RECORDS, help="CSV of the runs")
    options = parser.parse_args()
    for name in options.train:
        if name not in (*known, "all"):
            parser.error(f"--train: expected all or one of {list(known)}, got {name!r}")
    if options.train:
        chosen = dict(CANDIDATES) if "all" in options.train else {}
        chosen |= {name: known[name] for name in options.train if name != "all"}
        texts = functions(options.functions)
        train_missing(chosen, texts, options.seeds, options.records, jobs=options.jobs)
    report(read(options.records))


if __name__ == "__main__":
    main()
