"""A table of made-up runs that is searched by its loss, and whose accuracies are turned round.

What is best by accuracy is worst by the loss, at every rate and with every seed. It has what the
table of the GPT will have, and the GPT's record but for the name; nothing is trained.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import beside_the_space, load_space
from act_bench.tables import registry
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import METRICS, RUN_COLUMNS, arrow_schema
from builders import named, rates, tables
from builders.embedded import write_manifest
from regenerate import recipes
from regenerate.data.fingerprints import load_any
from regenerate.data.sotu import FINGERPRINT
from regenerate.recipes import Recipe
from regenerate.recipes.rates import with_rate

NAME, OTHER = "turned", 0.04
INFO = dataclasses.replace(
    TABLES["gpt"],
    name=NAME,
    title="A table by loss",
    zero_scores={"proxy": -1.81},  # of the losses below
    spectrum_batch=None,
)
RECIPE = dataclasses.replace(
    recipes.find("gpt", "proxy"), table=NAME, train_tokens=2048, evaluation_tokens=512, widths=(32,)
)
VERSIONS = json.dumps({"data": FINGERPRINT, "processor": "made up", "threads": 1})
SPACE = load_space()
BASELINE_ENTRIES = [SPACE.resolve(text).entry for text in BASELINES]


@contextmanager
def registered(folder: Path) -> Iterator[None]:
    """Have the table, with its files in a folder, for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry._tables, NAME, dataclasses.replace(INFO, folder=folder))
        patch.setitem(recipes.RECIPES, (NAME, "proxy"), RECIPE)
        patch.setitem(recipes.RECIPES, (NAME, "long"), dataclasses.replace(RECIPE, fidelity="long"))
        yield


def losses() -> np.ndarray:
    """Return the loss of each entry, NaN for what diverges; `zero` is the floor."""
    rng = np.random.default_rng(0)
    found = rng.uniform(1.42, 1.79, len(SPACE.representatives))
    found[rng.random(len(found)) < 0.2] = np.nan
    found[rng.random(len(found)) < 0.1] = 2.5  # does not train
    found[BASELINE_ENTRIES] = np.linspace(1.5, 1.6, len(BASELINE_ENTRIES))
    found[SPACE.resolve("zero(x)").entry] = 1.82
    return found


LEVEL = losses()
BEST = int(np.nanargmin(LEVEL))


def row(text: str, entry: int | None, seed: int, loss: float, recipe: Recipe) -> dict[str, object]:
    """Return a run; the accuracy rises with the loss."""
    ok = bool(np.isfinite(loss))
    metrics = {
        name: (loss if name.endswith("loss") else loss / 4) if ok else None for name in METRICS
    }
    return {
        "expression": text,
        "entry": entry,
        "fidelity": recipe.fidelity,
        "learning_rate": recipe.learning_rate,
        "seed": seed,
        "outcome": "ok" if ok else "diverged",
        **metrics,
        "train_loss_curve": [loss] if ok else [],
        "validation_loss_curve": [loss] if ok else [],
        "validation_accuracy_curve": [loss / 4] if ok else [],
        "runtime_s": 10.0,
        "images_seen": 64 if ok else 32,
        "device": "cpu",
        "recipe_sha": recipe.sha,
        "versions": VERSIONS,
    }


def write(rows: list[dict[str, object]], path: Path) -> Path:
    """Write runs to a file."""
    schema = pl.DataFrame(arrow_schema(RUN_COLUMNS).empty_table()).schema
    pl.DataFrame(rows, schema=schema).write_parquet(path)
    return path


def make(folder: Path) -> None:
    """Write the table's files: entries, runs, a second rate, tuned and named functions."""
    level, rng = losses(), np.random.default_rng(1)
    order = np.argsort(level)  # NaN last
    several = {*order[:60].tolist(), *range(0, len(level), 30), *BASELINE_ENTRIES}
    own, data = RECIPE, load_any("sotu")
    rows = [
        row(text, entry, seed, level[entry] + rng.normal(0, 0.004), own)
        for entry, text in enumerate(SPACE.representatives)
        for seed in range(3 if entry in several else 1)
    ]
    tables.build(write(rows, folder / "own.pq"), own, data, SPACE, folder)
    other = with_rate(own, OTHER)
    # Every second function is better there, by more than seeds differ.
    rows = [
        row(text, entry, seed, level[entry] + (0.05 if entry % 2 else -0.05), other)
        for entry, text in enumerate(SPACE.representatives)
        if np.isfinite(level[entry])
        for seed in range(3 if entry in several else 1)
    ]
    rates.build([write(rows, folder / "other.pq")], own, data, SPACE, folder)
    rows = [
        row(text, entry, seed, loss + seed / 100, recipe)
        for text, entry in list(beside_the_space().items())[:4]
        for recipe, loss in ((own, 1.5), (other, 1.4))
        for seed in range(3)
    ]
    named.build([write(rows, folder / "named.pq")], NAME, None, folder)
    write_manifest(folder)
