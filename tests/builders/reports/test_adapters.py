"""The adapters that are examples: each asks what the benchmark is asked without it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import polars as pl
import pytest

from builders.reports.adapters import measure

HERE = ("botorch_outputs", "configspace_smac", "nevergrad_choice", "optuna_pruning")
EVALUATIONS = 12


@pytest.mark.parametrize("name", HERE)
@pytest.mark.filterwarnings("ignore")  # of the libraries
def test_an_adapter_asks_what_is_asked_without_it(name: str, tmp_path: Path) -> None:
    packages = {
        "botorch_outputs": "botorch",
        "configspace_smac": "smac",
        "nevergrad_choice": "nevergrad",
        "optuna_pruning": "optuna",
    }
    try:
        version(packages[name])
    except PackageNotFoundError:
        pytest.skip(f"needs {packages[name]}: pip install 'act-bench[adapters]'")
    row = measure.measure(name, EVALUATIONS)
    assert row.equal
    assert row.repeatable
    assert row.queries >= EVALUATIONS
    assert row.clock_s > 0
    measure.keep(row, tmp_path / "rows.csv")
    measure.keep(row._replace(lines=1), tmp_path / "rows.csv")
    assert pl.read_csv(tmp_path / "rows.csv")["lines"].to_list() == [1]


def test_each_adapter_is_short_and_on_record() -> None:
    rows = {row["adapter"]: row for row in pl.read_csv(measure.ROWS).iter_rows(named=True)}
    assert sorted(rows) == measure.names()
    for name, row in rows.items():
        text = (measure.FOLDER / f"{name}.py").read_text(encoding="utf-8")
        assert row["lines"] == sum(map(bool, text.splitlines())) <= measure.LONGEST
        assert row["equal"]
