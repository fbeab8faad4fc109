"""The candidates for a proxy: each is another recipe, and records are not made twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from act_bench.spaces.paper import load_space
from builders.reports import calibration, proxies
from regenerate.recipes import find
from regenerate.sweeps.executor import SerialExecutor


@pytest.mark.parametrize("table", list(proxies.CANDIDATES))
def test_candidates_and_references_are_different_recipes(table: str) -> None:
    known = proxies.CANDIDATES[table] | proxies.LONG[table]
    assert len({recipe.sha for recipe in known.values()}) == len(known)
    assert {recipe.table for recipe in known.values()} == {table}


def test_the_proxy_of_resnet_is_a_candidate_with_records() -> None:
    assert find("resnet", "proxy") in proxies.CANDIDATES["resnet"].values()
    records = proxies.read(proxies.RECORDS / "resnet.csv")
    assert len(proxies.scores(records, find("resnet", "proxy"), 0)) >= 28
    assert len(proxies.scores(records, proxies.LONG["resnet"]["long"], 0)) >= 7


def test_what_is_recorded_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(proxies, "LocalExecutor", lambda _: SerialExecutor())
    recipe = dataclasses.replace(find("mlp", "full"), epochs=1, train_images=100)
    path = tmp_path / "records.csv"
    functions = ["relu(x)", "exp(exp(x))"]
    proxies.train_missing({"some": recipe}, functions, 1, path)
    proxies.train_missing({"some": recipe}, functions[:1], 2, path)
    records = proxies.read(path)
    made = [("relu(x)", 0), ("exp(exp(x))", 0), ("relu(x)", 1)]
    assert records.select("expression", "seed").rows() == made
    monkeypatch.setattr(proxies, "train_one", lambda _: pytest.fail("trained again"))
    proxies.train_missing({"some": recipe}, functions[:1], 2, path)
    capsys.readouterr()
    proxies.report(records, {"some": recipe}, {})
    assert "| `exp(exp(x))` | diverged |" in capsys.readouterr().out


def test_the_best_and_the_deciles_are_those_of_the_table() -> None:
    found = proxies.table_scores("cnn")
    space = load_space()
    trained = np.sort(list(calibration.trained(found).values()))[::-1]

    def reached(best: int, each: int) -> list[float]:
        chosen = proxies.from_table("cnn", best, each)
        return [found[space.representatives[space.resolve(text).entry]] for text in chosen]

    assert reached(3, 0) == trained[:3].tolist()
    middles = [len(trained) * (2 * k + 1) // 20 for k in range(10)]
    assert reached(0, 1) == trained[middles].tolist()
    assert "elu(x)" in proxies.from_table("cnn", 100, 0)  # not the spelling that came first


def test_the_table_is_set_against_a_reference(capsys: pytest.CaptureFixture[str]) -> None:
    long = proxies.LONG["resnet"]["long"]
    found = proxies.table_scores("resnet")
    best = proxies.from_table("resnet", 5, 0)
    space = load_space()
    score = {text: found[space.representatives[space.resolve(text).entry]] for text in best}
    reference = {text: value + 0.3 for text, value in score.items()} | {"sigmoid(x)": 0.3}
    rows = [
        (name, recipe.sha, text, 0, "ok", value, 1, 1.0)
        for name, recipe in (("long", long), ("half", proxies.HALF))
        for text, value in reference.items()
    ]
    records = pl.DataFrame(rows, schema=proxies.COLUMNS, orient="row")
    candidates = {"half": proxies.HALF, "not run": proxies.WHOLE}
    proxies.report_table("resnet", records, candidates, {"long": long})
    said = capsys.readouterr().out
    assert "The table with long: 1.000" in said
    assert "n=6." in said
    assert "| functions | the table | half |" in said
    assert "Train by long alone: 1; in the table alone: 0." in said
    assert "5 of the best 20 of the table reach" in said
    assert "the best of 1 baselines 0.300" in said
