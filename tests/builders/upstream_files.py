"""Files of the shape of the authors' JSON, with made-up numbers: what the importer is tested on.

The real files cannot be had in a test. These have the same keys in the same order, are written by
the same ``json`` with bare ``NaN``, and their Fisher vectors have the real lengths and structure:
per layer a distribution function over bins of the log eigenvalues on [-100, 100], flat at 0, rising
where the eigenvalues are, flat again at 1 within rounding. Deterministic.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from act_bench.spaces.paper import load_space

FIRST_KEY = "min(square(x),selu(x))"
# Weights and biases of the layers of All-CNN-C.
CNN_LAYERS = (2688, 83040, 83040, 166080, 331968, 331968, 331968, 37056, 1930)
CNN_BINS = tuple(size // 100 - 1 for size in CNN_LAYERS)  # 13,683 in all
SMALL_BINS = (7, 30, 12)


def fisher_cdf(
    rng: np.random.Generator, bins: tuple[int, ...], digits: int | None = None
) -> list[float]:
    """Return the vector of one function; rounded to ``digits`` decimals if they are given."""
    layers = []
    for size in bins:
        edges = np.linspace(-100, 100, size + 1)
        sample = rng.normal(rng.uniform(-25, -5), rng.uniform(2, 8), size=400)
        density, _ = np.histogram(sample, edges, density=True)
        layers.append(np.cumsum(density * np.diff(edges)))
    values = np.concatenate(layers)
    return (values if digits is None else values.round(digits)).tolist()


def entries(
    seed: int = 0,
    count: int | None = None,
    bins: tuple[int, ...] = SMALL_BINS,
    valid: float = 0.6,
    digits: int | None = None,
    validation_is_test: bool = False,
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield keys and values in the order of the file.

    ``valid`` is the share of functions that train; of the others the losses are NaN or infinite and
    the Fisher vector is missing, empty or not finite.
    """
    space = load_space()
    rng = np.random.default_rng(seed)
    others: dict[int, list[str]] = {}
    for expression, entry in space.entry_of.items():
        others.setdefault(entry, []).append(expression)
    order = rng.permutation(len(space.representatives)).tolist()
    order.sort(key=lambda entry: FIRST_KEY not in others[entry])  # stable: moves one to the front
    for entry in order[:count]:
        spellings = others[entry]
        # Which spelling the authors keep is not known: any.
        key = FIRST_KEY if FIRST_KEY in spellings else spellings[rng.integers(len(spellings))]
        trains = rng.random() < valid
        accuracy = rng.uniform(0.2, 0.95, 3).round(4).tolist() if trains else [0.1] * 3
        loss = rng.uniform(0.1, 2.3, 3).tolist() if trains else [float("nan")] * 3
        if not trains and rng.random() < 0.1:
            loss[1] = float("inf")
        if validation_is_test:
            accuracy[2], loss[2] = accuracy[1], loss[1]
        values: dict[str, object] = {
            "Train Accuracy": accuracy[0],
            "Validation Accuracy": accuracy[1],
            "Train Loss": loss[0],
            "Validation Loss": loss[1],
            "Test Accuracy": accuracy[2],
            "Test Loss": loss[2],
            "Equivalent Activation Functions": [name for name in spellings if name != key],
        }
        failure = rng.integers(3)
        if trains:
            values["Fisher log eigenvalue CDF"] = fisher_cdf(rng, bins, digits)
        elif failure == 0:
            values["Fisher log eigenvalue CDF"] = []
        elif failure == 1:
            values["Fisher log eigenvalue CDF"] = [float("nan")] * 20
        values["Runtime (s)"] = float(rng.uniform(100, 4000))
        yield key, values


def write_upstream(path: Path, **options: Any) -> dict[str, dict[str, Any]]:
    """Write a small file, and return what ``json.load`` would."""
    document = dict(entries(**options))
    path.write_text(json.dumps(document), encoding="utf-8")
    return document


def write_large(path: Path, size: int, bins: tuple[int, ...] = CNN_BINS, **options: Any) -> None:
    """Write a file of at least ``size`` bytes, or of all entries, one entry at a time.

    Of the real length of the vectors; ``valid`` sets how large all 2,913 entries are.
    """
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for key, values in entries(bins=bins, **options):
            separator = ", " if written else "{"
            written += file.write(f"{separator}{json.dumps(key)}: {json.dumps(values)}")
            if written >= size:
                break
        file.write("}")


if __name__ == "__main__":
    # python tests/builders/upstream_files.py FILE: one to try the importer on.
    write_upstream(Path(sys.argv[1]))
