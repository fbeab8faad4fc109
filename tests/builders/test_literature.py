"""The reported results: the rule of cleaning, and tables typed in again from the sources."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest

from act_bench.functions.catalogue import CATALOGUE, SOURCES
from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from act_bench.tables.catalogued.literature import load_literature, reported
from builders.embedded import BuildError, read_about
from builders.literature import FLAGS, SOURCE, build, clean, read_transcription


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return read_transcription()


@pytest.fixture(scope="module")
def results() -> pl.DataFrame:
    return load_literature()


def values(results: pl.DataFrame, function: str, **where: str) -> list[float]:
    conditions = [pl.col(name) == word for name, word in where.items()]
    return results.filter(pl.col("function") == function, *conditions)["value"].to_list()


def test_rows_without_a_value_are_dropped_and_no_others(
    rows: list[dict[str, str]], results: pl.DataFrame
) -> None:
    assert len(rows) == 463
    empty = {int(row["row"]) for row in rows if not row["value"]}
    assert len(empty) == 4
    assert set(results["row"]) == set(range(1, 464)) - empty


def test_the_embedded_file_is_what_the_builder_makes(results: pl.DataFrame, tmp_path: Path) -> None:
    build(tmp_path)
    made = pl.read_parquet(tmp_path / "literature.parquet")
    assert made.equals(results)
    assert read_about(tmp_path / "literature.parquet")["flags"] == FLAGS


def test_the_poster_table_3(results: pl.DataFrame) -> None:
    """CoAtNet on Imagenette, typed in from the poster."""
    table = {
        "erfc_softplus_squared": 0.8907,
        "min_softplus_squared_minus_x": 0.8861,
        "arcsinh_elu_swish": 0.8828,
        "elish": 0.1,
        "elu": 0.8629,
        "gelu": 0.8841,
        "hard_sigmoid": 0.8487,
        "leaky_relu": 0.8815,
        "mish": 0.8762,
        "relu": 0.8772,
        "selu": 0.8194,
        "sigmoid": 0.8586,
        "softplus": 0.8678,
        "softsign": 0.8530,
        "swish": 0.8736,
        "tanh": 0.8415,
    }
    found = results.filter(pl.col("source") == "bingham2023", pl.col("table") == "Table 3")
    assert dict(zip(found["function"], found["value"], strict=True)) == table


def test_percentages_are_fractions_rounded_once(results: pl.DataFrame) -> None:
    """The Swish paper's search results for ResNet-164 on CIFAR-10, printed in percent."""
    for name, percent in {"relu": 93.8, "min_x_sin": 94.0, "x_arcsinh_squared": 85.1}.items():
        found = values(
            results,
            name,
            table="Table 1",
            source="ramachandran2017",
            architecture="preact ResNet-164",
        )
        assert found == [round(percent / 100, 3)]


def test_machine_translation_and_dpo_keep_their_units(results: pl.DataFrame) -> None:
    bleu = results.filter(pl.col("metric") == "bleu", pl.col("function") == "swish")
    assert bleu["value"].to_list() == [26.2, 28.0, 30.1, 34.0]
    assert bleu["unit"].unique().to_list() == ["BLEU"]
    losses = results.filter(pl.col("metric") == "dpo_loss", pl.col("function") == "crrelu")
    assert losses["value"].to_list() == [0.6476, 0.9201, 1.462, 3.268]
    assert losses["precision"].to_list() == [0.0001, 0.0001, 0.001, 0.001]


def test_crrelu_table_1(results: pl.DataFrame) -> None:
    found = results.filter(pl.col("source") == "sun2024", pl.col("table") == "Table 1")
    by_function = {
        name: values(found, name)
        for name in ("gelu", "elu", "prelu", "celu", "swish", "mish", "crrelu")
    }
    assert by_function == {
        "gelu": [0.706, 0.716, 0.743],
        "elu": [0.669, 0.671, 0.689],
        "prelu": [0.786, 0.753, 0.761],
        "celu": [0.669, 0.671, 0.689],
        "swish": [0.683, 0.694, 0.719],
        "mish": [0.687, 0.695, 0.725],
        "crrelu": [0.802, 0.768, 0.775],
    }


def test_columns_agree_with_each_other(results: pl.DataFrame) -> None:
    space = load_space()
    assert set(results["source"]) <= set(SOURCES)
    for row in results.iter_rows(named=True):
        function = CATALOGUE[row["function"]]
        assert row["expression"] == function.expression
        if row["expression"] is not None:
            assert str(parse(row["expression"])) == row["expression"]
        if row["entry"] is not None:
            assert space.resolve(row["expression"]).entry == row["entry"]
        if row["unit"] == "fraction":
            assert 0 <= row["value"] <= 1
        digits = row["value"] / row["precision"]
        assert digits == pytest.approx(round(digits), abs=1e-6)
        assert set(row["flags"]) <= set(FLAGS)
        assert (row["run"] is not None) == (row["statistic"] == "ranked run")
        assert row["run"] is None or row["run"] <= row["runs"]


def test_what_the_flags_are_on(results: pl.DataFrame) -> None:
    counts = results["flags"].explode(empty_as_null=False).value_counts()
    assert dict(counts.iter_rows()) == {
        "repaired": 5,
        "inferred": 50,
        "imprecise": 4,
        "contradicted": 2,
    }
    contradicted = results.filter(pl.col("flags").list.contains("contradicted"))
    assert sorted(contradicted["value"]) == [0.948, 0.949]
    assert contradicted["function"].unique().to_list() == ["swish_beta"]


@pytest.mark.parametrize(
    ("column", "word"),
    [("metric", "accuracy"), ("function", "crelu"), ("flags", "odd"), ("source", "me2020")],
)
def test_unknown_words_are_refused(
    rows: list[dict[str, str]], tmp_path: Path, column: str, word: str
) -> None:
    changed = tmp_path / "rows.csv"
    with changed.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerow(rows[0] | {column: word})
    with pytest.raises(BuildError, match=rf"row 1: .*{word}"):
        read_transcription(changed)


def test_an_impossible_fraction_is_refused(rows: list[dict[str, str]]) -> None:
    with pytest.raises(BuildError, match=r"row 1: expected a fraction.*69\.9"):
        clean([rows[0] | {"value": "69.9"}])


def test_the_transcription_holds_no_sentences() -> None:
    """Facts and names only: no cell is longer than a formula or a name."""
    with SOURCE.open(encoding="utf-8") as file:
        assert max(len(cell) for row in csv.reader(file) for cell in row) <= 40


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("silu", "swish"),
        ("mul(x,sigmoid(x))", "swish"),
        ("max(relu(x),relu(x))", "relu"),
        ("mul(sigmoid(x),elu(x))", "elish"),
        ("mul(tanh(softplus(x)),x)", "mish"),
        ("prelu", "prelu"),
    ],
)
def test_reported_finds_a_function_in_any_spelling(text: str, function: str) -> None:
    found = reported(text)
    assert found.height > 0
    assert found["function"].unique().to_list() == [function]


def test_elu_and_celu_are_one_function() -> None:
    assert set(reported("elu(x)")["function"]) == {"elu", "celu"}
    assert reported(parse("elu(x)")).equals(reported("celu"))


def test_reported_is_empty_for_what_nobody_reports() -> None:
    assert reported("add(relu(x),tanh(x))").height == 0
    assert reported("swish(swish(swish(x)))").columns == load_literature().columns
