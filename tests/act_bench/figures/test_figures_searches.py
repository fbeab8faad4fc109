"""The figure of regret draws what the steps say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from act_bench.figures.searches import regret_figure
from act_bench.figures.style import OKABE_ITO, save


def _steps(regret: dict[str, list[list[float]]]) -> pl.DataFrame:
    rows = [
        (name, trial, evaluation, value)
        for name, trials in regret.items()
        for trial, values in enumerate(trials)
        for evaluation, value in enumerate(values, start=1)
    ]
    return pl.DataFrame(rows, schema=["optimizer", "trial", "evaluation", "regret"], orient="row")


STEPS = _steps(
    {
        "one": [[0.4, 0.2, 0.1], [0.5, 0.3, 0.0], [0.9, 0.1, 0.0]],
        "two": [[0.3, 0.3, 0.3], [0.3, 0.3, 0.2], [0.2, 0.2, 0.2]],
    }
)


def test_one_line_an_optimizer_at_its_median_and_the_exact_one_dashed() -> None:
    figure = regret_figure(STEPS, [0.5, 0.4, 0.3], title="a table")
    (axes,) = figure.axes
    lines = {str(line.get_label()): line for line in axes.lines}
    assert np.asarray(lines["one"].get_ydata())[:2] == pytest.approx([0.5, 0.2])
    assert lines["two"].get_ydata() == pytest.approx([0.3, 0.3, 0.2])
    assert lines["random, exact median"].get_ydata() == pytest.approx([0.5, 0.4, 0.3])
    assert lines["random, exact median"].get_linestyle() == "--"
    assert [lines[name].get_color() for name in ("one", "two")] == list(OKABE_ITO[:2])
    legend = axes.get_legend()
    assert legend is not None
    assert {text.get_text() for text in legend.get_texts()} == {
        "one",
        "two",
        "random, exact median",
    }


def test_a_regret_of_zero_stands_on_the_tick_called_0() -> None:
    figure = regret_figure(STEPS, [0.5, 0.4, 0.3], title="a table")
    (axes,) = figure.axes
    zero = axes.get_yticks()[[label.get_text() for label in axes.get_yticklabels()].index("0")]
    line = next(line for line in axes.lines if line.get_label() == "one")
    assert np.asarray(line.get_ydata())[2] == pytest.approx(zero)
    positive = [0.05, 0.1, 0.15, 0.2]  # quartiles of three values fall on or between them
    assert 0 < zero < min(positive)
    assert axes.get_ylim()[0] < zero


def test_without_a_zero_there_is_no_such_tick() -> None:
    steps = STEPS.with_columns(pl.col("regret") + 0.1)
    (axes,) = regret_figure(steps, [0.5, 0.4, 0.3], title="a table").axes
    assert "0" not in [label.get_text() for label in axes.get_yticklabels()]
    assert axes.get_ylim()[0] < 0.1


def test_everything_found_at_once_can_be_drawn(tmp_path: Path) -> None:
    figure = regret_figure(_steps({"lucky": [[0.0], [0.0]]}), [0.0], title="trivial")
    save(figure, tmp_path / "regret.png")
    assert [file.name for file in tmp_path.iterdir()] == ["regret.png"]


def test_the_file_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(regret_figure(STEPS, np.array([0.5, 0.4, 0.3]), title="t"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
