"""Progress: bars that move between reports, on terminals only."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import rich.console
from rich.progress import TimeElapsedColumn

from act_bench.cli import _progress

CLI = Path(_progress.__file__).parent


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal would show."""
    shown = io.StringIO()
    console = rich.console.Console(file=shown, force_terminal=True, width=80)
    monkeypatch.setattr(_progress, "Console", lambda **_: console)
    return shown


def test_every_bar_has_a_clock_and_is_drawn_more_than_once_a_second() -> None:
    for shown in (_progress.bars(), _progress.bars(lasting=True)):
        assert any(isinstance(column, TimeElapsedColumn) for column in shown.columns)
        assert shown.live.auto_refresh
        assert shown.live.refresh_per_second >= 1


def test_a_bar_shows_what_it_is_told(terminal: io.StringIO) -> None:
    with _progress.bar("functions", 4) as report:
        report(2)
    assert "functions" in terminal.getvalue()
    assert "50%" in terminal.getvalue()


def test_work_of_unknown_length_has_a_clock(terminal: io.StringIO) -> None:
    with _progress.working("plot maps"):
        pass
    assert "plot maps" in terminal.getvalue()
    assert "0:00:00" in terminal.getvalue()


def test_a_pipe_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with _progress.bar("functions") as report:
        report(1.0)
    assert capsys.readouterr() == ("", "")


def test_there_is_one_mechanism() -> None:
    for path in CLI.glob("*.py"):
        if path.name != "_progress.py":
            assert not re.search(r"\bProgress\(|import track|, track", path.read_text("utf-8"))
