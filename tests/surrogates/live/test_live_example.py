"""The example of a user's own network runs, says what it promises, and trains nothing twice."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "your_network.py"


def test_your_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["your_network.py", str(tmp_path)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    scores = [float(line.split()[0]) for line in lines[:6]]
    assert max(scores) > 0.8  # it learns the digits
    assert lines[6].startswith("best with fresh seeds")
    assert lines[7] == "a network with it has 3,818 weights"
    parts = {part.name: part.stat().st_mtime_ns for part in (tmp_path / "runs").iterdir()}
    assert len(parts) == 6 + 2 * 3
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == lines
    assert parts == {part.name: part.stat().st_mtime_ns for part in (tmp_path / "runs").iterdir()}
