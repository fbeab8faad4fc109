"""Searches by the variants of AQuaSurF, each on several draws of its map; kept once made.

A variant differs from this package's default in how features are made
(:class:`surrogates.choices.Choices`), or searches by one feature alone. Draw 1 to :data:`DRAWS` of
a map is its graph laid out with that seed, and the trials on it have seeds of their own, so that an
interval over draws knows of both.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench.files.atomic import replacing
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.tables.distances import DEFAULT_WEIGHTING
from act_bench.tables.spectra import true_label_file
from builders.reports.results.kept import sha256
from surrogates.optimizers import find_optimizer
from surrogates.protocol import settings_of
from surrogates.search_space import SearchSpace
from surrogates.searches.single import begin, run_search, trial_seed

DRAWS, TRIALS, EVALUATIONS = 20, 10, 100

WEIGHTINGS: Final = ("inverse_size", "uniform", "reference_code")

_OTHERS: Final = tuple(f"weighting={name}" for name in WEIGHTINGS if name != DEFAULT_WEIGHTING)

PUBLISHED: Final = "weighting=reference_code:points=1000:clip=0"
"""The published choices, labels apart."""

VARIANTS: Final = (
    "",
    *_OTHERS,
    PUBLISHED,
    "features=umap-outputs",
    "features=umap-fim",
    *(f"features=umap-fim:{weighting}" for weighting in _OTHERS),
    "points=1000",
    "clip=0",
    "labels=true",
    f"{PUBLISHED}:labels=true",
    "features=umap-outputs:points=1000:clip=0",
    "points=1000:clip=0",
)
"""Settings of AQuaSurF; none is this package's default."""

Entries = NDArray[np.int16]


class Made(NamedTuple):
    """The searches of a variant on a table.

    Attributes
    ----------
    variant
        Its settings.
    entries
        (draws, trials, evaluations) what was trained.
    """

    variant: str
    entries: Entries


def possible(variant: str, table: str) -> bool:
    """Return whether this computer has the spectra that a variant needs."""
    return "labels=true" not in variant or true_label_file(table).exists()


def searches(
    data: BenchmarkData, space: SearchSpace, variant: str, folder: Path, only_kept: bool = False
) -> Made | None:
    """Return the searches of a variant, from the folder if they were made before.

    None where they were not and ``only_kept`` says not to make them.
    """
    path = folder / data.table / f"{variant.replace(':', '-') or 'default'}.npz"
    asked = {
        "sha256": _digest(data, variant),
        "settings": settings_of(find_optimizer(_name(variant))),
        "draws": DRAWS,
        "trials": TRIALS,
        "evaluations": EVALUATIONS,
    }
    about = path.with_suffix(".json")
    if about.exists() and json.loads(about.read_text(encoding="utf-8")) == asked:
        with np.load(path) as found:
            return Made(variant, found["entries"])
    if only_kept:
        return None
    start = time.process_time()
    entries = np.array([_drawn(data, space, variant, draw) for draw in range(1, DRAWS + 1)])
    path.parent.mkdir(parents=True, exist_ok=True)
    about.unlink(missing_ok=True)  # it vouches for the other, so it goes first and comes last
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, entries=entries.astype(np.int16))
    with replacing(about) as draft:
        draft.write_text(json.dumps(asked))
    spent = time.process_time() - start
    print(f"{data.table}, {variant or 'default'}: {spent:.0f} s of processor time", flush=True)
    return Made(variant, entries.astype(np.int16))


def _drawn(data: BenchmarkData, space: SearchSpace, variant: str, draw: int) -> list[list[int]]:
    """Return what the searches on one draw of the map train: (trials, evaluations)."""
    factory = find_optimizer(_name(variant, f"map={draw}"))
    found = []
    for trial in range(TRIALS):
        bench = Benchmark(data)
        optimizer = begin(bench, space, factory, trial_seed(draw, trial))
        found.append([step.entry for step in run_search(bench, optimizer, EVALUATIONS)])
    return found


def _name(*settings: str) -> str:
    return ":".join(part for part in ("aquasurf", *settings) if part)


def _digest(data: BenchmarkData, variant: str) -> str:
    """Return the hash of all that the searches of a variant hang on."""
    digest = hashlib.sha256(sha256(data).encode())
    if "labels=true" in variant:
        digest.update(true_label_file(data.table).read_bytes())
    return digest.hexdigest()
