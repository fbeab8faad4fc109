"""Reports on a table that is searched by its loss: what is better has the lower one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch")

from act_bench import load_runs, load_table
from act_bench.functions.operators import BASELINES
from act_bench.search.loading import load_data
from act_bench.search.trace_table import write_traces
from act_bench.tables.registry import TABLES
from builders import entropy
from builders.reports import contributions, outcomes, seeds, table_report
from builders.reports.agreement import gpt as agreement_report
from builders.reports.fisher import report as fisher_report
from builders.reports.fisher.report import negated_pairs
from builders.reports.leaderboard import board
from builders.reports.rates import confirmed
from builders.reports.rates import report as rates_report
from builders.reports.results import goals
from builders.reports.studies import measured
from surrogates import reporting
from tests.fifth_table.reversed_table import BEST, LEVEL, NAME, SPACE

pytestmark = pytest.mark.usefixtures("turned")


def test_entropy_predicts_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entropy, "RESAMPLES", 10)
    score = -np.nan_to_num(LEVEL, nan=9.0)
    first = entropy.predictions(NAME, score, np.abs(score))[0]
    assert first.spearman > 0.9


def printed(capsys: pytest.CaptureFixture[str], module: Any, *arguments: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["report", *arguments])
        module.main()
    return capsys.readouterr().out


def test_the_report_of_the_table_ranks_by_the_loss(capsys: pytest.CaptureFixture[str]) -> None:
    said = printed(capsys, table_report, NAME)
    best = said[said.index("| best 10 by median") :].splitlines()[2]
    assert f"`{SPACE.representatives[BEST]}`" in said
    assert float(best.split("|")[2].split("±")[0]) < 1.45
    assert "| above the floor |" in said
    # The first baseline is the one of the lowest loss.
    places = [said.index(f"| `{text}` | 1.") for text in (BASELINES[0], BASELINES[-1])]
    assert places == sorted(places)
    assert "Highest loss, quantiles" in said
    assert "| `mlp-full` |" in said


def test_other_reports_run_by_the_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert "trains" in printed(capsys, outcomes, NAME)
    assert "of the score, minus the loss" in printed(capsys, seeds, NAME)
    said = printed(capsys, rates_report, NAME)
    assert "best at 0.02 | 0.04" in said
    line = next(text for text in said.splitlines() if text.startswith("| `relu(x)` | 1."))
    assert line.split("|")[4].strip() in ("0.02", "0.04")
    assert "(trains, above the floor, diverged)" in said
    # The loss falls where the gain is positive.
    by_fresh = said.partition("| by fresh seeds")[2].partition("\n\n")[0].splitlines()[2:]
    assert by_fresh
    for line in by_fresh:
        own, best, gain = (float(cell.split("±")[0]) for cell in line.split("|")[3:6])
        assert own - best == pytest.approx(gain, abs=1.5e-4)


def test_goals_are_the_lowest_losses() -> None:
    data = load_data(NAME)
    near, beyond = goals.goals_of(data)
    assert beyond.classes > 0
    noise = goals.noise(data)
    assert 0 < noise.run < 0.02
    said = goals.said(data, (near, beyond))
    assert f"of the best: {goals.counted(near)}, at most {-near.least:.4f}." in said
    assert f"{goals.counted(beyond)}: at most {-beyond.least:.4f}." in said
    none = beyond._replace(classes=0)
    assert f"reaches {-beyond.least:.4f}." in goals.said(data, (near, none))


def test_the_leaderboard_has_the_loss_on_test(tmp_path: Path) -> None:
    short = reporting.PROTOCOLS[1]._replace(trials=2, evaluations=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(reporting.PROTOCOLS, 1, short)
        simulation, traces = reporting.run(load_data(NAME), "random", short)
        write_traces(tmp_path / "random.parquet", traces)
        row = board.row(tmp_path / "random.parquet")
    assert row["test"] == pytest.approx(simulation.finals["test_loss"].median(), abs=1e-6)


def test_what_searches_over_rates_find_is_a_loss(tmp_path: Path) -> None:
    short = reporting.PROTOCOLS[1]._replace(trials=3, evaluations=60)
    data = load_data(NAME)
    (tmp_path / data.name).mkdir()
    for name in ("random", "random-rates"):
        _, traces = reporting.run(data, name, short)
        write_traces(tmp_path / data.name / f"{name}.parquet", traces)
    before, after = confirmed.compare(NAME, tmp_path).to_dicts()
    for row in (before, after):
        assert 1.3 < row["low"] <= row["fresh"] <= row["high"] < 1.8
        assert 1.3 < row["seen"] < 1.8
    assert after["gain"] == pytest.approx(before["fresh"] - after["fresh"])


def test_what_the_tables_say_of_the_papers_goes_by_scores() -> None:
    pairs = negated_pairs()
    found, losses_of = measured.negation(NAME), load_table(NAME)["validation_loss"]
    values = losses_of.cast(float).to_numpy()[pairs]
    train = values < 1.81  # NaN for what diverged
    both = train.all(axis=1)
    assert (found.pairs, found.one) == (both.sum(), (train.any(axis=1) & ~both).sum())
    assert found.median == pytest.approx(np.median(np.abs(np.diff(values[both], axis=1))))
    assert 0 < found.noise < 0.02
    swish, relu = (losses_of[SPACE.resolve(text).entry] for text in ("swish(x)", "relu(x)"))
    assert f"`{NAME}` {relu - swish:+.4f} ±" in measured._swish().evidence


def test_runs_of_others_that_are_worse_have_a_higher_loss() -> None:
    runs = load_runs(NAME, "proxy")
    complete = runs.filter(
        pl.len().over("entry") == 3, pl.col("validation_loss").mean().over("entry") < 1.8
    )
    honest, *_, off = contributions.refused(complete, TABLES[NAME], 40)
    assert honest < off


def test_reports_of_spectra_take_scores() -> None:
    entries = load_table(NAME, columns=["outcome", "validation_loss"])
    scores = fisher_report.scores_of(entries, TABLES[NAME])
    assert np.nanmax(scores) == -np.nanmin(entries["validation_loss"].cast(float).to_numpy())


def test_image_tables_and_a_table_by_loss_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement_report, "RESAMPLES", 10)
    target = tmp_path / "agreement.png"
    said = printed(capsys, agreement_report, "--table", NAME, "--figure", str(target))
    assert target.stat().st_size > 10_000
    for table in ("cnn", "resnet", "vit", "mlp"):
        assert f"| `{NAME}-proxy`, `{table}-" in said
    assert "`relu(x)`" in said
    assert "no feed-forward part" in said
