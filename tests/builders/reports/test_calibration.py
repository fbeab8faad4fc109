"""The calibration of recipes: the records that are committed say what docs/studies/cnn.md says."""

from pathlib import Path

import pytest

from act_bench.functions.operators import BASELINES
from builders.reports import calibration
from regenerate.recipes import find

DOCS = Path(__file__).parents[3] / "docs"


def test_the_chosen_recipes_are_among_the_candidates():
    assert find("mlp", "full") in calibration.mlp_candidates().values()
    assert len(calibration.mlp_candidates()) == 13
    assert calibration.cnn_candidates()[calibration.CHOSEN] == find("cnn", "proxy")
    assert calibration.sample(10)[:8] == list(BASELINES)
    assert len(set(calibration.sample(60))) == 60


def test_the_records_of_cnn_say_what_the_page_says(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["calibration.py", "cnn"])
    calibration.main()
    printed = capsys.readouterr().out
    page = (DOCS / "studies" / "cnn.md").read_text()
    assert "| proxy and long | 0.922 [0.83, 0.95] | 28 |" in printed
    assert "0.922 [0.83, 0.95]" in page
    rows = [line for line in printed.splitlines() if line.startswith("| `")]
    assert len(rows) == 28
    assert all(row in page for row in rows)
    named = {line.split("|")[1].strip("* `") for line in page.splitlines() if "| `" in line[:6]}
    assert set(calibration.cnn_candidates()) - {"long"} <= {*named, "proxy"}


def test_what_is_recorded_is_not_trained_again(tmp_path, monkeypatch):
    recipe = find("mlp", "full")
    path = tmp_path / "records.csv"
    calibration.train_missing("some", recipe, ["zero(x)", "exp(exp(x))"], 1, path)
    calibration.train_missing("some", recipe, ["zero(x)"], 2, path)
    records = calibration.read(path)
    assert records.select("expression", "seed").rows() == [
        ("zero(x)", 0), ("exp(exp(x))", 0), ("zero(x)", 1),
    ]  # fmt: skip
    monkeypatch.setattr(calibration, "train", lambda recipe, expression, seeds: seeds[:0] or fail())
    with pytest.raises(AssertionError):
        calibration.train_missing("some", recipe, ["zero(x)"], 3, path)


def fail():
    raise AssertionError("trained again")
