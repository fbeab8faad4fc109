"""What tests of several packages share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from act_bench.files.manifest import read_manifest
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Outcome
from act_bench.spaces import paper as space
from act_bench.tables import files, maps, rates, runs, spectra
from act_bench.tables.catalogued import named
from act_bench.tables.learning_curves import LearningCurves

# Test files are imported by path; what they share is imported by its place: tests.*, benchmarks.*.
sys.path.insert(0, str(Path(__file__).parents[1]))

# A busy machine is no failure: how long a test takes is not asserted anywhere.
settings.register_profile("act-bench", deadline=None)
settings.load_profile("act-bench")

REQUIRED = "ACT_BENCH_REQUIRE"
"""Environment variable: marks of `NEEDS`, with commas, whose tests fail where they would skip."""


def _has_gpu() -> bool:
    if find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "triton": (
        lambda: find_spec("triton") is not None,
        "triton: pip install 'act-bench[gpu-check]'",
    ),
    "gpu": (_has_gpu, "a GPU that torch finds"),
}
"""Mark -> whether what its tests need is here, and what that is."""


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_setupnodes(config: pytest.Config, specs: Sequence[object]) -> None:
    """Let each worker compute on one thread: more would wait for those of the other workers."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs what is not here, or fail it where that is required."""
    required = os.environ.get(REQUIRED, "").split(",")
    for mark, (is_here, what) in NEEDS.items():
        if item.get_closest_marker(mark) is None or is_here():
            continue
        if mark in required:
            pytest.fail(f"{REQUIRED} names {mark}, and this machine lacks {what}", pytrace=False)
        pytest.skip(f"needs {what}")


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sweeps train here: a worker process takes seconds to start, and has its own tests."""
    from regenerate.sweeps import executor

    monkeypatch.setattr(executor, "LocalExecutor", lambda jobs: executor.SerialExecutor())


MakeData = Callable[..., BenchmarkData]


@pytest.fixture(scope="session")
def make_data() -> MakeData:
    """Return a maker of made-up benchmark data over the real space, for tests only.

    A third of the entries diverge, `missing` are missing, and the score of the others falls with
    the distance of their outputs to those of one function, plus noise: it can be climbed. Trainings
    have four epochs: the score rises in proportion, and what diverges does so in the third.
    """

    def make(seed: int = 0, missing: tuple[int, ...] = (), table: str = "made-up") -> BenchmarkData:
        known = space.load_space()
        rng = np.random.default_rng(seed)
        outputs = space.finite_outputs(known.outputs).astype(float)
        summit = outputs[known.entry_of["max(softsign(x),swish(x))"]]
        distance = np.sqrt(np.mean((outputs - summit) ** 2, axis=1))
        noise = rng.normal(0, 0.02, len(distance))
        score = np.clip(0.1 + 0.85 * np.exp(-distance) + noise, 0.0, 1.0)
        outcome: list[Outcome] = ["ok" if u > 1 / 3 else "diverged" for u in rng.random(len(score))]
        for entry in missing:
            outcome[entry] = "missing"
        kept = [o == "ok" for o in outcome]
        cost = rng.uniform(1.0, 3.0, len(score)).tolist()
        curves = LearningCurves(
            4,
            [
                [v * e / 4 if k or e < 3 else None for e in range(1, 5)]
                for v, k in zip(score.tolist(), kept, strict=True)
            ],
            [[seconds * e / 4 for e in range(1, 5)] for seconds in cost],
        )
        return BenchmarkData(
            table=table,
            edition="regenerated",
            fidelity="full",
            seed=None,
            chance=0.1,
            sha256=f"{seed:064d}",
            space=known,
            outcome=outcome,
            validation_accuracy=[
                v if k else None for v, k in zip(score.tolist(), kept, strict=True)
            ],
            test_accuracy=[
                v - 0.01 if k else None for v, k in zip(score.tolist(), kept, strict=True)
            ],
            test_loss=[1 - v if k else None for v, k in zip(score.tolist(), kept, strict=True)],
            cost_s=cost,
            read_curves=lambda: curves,
        )

    return make


@pytest.fixture
def bare_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the name of a table whose spectra and maps are hidden for the test."""
    hidden = {spectra.fisher_name("vit"), maps.map_name("vit")}
    shown = {name: record for name, record in read_manifest().items() if name not in hidden}
    monkeypatch.setattr(files, "table_files", lambda table: shown)
    kept = (spectra.load_spectra, maps.load_map)
    for each in kept:
        each.cache_clear()
    yield "vit"
    for each in kept:
        each.cache_clear()


@pytest.fixture
def one_rate_table(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a table whose other learning rates and named functions are hidden."""
    table = "vit"
    hidden = {
        rates.rates_name(table),
        rates.tuned_name(table),
        rates.rate_runs_name(table),
        named.named_name(table),
    }
    shown = {name: record for name, record in read_manifest().items() if name not in hidden}
    for module in (files, rates, runs, named):
        monkeypatch.setattr(module, "table_files", lambda table: shown)
    return table
