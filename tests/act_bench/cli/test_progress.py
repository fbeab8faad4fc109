"""Progress: bars that move between reports, on terminals only."""

from __future__ import annotations

import io
import re
import threading
from itertools import pairwise
from pathlib import Path

import pytest
import rich.console
import rich.live
from rich.progress import TimeElapsedColumn

from act_bench.cli import _clock, _progress

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


class FakeClock:
    """Time that passes only while the thread that draws bars waits, for some seconds in all."""

    def __init__(self, seconds: float) -> None:
        self.now, self.end, self.over = 0.0, seconds, threading.Event()

    def __call__(self) -> float:
        return self.now

    def event(self) -> FakeClock:
        """Return what that thread waits for, in place of a ``threading.Event``."""
        return self

    def wait(self, timeout: float) -> bool:
        self.now += timeout
        if self.now > self.end:
            self.over.set()
        return self.now > self.end

    def is_set(self) -> bool:
        return False

    def set(self) -> None:
        self.now = self.end


class TimedWriting(io.StringIO):
    """A terminal that notes when it is written to."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock, self.times = clock, [0.0]

    def write(self, text: str) -> int:
        self.times.append(self.clock.now)
        return super().write(text)


def test_a_bar_that_is_told_nothing_moves_every_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock(seconds=90)
    screen = TimedWriting(clock)
    console = rich.console.Console(file=screen, force_terminal=True, width=80, get_time=clock)
    monkeypatch.setattr(_progress, "Console", lambda **_: console)
    monkeypatch.setattr(rich.live, "Event", clock.event)
    with _progress.bar("umap"):
        assert clock.over.wait(60)
    seen_every_second(screen)


def test_work_that_cannot_report_is_seen_every_second() -> None:
    clock = FakeClock(seconds=90)
    screen = TimedWriting(clock)
    _clock.show("umap", clock.wait, clock, screen)
    seen_every_second(screen)
    assert screen.getvalue().endswith("umap 0:01:30\x1b[K\r\x1b[K")


def seen_every_second(screen: TimedWriting) -> None:
    times = [*screen.times, 90.0]
    assert max(after - before for before, after in pairwise(times)) <= 1
    seen = set(re.findall(r"0:0[01]:[0-5][0-9]", screen.getvalue()))
    assert seen >= {f"0:0{second // 60}:{second % 60:02}" for second in range(90)}


def test_a_bar_shows_what_it_is_told(terminal: io.StringIO) -> None:
    with _progress.bar("functions", 4) as report:
        report(2)
    assert "functions" in terminal.getvalue()
    assert "50%" in terminal.getvalue()


def test_work_of_unknown_length_has_a_clock(
    terminal: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    with _progress.working("plot maps"):
        pass
    shown = capfd.readouterr().err
    assert shown.startswith("\rplot maps 0:00:00")
    assert shown.endswith("\r\x1b[K")


def test_a_pipe_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with _progress.working("load"), _progress.bar("functions") as report:
        report(1.0)
    assert capsys.readouterr() == ("", "")


def test_there_is_one_mechanism() -> None:
    for path in CLI.glob("*.py"):
        if path.name != "_progress.py":
            assert not re.search(r"\bProgress\(|import track|, track", path.read_text("utf-8"))
