"""The candidates for a proxy: each is another recipe, and records are not made twice."""

from __future__ import annotations

from pathlib import Path

import proxies
import pytest

from regenerate.recipes import find


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
    recipe, path = find("mlp", "full"), tmp_path / "records.csv"
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
