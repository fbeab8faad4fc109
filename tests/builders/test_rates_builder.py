"""Tables of learning rates: what is filled in, what seed 0 chooses, and what fresh seeds say."""

import dataclasses
import json
import statistics
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from act_bench.tables.rates import RATE_COLUMNS, TUNED_COLUMNS
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import METRICS, RUN_COLUMNS, arrow_schema, names
from builders.embedded import BuildError
from builders.rates import at_every_rate, rates_table, tuned_table
from builders.tables import check_runs
from regenerate.recipes import Recipe
from regenerate.recipes.rates import with_rate

RECIPE = Recipe(
    table="cnn",
    fidelity="tiny",
    network="all_cnn_c",
    dataset="cifar10",
    epochs=1,
    batch_size=50,
    optimizer="sgd",
    learning_rate=0.1,
    warmup_epochs=0.5,
)
CHANCE = 0.1
EARLY, LATE = 100, 150
"""Images seen by a run that diverged before the rate had a part, and by one that did after."""


FUNCTIONS = ("a", "b", "c", "d")
SPACE = SimpleNamespace(
    expressions=FUNCTIONS,
    representatives=FUNCTIONS,
    entry_of={text: entry for entry, text in enumerate(FUNCTIONS)},
    canonical_class=(0, 1, 1, 2),  # two of them are of one class
    outputs=np.zeros((4, 80), np.float32),
)


def run(entry, rate, seed, accuracy, images=1000, runtime_s=1.0):
    recipe = with_rate(RECIPE, rate)
    metrics = dict.fromkeys(METRICS, accuracy)
    return {
        "expression": SPACE.representatives[entry],
        "entry": entry,
        "fidelity": "tiny",
        "learning_rate": rate,
        "seed": seed,
        "outcome": "diverged" if accuracy is None else "ok",
        **metrics,
        "train_loss_curve": [],
        "validation_loss_curve": [],
        "validation_accuracy_curve": [],
        "runtime_s": runtime_s,
        "images_seen": images,
        "device": "cpu",
        "recipe_sha": recipe.sha,
        "versions": json.dumps({"data": "made up"}),
    }


def frame(*rows):
    schema = pl.DataFrame(arrow_schema(RUN_COLUMNS).empty_table()).schema
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def test_what_diverges_at_once_is_filled_in_and_nothing_else():
    own = frame(
        run(0, 0.1, 0, None, images=EARLY),
        run(1, 0.1, 0, None, images=LATE),
        run(2, 0.1, 0, 0.5),
        run(3, 0.1, 0, None, images=EARLY),
    )
    others = frame(run(1, 0.2, 0, 0.4), run(2, 0.2, 0, 0.6), run(3, 0.2, 0, None, images=50))
    runs = at_every_rate(own, others, RECIPE)
    assert list(runs) == [0.1, 0.2]
    assert runs[0.1].equals(own)
    rows = {row["entry"]: row for row in runs[0.2].to_dicts()}
    assert sorted(rows) == [0, 1, 2, 3]
    assert rows[0]["outcome"] == "diverged"
    assert rows[0]["recipe_sha"] == with_rate(RECIPE, 0.2).sha
    assert rows[3]["images_seen"] == 50, "what was trained again is taken as it is"
    table = rates_table(runs, pl.concat([own, others]), SPACE)
    at_other = table.filter(pl.col("learning_rate") == 0.2)
    assert at_other["filled_runs"].to_list() == [1, 0, 0, 0]
    check_runs(runs[0.2], "tiny", with_rate(RECIPE, 0.2).sha, "made up", SPACE)


