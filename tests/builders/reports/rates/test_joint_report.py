"""The comparison by the clock counts what was found when the seconds were spent."""

from types import SimpleNamespace
from typing import Any

import polars as pl

from builders.reports.rates.joint import by_clock, section


def test_the_regret_is_that_of_the_last_step_within_the_seconds():
    steps = pl.DataFrame(
        {
            "optimizer": ["a"] * 3 + ["b"] * 2,
            "trial": [0] * 5,
            "clock_s": [1.0, 2.0, 4.0, 3.0, 6.0],
            "regret": [0.5, 0.3, 0.1, 0.4, 0.2],
        }
    )
    made: Any = SimpleNamespace(steps=steps)
    found = by_clock(made, [0.5, 2.0, 3.5, 9.0], worst=0.9)
    assert found.filter(pl.col("optimizer") == "a")["regret"].to_list() == [0.9, 0.3, 0.3, 0.1]
    assert found.filter(pl.col("optimizer") == "b")["regret"].to_list() == [0.9, 0.9, 0.4, 0.2]


def test_a_section_has_a_row_per_optimizer():
    rows = [
        ("mlp", name, name.endswith("rates"), budget, 1.0, 5, 0.1, 0.05, 0.2)
        for name in ("knn", "knn-rates")
        for budget in (10, 25, 50, 100)
    ]
    columns = ["table", "optimizer", "searches_rates", "trainings", "clock_s", "trials"]
    text = section(pl.DataFrame(rows, [*columns, "regret", "low", "high"], orient="row"))
    assert text.count("0.1000 [0.0500, 0.2000]") == 8
    assert "| `knn-rates` |" in text
