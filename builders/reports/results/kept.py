"""What results are made of: the searches of the leaderboard, and evaluations of surrogates.

Searches are those of the protocol, whose traces lie in ``leaderboard/DATA/OPTIMIZER.parquet``:
nothing is searched here. Evaluations of surrogates are stored once made.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.errors import ActBenchError, ExitCode
from act_bench.figures.tables import invalid_spectra
from act_bench.files.atomic import replacing
from act_bench.files.manifest import EMBEDDING_FILE, read_manifest
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Revealed
from act_bench.search.trace_table import read_traces
from act_bench.tables.files import table_files
from act_bench.tables.maps import map_name
from act_bench.tables.registry import TABLES
from act_bench.tables.spectra import fisher_name
from surrogates import evaluation
from surrogates.reporting import breaches, recorded

EVALUATIONS = 100
SEED = 0
DIGITS: Final = 6
"""Of the values in rows."""

FAILURE_MODELS = ("knn", "forest")
FAILURE_FEATURES = ("outputs", "fim", "union")
# From quick to slow; those after a colon are the same search with another setting.
OPTIMIZERS: Final = (
    "random",
    "fisher-filter:baselines=false",
    "fisher-filter",
    "aquasurf",
    "aquasurf:features=umap-outputs",
    "aquasurf:features=umap-fim",
    "local",
    "evolution",
    "knn",
    "halving",
    "hyperband",
    "gp-ei",
    "gp-ei:features=umap-union",
    "gp-thompson",
    "forest-ei",
    "controller",
    "tpe",
)


COMPARED: Final = OPTIMIZERS[:6]
"""Those that the claims of the papers are about; a table without spectra needs the first."""


class ForeignTracesError(ActBenchError, ValueError):
    """Traces that are not there, not of the protocol, or of other data than those here."""

    exit_code = ExitCode.DATA


class Searches(NamedTuple):
    """The searches of one optimizer over one table.

    Attributes
    ----------
    steps
        As ``surrogates.simulation.Simulation.steps``.
    test
        (trials,) what the incumbent of each has on the test data, by the metric of the table;
        NaN where it diverged.
    """

    steps: pl.DataFrame
    test: NDArray[np.float64]

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


def stored_searches(data: BenchmarkData, folder: Path) -> dict[str, Searches]:
    """Return the searches whose traces are stored, by optimizer.

    Raises
    ------
    ForeignTracesError
        Traces are not complete by the protocol, or of another version of the table.
    """
    found = {}
    for name in OPTIMIZERS:
        path = folder / data.name / f"{name.replace(':', '-')}.parquet"
        if not path.exists():
            continue
        traces = read_traces(path)
        wrong = breaches(traces)
        if traces and traces[0].header.data_sha256 != data.sha256:
            wrong.append("they are of another version of the table")
        if wrong:
            raise ForeignTracesError(f"{path}: {'; '.join(wrong)}: run the protocol again")
        column = data.metric.replace("validation", "test")
        revealed = (trace.events[-1] for trace in traces)
        test = [getattr(each, column) for each in revealed if isinstance(each, Revealed)]
        found[name] = Searches(recorded(traces, data, name), np.array(test, np.float64))
    return found


def searches_of(data: BenchmarkData, folder: Path) -> dict[str, Searches]:
    """Return the stored searches of a table, those that its claims are about among them.

    Raises
    ------
    ForeignTracesError
        As :func:`stored_searches`, or some that are needed are not stored.
    """
    found = stored_searches(data, folder)
    needed = COMPARED if spectra_of(data) else COMPARED[:1]
    if lacking := [name for name in needed if name not in found]:
        raise ForeignTracesError(
            f"no traces of {', '.join(lacking)} over {data.table}: make them with `act-bench "
            f"simulate {data.table} --protocol 1 --optimizers {','.join(lacking)} --output "
            f"{folder / data.name}`"
        )
    return found


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
