"""The report on seeds: drawn entries, pooled noise, and what a seed gives all entries alike."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from act_bench.spaces.paper import load_space
from act_bench.tables.registry import TABLES
from builders.reports import seeds
from regenerate.sweeps.sweep import shuffled

SPACE = load_space()
ORDER = [SPACE.entry_of[text] for text in shuffled(SPACE.representatives)]


def test_drawn_entries_are_those_before_the_first_with_one_seed() -> None:
    scores = np.full((len(ORDER), 3), np.nan)
    scores[:, 0] = 0.5
    scores[ORDER[:7], 1:] = 0.5
    scores[ORDER[9:20], 1:] = 0.5  # chosen, but behind one that was not
    assert set(np.flatnonzero(seeds.drawn(scores))) == set(ORDER[:7])


def test_matrix_tells_a_diverged_run_from_none() -> None:
    runs = pl.DataFrame(
        {
            "entry": [0, 0, 1],
            "seed": [0, 1, 0],
            "outcome": ["ok", "diverged", "ok"],
            "validation_accuracy": [0.5, None, 0.25],
        }
    )
    found = seeds.matrix(runs, TABLES["cnn"])
    assert found[0].tolist() == [0.5, -np.inf]
    assert found[1, 0] == 0.25
    assert np.isnan(found[1, 1])


def test_pooled_noise_is_that_of_the_runs() -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(size=(2000, 1)) + rng.normal(0, 0.02, (2000, 3))
    assert seeds.pooled(rows) == pytest.approx(0.02, rel=0.05)
    assert np.isnan(seeds.pooled([np.array([0.5])]))


def test_a_draw_is_seeded_and_trains() -> None:
    scores = np.full((len(ORDER), 1), 0.1)
    scores[100:200] = 0.4
    chosen = seeds.draw(TABLES["cnn"], scores, 10)
    assert chosen == seeds.draw(TABLES["cnn"], scores, 10)
    assert all(100 <= SPACE.entry_of[text] < 200 for text in chosen)
    assert len(set(chosen)) == 10
