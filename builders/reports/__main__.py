"""Make the generated pages and pictures of the documentation.

    python -m builders.reports [--list] [--only NAME ...] [--figures] [--within MINUTES]
                               [--data-dir FOLDER]

Without ``--within`` it makes all of them; with ``--figures`` every picture of the documentation,
from what is stored where searches or fits would take hours. Reports that need images are left out
without ``--data-dir``, the folder of those of CIFAR-10 and Imagenette. A long report resumes where
it was stopped, so the command may be run again. What a report prints goes to
``output/reports/NAME.md``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from builders.reports.pages import REPORTS, Report

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Run the reports that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [report.name for report in REPORTS]
    parser.add_argument("--list", action="store_true", help="Show them; make none.")
    parser.add_argument("--only", action="append", choices=names, help="May be repeated.")
    parser.add_argument("--figures", action="store_true", help="Those that draw pictures.")
    parser.add_argument("--within", type=float, help="Those of at most so many minutes.")
    parser.add_argument("--data-dir", type=Path, help="Folder of the images.")
    parser.add_argument("--folder", type=Path, default=ROOT / "output" / "reports")
    options = parser.parse_args()
    if options.list:
        print("| report | minutes | resumes | writes |\n|---|--:|---|---|")
        for each in REPORTS:
            resumes = "yes" if each.resumes else ""
            writes = each.writes or f"{options.folder.name}/{each.name}.md"
            print(f"| {each.name} | {each.minutes:g} | {resumes} | {writes} |")
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for report in REPORTS:
        if options.only and report.name not in options.only:
            continue
        if options.figures and not report.figures:
            continue
        if options.within is not None and report.minutes > options.within:
            print(f"{report.name}: left out, takes about {report.minutes:g} minutes")
            continue
        if report.images and options.data_dir is None:
            print(f"{report.name}: left out, needs --data-dir")
            continue
        start = time.perf_counter()
        status = make(report, options.folder, options.data_dir)
        if status:
            failed.append(report.name)
        said = f"failed with exit status {status}" if status else report.writes or "printed"
        print(f"{report.name}: {said}, {time.perf_counter() - start:.0f} s", flush=True)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}; see {options.folder}")


def make(report: Report, folder: Path, data_dir: Path | None) -> int:
    """Run one report and return its exit status; what it prints is kept in the folder."""
    command = [sys.executable, "-m", report.module, *report.arguments]
    if report.images and data_dir is not None:
        command += ["--data-dir", str(data_dir)]
    with (folder / f"{report.name}.md").open("w", encoding="utf-8") as printed:
        return subprocess.run(command, cwd=ROOT, stdout=printed, check=False).returncode


if __name__ == "__main__":
    main()
