"""The candidates for the recipes of the small GPT: nothing is trained twice, losses are ranked."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from act_bench import load_table
from act_bench.spaces.paper import load_space
from act_bench.tables.files import tables_with_data, without_data
from act_bench.tables.registry import TABLES
from builders.reports import gpt_calibration as calibration
from regenerate.data import text
from regenerate.recipes.gpt import LONG, PROXY

TINY = dataclasses.replace(
    PROXY, fidelity="tiny", train_tokens=4096, evaluation_tokens=2048, widths=(32,)
)


def test_candidates_and_references_are_different_recipes() -> None:
    known = calibration.CANDIDATES | calibration.LONGS
    assert len({recipe.sha for recipe in known.values()}) == len(known)
    assert {recipe.table for recipe in known.values()} == {"gpt"}
    assert PROXY in calibration.CANDIDATES.values()
    assert LONG in calibration.LONGS.values()


def test_functions_begin_with_the_named_ones_and_are_different() -> None:
    space, chosen = load_space(), calibration.functions(40)
    assert chosen[:3] == list(calibration.NAMED)
    assert len(chosen) == len(set(chosen)) == 40
    assert calibration.functions(12) == chosen[:12]
    assert all(space.resolve(text) for text in chosen)


def test_what_is_recorded_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, texts = tmp_path / "records.csv", ["zero(x)", "div(one(x),zero(x))"]
    calibration.train_missing({"tiny": TINY}, texts, 1, path)
    calibration.train_missing({"tiny": TINY}, texts[:1], 2, path)
    records = calibration.read(path)
    made = [("zero(x)", 0, "ok"), ("div(one(x),zero(x))", 0, "diverged"), ("zero(x)", 1, "ok")]
    assert records.select("expression", "seed", "outcome").rows() == made
    assert calibration.losses(records, TINY, 0)["div(one(x),zero(x))"] == np.inf
    monkeypatch.setattr(calibration, "train_one", lambda _: pytest.fail("trained again"))
    calibration.train_missing({"tiny": TINY}, texts[:1], 2, path)
    capsys.readouterr()


def test_a_low_loss_is_good_and_the_floor_is_that_of_zero(
    capsys: pytest.CaptureFixture[str],
) -> None:
    losses = {"a": 1.5, "b": 1.6, "c": 1.7, "d": 1.8, "zero(x)": 2.0, "bad": 2.5, "worst": None}
    rows = [
        ("some", recipe.sha, text, seed, "ok" if loss else "diverged",
         loss and loss + 0.02 * seed - lower, 0.5, 100, 9.0)
        for recipe, lower in ((PROXY, 0.0), (LONG, 0.3))
        for seed in (0, 1)
        for text, loss in losses.items()
    ]  # fmt: skip
    records = pl.DataFrame(rows, schema=calibration.COLUMNS, orient="row")
    found = calibration.losses(records, PROXY, 0)
    assert calibration.trains(found) == ["a", "b", "c", "d"]
    assert calibration.better_half(found, ["d", "c", "b", "a"]) == ["a", "b"]
    spread, noise = calibration.spread_and_noise(found, calibration.losses(records, PROXY, 1))
    assert spread == pytest.approx(np.std([1.5, 1.6, 1.7, 1.8], ddof=1))
    assert noise == pytest.approx(0.02 / 2**0.5)
    calibration.report(records)
    printed = capsys.readouterr().out
    assert "| 7 | 4 | 9.0 | 0.129 | 0.014 | 1.000" in printed
    assert "| `worst` | diverged | diverged | diverged | diverged |" in printed
    assert printed.index("| `a` |") < printed.index("| `zero(x)` |") < printed.index("| `worst` |")


def test_the_record_of_the_table_is_what_was_measured() -> None:
    info = TABLES["gpt"]
    floors = [
        calibration.losses(calibration.read(calibration.RECORDS), PROXY, seed)[calibration.FLOOR]
        for seed in (0, 1)
    ]
    apart = abs(floors[0] - floors[1])
    assert -info.trained_score_at("proxy") == pytest.approx(np.mean(floors), abs=apart)
    sotu = text.load("sotu")
    assert info.bits_per_byte == pytest.approx(sotu.bits_per_byte(1.0, sotu.validation), abs=1e-7)
    assert info.worst_value == pytest.approx(np.log(len(sotu.vocabulary)))


@pytest.mark.skipif("gpt" not in tables_with_data(), reason="the table has no data yet")
def test_the_network_without_the_function_does_not_train() -> None:
    info, zero = TABLES["gpt"], load_space().resolve("zero(x)").entry
    loss = load_table("gpt", columns=["validation_loss"])["validation_loss"][zero]
    assert info.trained_score - 0.01 < -loss <= info.trained_score


def test_a_table_without_data_says_how_to_make_them() -> None:
    said = str(without_data("gpt", "of single runs", ()))
    assert "train it with `act-bench sweep gpt`" in said
    assert "python -m builders.tables gpt proxy --runs sweeps/gpt-proxy" in said
