"""What results are made of: searches and evaluations of surrogates, stored once made."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.figures.results import read_steps
from act_bench.figures.tables import invalid_spectra
from act_bench.files.atomic import replacing
from act_bench.files.manifest import EMBEDDING_FILE, read_manifest
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.tables.files import table_files
from act_bench.tables.maps import map_name
from act_bench.tables.registry import TABLES
from act_bench.tables.spectra import fisher_name
from regenerate.runs.environment import processor
from surrogates import evaluation
from surrogates.optimizers import find_optimizer
from surrogates.simulation import simulate

EVALUATIONS = 100
SEED = 0
FAILURE_MODELS = ("knn", "forest")
FAILURE_FEATURES = ("outputs", "fim", "union")
# Searches, and the seconds that the design allows for them.
BUDGETS = {
    "random": (1000, 1.0),
    "knn": (100, 20.0),
    "aquasurf": (100, 20.0),
    "gp-ei": (100, 60.0),
    "gp-thompson": (100, 60.0),
    "forest-ei": (100, 120.0),
}


class Searches(NamedTuple):
    """The searches of one optimizer over one table."""

    steps: pl.DataFrame
    finals: pl.DataFrame
    each_s: float
    processor: str

    @property
    def regret(self) -> NDArray[np.float64]:
        """Regret after each evaluation: (trials, evaluations)."""
        trials = self.steps["trial"].n_unique()
        return self.steps["regret"].to_numpy().reshape(trials, -1)

    @property
    def trained(self) -> NDArray[np.int32]:
        """Entry that each evaluation trained to the end, -1 for none: (trials, evaluations)."""
        entries = self.steps["trained"].cast(pl.Int32).fill_null(-1)
        return entries.to_numpy().reshape(self.regret.shape)

    @property
    def clock_s(self) -> NDArray[np.float64]:
        """Seconds of training and features after each evaluation: (trials, evaluations)."""
        return self.steps["clock_s"].to_numpy().reshape(self.regret.shape)


def sha256(data: BenchmarkData) -> str:
    """Return the hash of all that the results depend on: the table, its spectra, their maps."""
    files = read_manifest() | (table_files(data.table) if data.table in TABLES else {})
    features = (fisher_name(data.table), map_name(data.table), EMBEDDING_FILE)
    digests = [data.sha256, *(files[name].sha256 for name in features if name in files)]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def searches(data: BenchmarkData, name: str, trials: int, folder: Path) -> Searches:
    """Return the searches of an optimizer, from the folder if they were made before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace(':', '-')}.parquet"
    about = path.with_suffix(".json")
    asked = {
        "sha256": sha256(data),
        "trials": trials,
        "evaluations": EVALUATIONS,
        "seed": SEED,
        "columns": "with trained",  # what was kept by earlier versions has none
    }
    if about.exists():
        known = json.loads(about.read_text(encoding="utf-8"))
        if {key: known.get(key) for key in asked} == asked:
            finals = read_steps(path.with_suffix(".finals.parquet"))
            return Searches(read_steps(path), finals, known["each_s"], known["processor"])
    chosen = {name: find_optimizer(name)}
    simulate(data, chosen, trials=1, evaluations=EVALUATIONS, seed=SEED)  # what is done once
    # As many as the budget is for, where these are more; the first ones are kept.
    count = max(trials, BUDGETS[name][0]) if name == "random" else trials
    start = time.process_time()
    found = simulate(data, chosen, trials=count, evaluations=EVALUATIONS, seed=SEED)
    each_s = (time.process_time() - start) / count
    steps, finals = (rows.filter(pl.col("trial") < trials) for rows in (found.steps, found.finals))
    about.unlink(missing_ok=True)  # it vouches for the others, so it goes first and comes last
    for frame, target in ((steps, path), (finals, path.with_suffix(".finals.parquet"))):
        with replacing(target) as draft:
            frame.write_parquet(draft)
    with replacing(about) as draft:
        draft.write_text(json.dumps(asked | {"each_s": each_s, "processor": processor()}))
    print(f"{data.table}, {name}: {1e3 * each_s:.1f} ms of processor time each", flush=True)
    return Searches(steps, finals, each_s, processor())


def surrogate_rows(data: BenchmarkData, splits: int, folder: Path) -> pl.DataFrame:
    """Return the evaluation of surrogates, split by split from the folder where it was made."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for split in range(splits):
        path = folder / f"split-{split}-{sha256(data)[:12]}.parquet"
        if not path.exists():
            start = time.process_time()
            rows = evaluation.evaluate(data, splits=[split], seed=SEED)
            with replacing(path) as draft:
                rows.write_parquet(draft)
            print(f"{data.table}, split {split}: {time.process_time() - start:.1f} s", flush=True)
        found.append(pl.read_parquet(path))
    rows = pl.concat(found)
    evaluation.save(folder, rows)
    return rows


def failure_rows(data: BenchmarkData, splits: int, folder: Path) -> pl.DataFrame:
    """Return the evaluation of models with and without a classifier of who diverges."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in FAILURE_MODELS if name in evaluation.REGRESSORS]
    makers = {name: evaluation.REGRESSORS[name] for name in names} | {
        f"{name}-failures": evaluation.FAILURE_AWARE[f"{name}-failures"] for name in names
    }
    features = evaluation.available_features(data, FAILURE_FEATURES)
    found = []
    for split in range(splits):
        path = folder / f"split-{split}-{sha256(data)[:12]}.parquet"
        if not path.exists():
            rows = evaluation.evaluate(data, features, makers, splits=[split], seed=SEED)
            with replacing(path) as draft:
                rows.write_parquet(draft)
            print(f"{data.table}, failures, split {split}", flush=True)
        found.append(pl.read_parquet(path))
    return pl.concat(found)


def spectra_of(data: BenchmarkData) -> bool:
    """Return whether a table has Fisher spectra."""
    return invalid_spectra(data.table) is not None