def test_rates_have_a_row_per_entry_and_rate_in_order():
    own = frame(*(run(entry, 0.1, 0, 0.5) for entry in range(4)))
    others = frame(*(run(e, r, 0, 0.1 * e + r / 10) for r in (0.4, 0.2) for e in range(3)))
    table = rates_table(at_every_rate(own, others, RECIPE), pl.concat([own, others]), SPACE)
    assert table["filled_runs"].sum() == 0
    assert table.columns == names(RATE_COLUMNS)
    keys = list(zip(table["entry"], table["learning_rate"], strict=True))
    assert keys == [(e, r) for e in range(4) for r in (0.1, 0.2, 0.4)]
    row = table.filter((pl.col("entry") == 2) & (pl.col("learning_rate") == 0.4)).to_dicts()[0]
    assert row["validation_accuracy"] == pytest.approx(0.24)
    assert (row["outcome"], row["runs"]) == ("ok", 1)
    missing = table.filter((pl.col("entry") == 3) & (pl.col("learning_rate") == 0.2))
    assert missing["outcome"].to_list() == ["missing"]


OUTCOMES = st.one_of(st.none(), st.sampled_from([0.1, 0.25, 0.5, 0.75]))


@given(st.lists(st.lists(OUTCOMES, min_size=3, max_size=3), min_size=4, max_size=4))
def test_tuned_is_seed_0_at_the_rate_that_seed_0_chooses(first):
    """Against the rule in words, entry by entry."""
    rates = (0.05, 0.1, 0.2)
    rows = {
        (entry, rate, 0): run(entry, rate, 0, first[entry][place], images=LATE)
        for entry in range(4)
        for place, rate in enumerate(rates)
    }
    fresh = {0.05: (0.3, None), 0.1: (0.4, 0.5), 0.2: (None, None)}
    rows |= {
        (0, rate, seed): run(0, rate, seed, fresh[rate][seed - 1], images=LATE)
        for rate in rates
        for seed in (1, 2)
    }
    runs = {rate: frame(*(row for key, row in rows.items() if key[1] == rate)) for rate in rates}
    table = tuned_table(runs, SPACE, own_rate=0.1, info=TABLES["mlp"])
    assert table.columns == names(TUNED_COLUMNS)
    assert table["tuning_s"].to_list() == [3.0] * 4
    for entry, row in enumerate(table.to_dicts()):
        reached = {rate: first[entry][place] for place, rate in enumerate(rates)}
        finite = {rate: value for rate, value in reached.items() if value is not None}
        if not finite:
            assert (row["outcome"], row["learning_rate"]) == ("diverged", None)
            assert row["validation_accuracy"] is None
            assert row["fresh_runs"] == 0
            continue
        best = max(finite.values())
        rate = min((r for r in finite if finite[r] == best), key=lambda r: (r != 0.1, r))
        assert (row["outcome"], row["learning_rate"]) == ("ok", rate)
        assert row["validation_accuracy"] == row["test_accuracy"] == best
        assert row["runtime_s"] == 1.0
        if entry == 0:
            worth = [CHANCE if value is None else value for value in fresh[rate]]
            assert row["fresh_runs"] == 2
            assert row["fresh_diverged_runs"] == fresh[rate].count(None)
            assert row["fresh_validation_accuracy"] == pytest.approx(statistics.mean(worth))
            assert row["fresh_validation_accuracy_std"] == pytest.approx(statistics.stdev(worth))


def test_an_entry_that_lacks_a_rate_is_missing_and_shows_nothing():
    runs = {
        0.1: frame(*(run(entry, 0.1, seed, 0.5) for entry in range(4) for seed in range(3))),
        0.2: frame(*(run(entry, 0.2, 0, 0.6) for entry in range(3))),
    }
    row = tuned_table(runs, SPACE, own_rate=0.1, info=TABLES["mlp"]).to_dicts()[3]
    assert (row["outcome"], row["rates"]) == ("missing", 1)
    assert [row[name] for name in (*METRICS, "learning_rate", "runtime_s", "tuning_s")] == (
        [None] * 9
    )
    assert (row["fresh_runs"], row["fresh_validation_accuracy"]) == (0, None), "of no chosen rate"


def test_a_run_of_another_rate_than_its_hash_says_is_refused():
    row = run(0, 0.2, 0, 0.5) | {"recipe_sha": RECIPE.sha}
    with pytest.raises(BuildError, match="expected recipe"):
        check_runs(frame(row), "tiny", with_rate(RECIPE, 0.2).sha, "made up", SPACE)
    assert dataclasses.replace(RECIPE, learning_rate=0.2).sha == with_rate(RECIPE, 0.2).sha
