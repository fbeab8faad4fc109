"""The page on the variants of AQuaSurF: its statistics by hand, and that it goes on from there."""

import sys

import numpy as np
import polars as pl
import pytest

from act_bench.search.loading import load_data
from builders.reports.results.goals import goals_of
from builders.reports.variants import page, searches
from surrogates.optimizers import find_optimizer
from surrogates.protocol import settings_of


def test_every_variant_is_a_setting_that_there_is():
    for variant in searches.VARIANTS:
        name = ":".join(part for part in ("aquasurf", variant, "map=3") if part)
        settings = settings_of(find_optimizer(name))
        assert settings["map"] == 3
        assert settings != settings_of(find_optimizer("aquasurf:map=3")) or not variant
    assert not searches.possible("labels=true", "resnet") or searches.possible("", "resnet")


def test_intervals_are_over_draws_not_over_trials():
    """Trials on one map that are all alike tell no more than one of them."""
    by_draw = np.repeat(np.arange(20.0)[:, None], 10, axis=1)
    middle, low, high = page.over_draws([by_draw], page.mean)
    assert middle == 9.5
    deviation = np.arange(20).std() / np.sqrt(20)
    assert low == pytest.approx(9.5 - 1.96 * deviation, abs=0.4)
    assert high == pytest.approx(9.5 + 1.96 * deviation, abs=0.4)
    never = np.where(by_draw < 12, by_draw, np.inf)
    assert page.over_draws([never], page.middle)[0] == 9
    assert page.over_draws([never], page.middle)[2] == np.inf
    same = page.over_draws([by_draw, by_draw], page.difference)
    assert same[0] == 0
    assert same[1] < 0 < same[2]


def test_the_page_goes_on_from_what_is_kept(tmp_path, monkeypatch, capsys):
    data = load_data("cnn")
    near, beyond = goals_of(data)
    best = int(np.flatnonzero(near.reaches)[0])
    also = int(np.flatnonzero(beyond.reaches & ~near.reaches)[0])
    poor = data.space.resolve("tanh(x)").entry
    drawn = []

    def found(data, space, variant, draw):
        drawn.append((variant, draw))
        trained = {"": [poor, also], "weighting=uniform": [best, also]}
        return [trained.get(variant, [poor, poor])] * searches.TRIALS

    monkeypatch.setattr(searches, "_drawn", found)
    folders = ["--kept", str(tmp_path / "kept"), "--docs", str(tmp_path)]

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["variants", "--table", "cnn", *options, *folders])
        page.main()
        rows = pl.read_csv(tmp_path / "studies" / "results" / "aquasurf.csv", schema=page.COLUMNS)
        return {row["variant"]: row for row in rows.iter_rows(named=True)}

    rows = run("--variants", "2")
    assert len(drawn) == 2 * searches.DRAWS
    assert set(rows) == {"", "weighting=uniform"}
    best_found = rows["weighting=uniform"]
    assert (best_found["near"], best_found["near_reached"], best_found["beyond"]) == (1, 1, 1)
    assert (rows[""]["near"], rows[""]["beyond"]) == (np.inf, 2)
    scores = [data.score(entry) for entry in (best, also)]
    assert best_found["gain"] == pytest.approx(scores[0] - scores[1], abs=1e-6)
    assert best_found["gain_low"] == best_found["gain_high"]  # no draw differs
    run("--variants", "4", "--no-searches")
    assert len(drawn) == 2 * searches.DRAWS
    about = tmp_path / "kept" / "cnn" / "default.json"
    about.write_text(about.read_text().replace("inverse_size", "uniform"))
    run("--variants", "2")  # the default was another then
    assert len(drawn) == 3 * searches.DRAWS
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))
    assert len(run()) == sum("labels" not in name for name in searches.VARIANTS)
    assert "needs python -m builders.fisher cnn --labels true" in capsys.readouterr().out
    text = (tmp_path / "studies" / "results" / "aquasurf.md").read_text()
    assert "Layers weighted `uniform`: the union ends better than by outputs (+" in text
    union = run("--no-searches")["weighting=uniform"]
    gain = scores[0] - data.score(poor)
    assert union["outputs"] == union["spectra"] == pytest.approx(gain, abs=1e-6)
    assert "Not measured yet on `cnn`: `labels=true`" in text
