"""The table of named functions: what is in the space is the space's, the rest is trained beside."""

import dataclasses
import json
import math
import statistics
from typing import Any

import polars as pl
import pytest

from act_bench.files.manifest import DATA_FOLDER
from act_bench.functions.catalogue import CATALOGUE
from act_bench.spaces.paper import entry_of, load_space
from act_bench.tables.catalogued.named import NAMED_COLUMNS, load_named, load_named_runs, named_rows
from act_bench.tables.loaders import load_table
from act_bench.tables.rates import load_rates
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import METRICS, names
from builders.embedded import BuildError
from builders.named import build, catalogue_frame, named_table
from regenerate.data import load
from regenerate.recipes import find
from regenerate.runs import parts
from regenerate.runs.run import Run


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return load_named("mlp")


def test_every_function_of_the_catalogue_has_a_row_per_rate(table):
    rates = load_rates("mlp")["learning_rate"].unique().sort().to_list()
    assert table.columns == names(NAMED_COLUMNS)
    keys = list(zip(table["name"], table["learning_rate"], strict=True))
    assert keys == [(name, rate) for name in CATALOGUE for rate in rates]
    assert set(table["runs"]) == {10}


def test_what_is_in_the_space_has_the_values_of_its_entry(table):
    inside = table.filter(pl.col("entry").is_not_null())
    assert inside["name"].n_unique() == sum(
        entry_of(each) is not None for each in CATALOGUE.values()
    )
    columns = [*METRICS, "validation_accuracy_std", "runtime_s", "outcome", "runs"]
    key = ["entry", "learning_rate"]
    theirs = load_rates("mlp").select(*key, *columns)
    joined = inside.select(*key, *columns).join(theirs, on=key, suffix="_space")
    assert joined.height == inside.height
    for name in columns:
        assert joined[name].equals(joined[f"{name}_space"].alias(name)), name
    tuned = load_table("mlp", rate="tuned")
    for row in inside.filter("tuned").iter_rows(named=True):
        there = tuned.row(row["entry"], named=True)
        assert row["learning_rate"] == there["learning_rate"]
        assert row["first_validation_accuracy"] == there["validation_accuracy"]
        assert math.isclose(
            row["fresh_validation_accuracy"], there["fresh_validation_accuracy"], rel_tol=1e-12
        )


def test_rows_outside_the_space_are_the_medians_of_their_runs(table):
    runs = load_named_runs("mlp")
    assert runs["entry"].null_count() == runs.height
    row = table.filter((pl.col("name") == "gelu") & pl.col("tuned")).row(0, named=True)
    own = runs.filter(
        (pl.col("expression") == "gelu(x)") & (pl.col("learning_rate") == row["learning_rate"])
    ).sort("seed")
    accuracies = own["validation_accuracy"].to_list()
    assert row["validation_accuracy"] == pytest.approx(statistics.median(accuracies))
    assert row["first_validation_accuracy"] == accuracies[0]
    assert row["fresh_validation_accuracy"] == pytest.approx(statistics.fmean(accuracies[1:]))
    first = runs.filter((pl.col("expression") == "gelu(x)") & (pl.col("seed") == 0))
    assert first["validation_accuracy"].max() == accuracies[0], "seed 0 chooses the rate"


def test_a_rate_is_chosen_once_per_function_and_fidelity(table):
    chosen = table.filter("tuned")
    assert chosen.select("name").is_unique().all()
    never = set(CATALOGUE) - set(chosen["name"])
    first = table.filter(pl.col("name").is_in(list(never)))["first_validation_accuracy"]
    assert first.null_count() == len(first), "only what diverged at every rate has none"


def test_only_learned_functions_have_a_time_of_their_own(table):
    composed = set(table.filter(~pl.col("comparable_runtime"))["name"])
    assert composed == {name for name, each in CATALOGUE.items() if each.parameter is not None}


def test_two_names_of_one_function_give_one_answer():
    rows = named_rows("mlp", load_space().representatives[entry_of(CATALOGUE["celu"])])
    assert {row["name"] for row in rows} == {"elu"}


def run(expression: str, seed: int = 0, **changes: Any) -> Run:
    recipe = find("mlp", "full")
    data = load(recipe.dataset, image_size=recipe.image_size)
    metrics: dict[str, Any] = dict.fromkeys(METRICS, 0.5)
    known = Run(
        expression=expression,
        fidelity="full",
        seed=seed,
        outcome="ok",
        **metrics,
        train_loss_curve=(),
        validation_loss_curve=(),
        validation_accuracy_curve=(),
        runtime_s=1.0,
        images_seen=1,
        device="cpu",
        recipe_sha=recipe.sha,
        versions=json.dumps({"data": data.fingerprint}),
        learning_rate=recipe.learning_rate,
    )
    return dataclasses.replace(known, **changes)


def built(runs, tmp_path):
    parts.write(tmp_path / "runs.parquet", parts.to_table(runs))
    (tmp_path / "out").mkdir()
    return build([tmp_path / "runs.parquet"], "mlp", None, tmp_path / "out")


def test_a_build_takes_functions_outside_the_space(tmp_path):
    records = built([run("gelu(x)"), run("crrelu"), run("crrelu", seed=1)], tmp_path)
    assert records["mlp-named-runs.parquet"].rows == 3
    rows = pl.read_parquet(tmp_path / "out" / "mlp-named.parquet")
    crrelu = rows.filter(pl.col("name") == "crrelu").row(0, named=True)
    assert (crrelu["entry"], crrelu["runs"], crrelu["fresh_runs"]) == (None, 2, 1)
    assert crrelu["comparable_runtime"] is False


@pytest.mark.parametrize(
    ("offender", "message"),
    [
        (run("add(zero(x),relu(x))", entry=20), "first spelling"),
        (run("sinc(x)"), "first spelling"),
        (run("gelu(x)", entry=3), "first spelling"),
        (run("gelu(x)", learning_rate=0.7), "expected recipe"),
        (run("gelu(x)", validation_accuracy=1.5), "accuracies in"),
    ],
)
def test_a_build_refuses_anything_else(offender, message, tmp_path):
    with pytest.raises(BuildError, match=message):
        built([offender], tmp_path)


def test_a_diverged_first_seed_leaves_the_choice_to_the_other_rates():
    recipe = find("mlp", "full")
    none = dict.fromkeys(METRICS)
    runs = [
        run("gelu(x)", outcome="diverged", learning_rate=0.1, **none),
        run("gelu(x)", seed=1, learning_rate=0.1),
        run("gelu(x)", seed=0, validation_accuracy=0.2),
        run("gelu(x)", seed=1, outcome="diverged", **none),
        run("crrelu", outcome="diverged", **none),
    ]
    frame = pl.DataFrame(parts.to_table(runs))
    catalogue = catalogue_frame(
        {name: CATALOGUE[name] for name in ("gelu", "crrelu")}, {"gelu": None, "crrelu": None}
    )
    rows = named_table(frame, catalogue, {"full": recipe.learning_rate}, TABLES["mlp"])
    chosen = rows.filter("tuned")
    assert chosen["learning_rate"].to_list() == [recipe.learning_rate]
    assert chosen["fresh_validation_accuracy"].to_list() == [0.1], "a diverged run is worth chance"


def test_the_embedded_file_is_the_one_that_its_runs_give(tmp_path):
    build([DATA_FOLDER / "mlp-named-runs.parquet"], "mlp", None, tmp_path)
    again = pl.read_parquet(tmp_path / "mlp-named.parquet")
    assert again.equals(pl.read_parquet(DATA_FOLDER / "mlp-named.parquet"))
