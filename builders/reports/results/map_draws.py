"""How much a search on a map depends on the random draw of that map; part of the results page.

UMAP lays out by chance: a map that is made with another seed, or from spectra that are moved by no
more than their rounding, puts the same neighbours in other places. The stored map is one such draw,
and the interval of a search over its trials does not know of the others. Here the searches of
AQuaSurF are made on several maps: number 0 is the stored one, the others have another seed (by
outputs) or spectra with uniform noise of half their resolution to either side (by spectra and by
the union, whose layout has a fixed seed in umap-learn). What was made is kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.files.atomic import replacing
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.spaces.paper import finite_outputs, load_space
from act_bench.tables.maps import FEATURES, Map, load_map, spectra_sha
from act_bench.tables.spectra import RESOLUTION, load_spectra
from builders.embedding import embed_spectra
from surrogates.embeddings import UMAP, umap_places
from surrogates.features import output_part
from surrogates.optimizers import find_optimizer
from surrogates.simulation import simulate

METHODS = (
    "aquasurf",
    "aquasurf:features=umap-outputs",
    "aquasurf:features=umap-fim",
)
TRIALS, EVALUATIONS, SEED = 100, 100, 0

Places = dict[str, NDArray[np.float32]]


class Draw(NamedTuple):
    """The searches of one method on one map.

    Attributes
    ----------
    method, number
        Which; map 0 is the stored one.
    trained
        (trials, evaluations) the entry that each evaluation trained.
    regret
        (trials,) at the end.
    """

    method: str
    number: int
    trained: NDArray[np.int32]
    regret: NDArray[np.float64]

    @property
    def features(self) -> str:
        """The method's features; empty for its own, the union."""
        return self.method.partition("features=")[2]


def maps_of(table: str, number: int) -> Places:
    """Return a map, not the stored one, by each feature: (2913, 2), NaN where unknown."""
    outputs, spectra = load_space().outputs, load_spectra(table)
    noise = np.random.default_rng(number).uniform(-0.5, 0.5, spectra.quantiles.shape)
    quantiles = (spectra.quantiles + RESOLUTION * noise).astype(np.float32)
    found = embed_spectra(outputs, spectra._replace(quantiles=quantiles))
    part = output_part(finite_outputs(outputs))
    settings = dataclasses.replace(UMAP, seed=number)
    return found | {"outputs": umap_places([part], settings).astype(np.float32)}


def kept_maps(table: str, number: int, folder: Path) -> Places:
    """Return the same, from the folder if they were made before; number 0 is the stored map."""
    if number == 0:
        return {name: load_map(table, name).places for name in FEATURES}
    path = folder / f"{table}-{number}-{spectra_sha(load_spectra(table))}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = maps_of(table, number)
        with replacing(path) as draft, draft.open("wb") as file:
            np.savez(file, allow_pickle=False, **made)
        print(f"{table}, map {number}", flush=True)
    with np.load(path) as found:
        return {name: found[name] for name in found.files}


def searched(data: BenchmarkData, number: int, places: Places) -> list[Draw]:
    """Return the searches of every method on one map."""

    def drawn(table: str, feature: str = "union") -> Map:
        del table
        return Map(places[feature], np.asarray(np.isfinite(places[feature]).all(axis=1)))

    with patch("act_bench.tables.maps.load_map", drawn):
        found = simulate(
            data,
            {name: find_optimizer(name) for name in METHODS},
            trials=TRIALS,
            evaluations=EVALUATIONS,
            seed=SEED,
        )
    draws = []
    for name in METHODS:
        steps = found.steps.filter(pl.col("optimizer") == name)
        trained = steps["trained"].to_numpy().reshape(TRIALS, -1)
        regret = steps["regret"].to_numpy().reshape(TRIALS, -1)[:, -1]
        draws.append(Draw(name, number, trained, regret))
    return draws


def report(draws: list[Draw], interval: Callable[[NDArray[np.int32]], str]) -> str:
    """Return a table, a row per method and a column a map: ``interval`` of what trained, regret."""
    numbers = sorted({each.number for each in draws})
    lines = [
        "| method | " + " | ".join(f"map {number}" for number in numbers) + " |",
        "|---|" + "---|" * len(numbers),
    ]
    for method in METHODS:
        cells = [
            f"{interval(each.trained)}; {each.regret.mean():.4f}"
            for number in numbers
            for each in draws
            if (each.method, each.number) == (method, number)
        ]
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def all_draws(data: BenchmarkData, maps: int, folder: Path) -> list[Draw]:
    """Return the searches of every method on every map."""
    draws = []
    for number in range(maps):
        draws += searched(data, number, kept_maps(data.table, number, folder))
    return draws
