"""What the reports print, and the folder that keeps it."""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
import sys
from pathlib import Path
from typing import Final

import click

from act_bench.files.atomic import replacing
from act_bench.tables.files import embedded_fidelities
from act_bench.tables.registry import BUILT_IN
from builders.numbers.printed import numbers_in

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "docs" / "numbers"
CALIBRATION: Final = ROOT / "docs" / "calibration"

EMBEDDED: Final = tuple(name for name in BUILT_IN if embedded_fidelities(name))
"""The tables that this package has data of."""

REPORTS: Final = {
    **{f"table-{table}": ("table_report", [table]) for table in EMBEDDED},
    **{f"seeds-{table}": ("seeds", [table]) for table in EMBEDDED},
    "seeds-drawn-cnn": ("seeds", ["cnn", "--runs", str(CALIBRATION / "cnn-seeds.parquet")]),
    **{f"fisher-{table}": ("fisher.report", [table]) for table in EMBEDDED},
    **{f"ladder-{table}": ("ladder", [table]) for table in ("cnn", "resnet", "vit")},
    **{f"calibration-{table}": ("calibration", [table]) for table in ("mlp", "cnn")},
    **{f"calibration-{table}": ("proxies", [table]) for table in ("resnet", "vit")},
    **(
        {"calibration-gpt": ("gpt_calibration", []), "agreement-gpt": ("agreement.gpt", [])}
        if "gpt" in EMBEDDED
        else {}
    ),
    "outcomes": ("outcomes", []),
    "energy": ("card.energy", []),
}
"""Name -> module of ``builders.reports`` and its arguments."""


def record(name: str, text: str) -> None:
    """Write what a report printed, one row per line that has numbers."""
    rows = [(line.strip(), " ".join(n.text for n in numbers_in(line))) for line in text.split("\n")]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with replacing(FOLDER / f"{name}.csv") as draft, draft.open("w", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["line", "numbers"])
        writer.writerows(row for row in rows if row[1])


def printed(name: str) -> str:
    """Run a report and return what it prints."""
    module, arguments = REPORTS[name]
    output = io.StringIO()
    before = sys.argv
    sys.argv = [module, *arguments]
    try:
        with contextlib.redirect_stdout(output):
            main = importlib.import_module(f"builders.reports.{module}").main
            # A command of click would end this process.
            main.main(standalone_mode=False) if isinstance(main, click.Command) else main()
    finally:
        sys.argv = before
    return output.getvalue()
