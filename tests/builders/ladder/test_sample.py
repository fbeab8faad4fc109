"""The sample that is trained long: who is certain to be in it, and how likely the others are."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import load_space
from act_bench.tables.loaders import load_table
from act_bench.tables.registry import TABLES
from builders.embedded import BuildError
from builders.ladder import sample
from regenerate.recipes import find

INFO = TABLES["cnn"]
SPACE = load_space()


@pytest.fixture(scope="module")
def tuned() -> pl.DataFrame:
    return load_table("cnn", rate="tuned")


@pytest.fixture(scope="module")
def drawn(tuned: pl.DataFrame) -> pl.DataFrame:
    named = sample.named_classes()
    return sample.design(tuned, INFO, named, find("cnn", "proxy").learning_rate)


def test_each_function_is_there_once(drawn: pl.DataFrame) -> None:
    assert drawn["canonical_class"].is_unique().all()
    networks = [sample.same_network(text) for text in drawn["expression"]]
    assert len(set(networks)) == len(networks)
    assert [SPACE.entry_of[text] for text in drawn["expression"]] == drawn["entry"].to_list()


def test_the_best_the_baselines_and_the_named_are_certain(
    drawn: pl.DataFrame, tuned: pl.DataFrame
) -> None:
    sure = drawn.filter(pl.col("probability") == 1)
    assert set(sure["stratum"]) == {"best", "baseline", "named"}
    classes = {SPACE.canonical_class[SPACE.resolve(name).entry] for name in BASELINES}
    baselines = drawn.filter(pl.col("stratum") == "baseline")
    assert set(baselines["canonical_class"]) == classes
    # The first of each class, best first; no two of the first forty make the same network.
    first = tuned.unique("canonical_class", keep="first", maintain_order=True)
    best = first.sort("validation_accuracy", descending=True, nulls_last=True)["expression"]
    networks: list[bytes] = []
    for text in best.head(60):
        if (made := sample.same_network(text)) not in networks:
            networks.append(made)
    in_sample = {sample.same_network(text) for text in sure["expression"]}
    assert in_sample.issuperset(networks[: sample.BEST])


def test_what_is_drawn_is_drawn_with_the_probability_that_is_told(
    drawn: pl.DataFrame, tuned: pl.DataFrame
) -> None:
    # 1 / probability adds up to the distinct functions that train, and those that do not.
    trains = drawn.join(tuned.select("entry", "validation_accuracy"), on="entry").filter(
        pl.col("validation_accuracy") > INFO.trained_score
    )
    functions = sample.distinct(tuned, sample.named_classes())
    population = (functions["validation_accuracy"].fill_null(0) > INFO.trained_score).sum()
    assert (1 / trains["probability"]).sum() == pytest.approx(population)
    diverged = drawn.join(tuned.select("entry", "outcome"), on="entry").filter(
        pl.col("outcome") == "diverged"
    )
    count = (functions["outcome"] == "diverged").sum()
    assert (1 / diverged["probability"]).sum() == pytest.approx(count)
    assert set(diverged["learning_rate"]) == {0.05}
    # ReLU^2 diverges on cnn at every rate, and is there for its name.
    assert "named" in set(diverged["stratum"])
    sizes = drawn.group_by("stratum").len()
    assert dict(sizes.rows()) | {f"decile {n}": 5 for n in range(1, 11)} == dict(sizes.rows())


def test_twenty_are_trained_at_every_rate_and_the_lists_say_so(
    drawn: pl.DataFrame, tmp_path: Path
) -> None:
    studied = drawn.filter("every_rate")
    assert studied.height == 20
    assert (studied["stratum"] == "baseline").sum() == len(BASELINES)
    sample.write(drawn, tmp_path)
    lists = sample.write_lists(drawn, (0.05, 0.1, 0.2), tmp_path)
    assert [path.name for path in lists] == ["0.05.txt", "0.1.txt", "0.2.txt"]
    several = set(studied["expression"])
    for path, rate in zip(lists, (0.05, 0.1, 0.2), strict=True):
        lines = path.read_text(encoding="utf-8").split()
        own = set(drawn.filter(pl.col("learning_rate") == rate)["expression"])
        assert set(lines) == several | own
        assert len(lines) == len(set(lines))
    assert sample.read(tmp_path / sample.FILE).equals(drawn)


def test_further_seeds_go_to_the_baselines_and_the_best_by_seed_0(drawn: pl.DataFrame) -> None:
    long = pl.Series("validation_accuracy", range(drawn.height)) / drawn.height
    runs = drawn.select("entry", "learning_rate", long, seed=pl.lit(0))
    # What another rate or seed gives has no say.
    others = runs.with_columns(validation_accuracy=1.0, learning_rate=0.4).head(5)
    others = pl.concat([others, runs.with_columns(validation_accuracy=1.0, seed=1).head(5)])
    found = sample.fresh(drawn, pl.concat([runs, others]), INFO)
    best = set(drawn.tail(sample.FRESH)["entry"])
    baselines = set(drawn.filter(pl.col("stratum") == "baseline")["entry"])
    assert set(found["entry"]) == best | baselines
    with pytest.raises(BuildError, match="1 functions of the sample have no run with seed 0"):
        sample.fresh(drawn, runs.tail(-1), INFO)


def test_a_baseline_that_does_not_train_is_certain_too(tuned: pl.DataFrame) -> None:
    relu = SPACE.resolve("relu(x)").entry
    fallen = tuned.with_columns(
        pl.when(pl.col("entry") == relu).then(0.1).otherwise("validation_accuracy")
        .alias("validation_accuracy")
    )  # fmt: skip
    found = sample.design(fallen, INFO, sample.named_classes(), 0.05)
    row = found.row(by_predicate=pl.col("entry") == relu, named=True)
    assert (row["stratum"], row["probability"], row["every_rate"]) == ("baseline", 1.0, True)
    assert found["expression"].is_unique().all()


def test_of_classes_that_make_the_same_network_one_stays_the_named_one_first() -> None:
    table = pl.DataFrame(
        {
            "expression": ["add(zero(x),elu(x))", "relu(x)", "sub(elu(x),zero(x))", "elu(x)"],
            "entry": [1, 2, 3, 4],
            "canonical_class": [10, 20, 30, 30],
        }
    )
    assert sample.distinct(table, {})["entry"].to_list() == [1, 2]
    assert sample.distinct(table, {30: "named"})["entry"].to_list() == [2, 3]


def test_a_table_with_gaps_is_refused(tuned: pl.DataFrame) -> None:
    some = tuned.with_columns(
        outcome=pl.when(pl.col("entry") == 5).then(pl.lit("missing")).otherwise("outcome")
    )
    with pytest.raises(BuildError, match="1 were not trained at every rate"):
        sample.design(some, INFO, {}, 0.05)


def test_another_file_is_no_sample(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_text("expression,entry\nrelu(x),20\n", encoding="utf-8")
    with pytest.raises(BuildError, match="expected the columns expression, entry"):
        sample.read(path)
