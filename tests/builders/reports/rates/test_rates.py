"""The report on learning rates: what it counts, on made-up runs of the real space."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from act_bench.spaces.paper import load_space
from act_bench.tables.schema import METRICS, RUN_COLUMNS, arrow_schema
from builders.reports.rates import report as rates
from builders.reports.rates.axis import Axis, axis
from builders.reports.rates.one_machine import slowness
from regenerate.recipes import find

SPACE = load_space()
OWN = find("cnn", "proxy").learning_rate


def runs_at(rate: float, accuracy: np.ndarray, seed: int = 0) -> pl.DataFrame:
    """A run of every entry; NaN diverges."""
    schema = pl.DataFrame(arrow_schema(RUN_COLUMNS).empty_table()).schema
    rows = [
        {
            "expression": text,
            "entry": entry,
            "fidelity": "proxy",
            "learning_rate": rate,
            "seed": seed,
            "outcome": "diverged" if np.isnan(value) else "ok",
            **dict.fromkeys(METRICS, None if np.isnan(value) else float(value)),
            "train_loss_curve": [],
            "validation_loss_curve": [],
            "validation_accuracy_curve": [],
            "runtime_s": 36.0,
            "images_seen": 10_000,
            "device": "cpu",
            "recipe_sha": "0" * 12,
            "versions": json.dumps({"processor": "made up"}),
        }
        for entry, (text, value) in enumerate(zip(SPACE.representatives, accuracy, strict=True))
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.fixture(scope="module")
def found() -> Axis:
    """A third diverges everywhere, a third is better at twice the rate, a third worse."""
    kind = np.arange(len(SPACE.representatives)) % 3
    quality = np.random.default_rng(0).uniform(0.2, 0.6, len(kind))
    own = np.where(kind == 0, np.nan, quality)
    twice = np.where(kind == 1, own + 0.1, np.where(kind == 2, np.nan, np.nan))
    frames = {OWN: runs_at(OWN, own), 2 * OWN: runs_at(2 * OWN, twice)}
    frames[2 * OWN] = pl.concat([frames[2 * OWN], runs_at(2 * OWN, twice - 0.05, seed=1)])
    return axis("cnn", frames)


def test_functions_are_counted_by_class(found: Axis) -> None:
    classes = len(set(SPACE.canonical_class))
    assert found.first.shape == (classes, 2)
    assert found.complete.all()
    assert (found.rates, found.own) == ((OWN, 2 * OWN), 0)


def test_what_is_counted(found: Axis) -> None:
    kind = found.entry % 3
    rest = int((kind != 0).sum())
    text = rates.outcomes(found)
    assert f"{int((kind == 0).sum()):,} diverge at all" in text
    assert f"Of the other {rest:,}, {(kind == 2).sum() / rest:.1%} change" in text
    row = next(line for line in rates.best_rates(found).splitlines() if "all that train" in line)
    gain = 0.1 * (kind == 1).sum() / rest
    shown = [f"{rest:,}", str((kind == 2).sum()), str((kind == 1).sum()), f"{gain:.4f}"]
    assert [cell.strip() for cell in row.split("|")[2:-1]] == shown


def test_fresh_seeds_tell_how_much_the_choice_flatters(found: Axis) -> None:
    text = rates.seeds(found)
    assert f"{(found.entry % 3 == 1).sum():,} functions that train have fresh seeds" in text
    assert "agree at 1.00 [1.00, 1.00]" in text
    assert "0.0500 ± 0.0000 higher" in text


def test_what_a_rate_gives_is_told_by_seeds_that_did_not_choose_it(found: Axis) -> None:
    assert rates.gains(found) == "No fresh seeds at both rates yet."
    quality = np.where(np.arange(len(SPACE.representatives)) % 2, 0.4, 0.3)
    frames = {
        OWN: pl.concat([runs_at(OWN, quality), runs_at(OWN, quality - 0.02, seed=1)]),
        2 * OWN: pl.concat(
            [runs_at(2 * OWN, quality + 0.1), runs_at(2 * OWN, quality + 0.05, seed=1)]
        ),
    }
    rows = rates.gains(axis("cnn", frames)).splitlines()
    assert f"| {len(found.entry):,} of {len(found.entry):,} |" in rows[2]
    assert all("| +0.0700 ± 0.0000 |" in row for row in rows[2:]), rows
    assert any("50 of 50 | 0.3800 | 0.4500 |" in row for row in rows)


def test_fresh_seeds_at_the_own_rate_alone_say_nothing_of_the_best() -> None:
    """So it is when a second rate has just been trained: those that it suits have none yet."""
    kind = np.arange(len(SPACE.representatives)) % 2
    quality = np.random.default_rng(0).uniform(0.2, 0.6, len(kind))
    own = [runs_at(OWN, quality), runs_at(OWN, quality - 0.02, seed=1)]
    twice = [runs_at(2 * OWN, quality + np.where(kind, 0.05, -0.05))]
    frames = {OWN: pl.concat(own), 2 * OWN: pl.concat(twice)}
    just_trained = axis("cnn", frames)
    assert (just_trained.tuned["fresh_runs"] > 0).sum() > 1000
    assert not rates.confirmed(just_trained)
    assert rates.best(just_trained) == ""
    assert rates.seeds(just_trained) == "No fresh seeds of the best when tuned yet."
    assert "By fresh seeds" not in rates.top(just_trained)
    page = rates.page("cnn", frames)
    assert "best by fresh seeds" not in page
    assert "`estimate`" not in page
    assert "\n\n\n" not in page

    twice.append(runs_at(2 * OWN, quality + 0.04, seed=1))
    complete = axis("cnn", frames | {2 * OWN: pl.concat(twice)})
    assert rates.confirmed(complete)
    assert "| best by fresh seeds |" in rates.best(complete)
    assert "By fresh seeds, which" in rates.top(complete)


def test_what_a_sweep_has_not_trained_yet_did_not_diverge() -> None:
    quality = np.full(len(SPACE.representatives), 0.4)
    elu, relu = (SPACE.resolve(text).entry for text in ("elu(x)", "relu(x)"))
    other = runs_at(2 * OWN, np.where(np.arange(len(quality)) == relu, np.nan, quality))
    unfinished = {OWN: runs_at(OWN, quality), 2 * OWN: other.filter(pl.col("entry") != elu)}
    rows = rates.baselines(axis("cnn", unfinished)).splitlines()
    assert "| `elu(x)` | 0.4000 |  |  |  | 0 |" in rows
    assert f"| `relu(x)` | 0.4000 | diverged | {OWN:g} |  | 0 |" in rows


def test_the_whole_page_has_every_section(found: Axis) -> None:
    for section in (
        rates.gains,
        rates.top,
        rates.best,
        rates.doubled,
        rates.deviation,
        rates.baselines,
    ):
        assert section(found)
    assert "| `elu(x)` |" in rates.baselines(found)


def test_the_clock_is_compared_by_the_functions_that_end_at_both_rates() -> None:
    """Those that diverge at one rate alone end early there, which says nothing of the machine."""
    quality = np.full(len(SPACE.representatives), 0.5)
    diverging = np.where(np.arange(len(quality)) % 2, quality, np.nan)
    own = runs_at(OWN, quality)
    slow = runs_at(2 * OWN, diverging).with_columns(
        runtime_s=pl.when(pl.col("outcome") == "ok").then(90.0).otherwise(1.0)
    )
    assert slowness(slow, own) == 2.5
    rows = rates.coverage({OWN: own, 2 * OWN: slow}, OWN).splitlines()[2:]
    assert [row.split(" | ")[5] for row in rows] == ["1.00", "2.50"]
    assert np.isnan(slowness(slow.filter(pl.col("outcome") != "ok"), own))
