"""Shares that are dealt out at random are honest: nothing is lost and nothing is in two hands."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from act_bench import load_runs
from act_bench.tables.registry import TABLES
from builders.reports import contributions
from builders.reports.contributions import dealt, refused


@pytest.fixture(scope="module")
def runs() -> pl.DataFrame:
    found = load_runs("mlp", "full").filter(pl.col("seed") < 3, pl.col("entry") % 40 == 0)
    return found.filter(pl.col("validation_accuracy").count().over("entry") == 3)


def test_every_run_is_dealt_once(runs: pl.DataFrame) -> None:
    theirs, ours = dealt(runs, 10, np.random.default_rng(0))
    assert (theirs.height, ours.height) == (10, runs.height * 2 // 3)
    assert set(theirs["seed"]) == {0}
    assert set(ours["seed"]) == {0, 1}
    losses = [frame["validation_loss"].to_list() for frame in (theirs, ours)]
    assert not set(losses[0]) & set(losses[1])
    assert set(losses[0] + losses[1]) <= set(runs["validation_loss"])


def test_what_is_far_off_is_always_refused(
    runs: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contributions, "DRAWS", 10)
    monkeypatch.setattr(contributions, "SHIFTS", (0.0, 0.3))
    honest, off = refused(runs, TABLES["mlp"], 30)
    assert honest <= 0.3
    assert off == 1
