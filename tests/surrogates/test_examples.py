"""The worked examples run and say what they promise."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_your_optimizer(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "your_optimizer.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("keeps the rules")
    regret = {line.partition(":")[0]: float(line.split()[-1]) for line in lines[1:]}
    assert regret.keys() == {"random", "bandit"}
    assert all(0 <= value < 0.5 for value in regret.values())
