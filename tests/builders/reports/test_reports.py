"""The list of generated pages: each is made by a command that there is, and is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from builders.reports import __main__ as reports
from builders.reports.pages import REPORTS, Report

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_each_has_a_module_and_a_page(report: Report) -> None:
    assert importlib.util.find_spec(report.module)
    for path in re.findall(r"docs/[\w/.-]+", report.writes or ""):
        assert (ROOT / path).exists()


def test_every_picture_is_made_by_a_report() -> None:
    folder = ROOT / "docs" / "images"
    made = {path for report in REPORTS for name in report.figures for path in folder.glob(name)}
    assert {path for path in folder.rglob("*") if path.is_file()} == made
    assert all(any(folder.glob(name)) for report in REPORTS for name in report.figures)


def test_every_report_is_in_the_list() -> None:
    folder = ROOT / "builders" / "reports"
    made = {
        f"builders.reports.{path.stem}"
        for path in folder.glob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    }
    assert made - {report.module for report in REPORTS} == {"builders.reports.__main__"}
    names = [report.name for report in REPORTS]
    assert len(set(names)) == len(names)


def test_what_a_report_prints_is_kept_and_a_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = (
        Report("zen", "this"),
        Report("none", "no_such_module"),
        Report("far", "this", images=True),
    )
    monkeypatch.setattr(reports, "REPORTS", made)
    monkeypatch.setattr("sys.argv", ["reports", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit, match="failed: none"):
        reports.main()
    assert "Beautiful is better than ugly." in (tmp_path / "zen.md").read_text()
    assert not (tmp_path / "far.md").exists()
