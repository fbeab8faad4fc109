"""One page of the papers' claims: confirmed, refuted or open here, and where that is measured.

Studies that were run say their verdict in the first line of their page; what the tables and their
result pages have measured is in ``measured``. The rest is *not yet measured*.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from act_bench.files.atomic import replacing
from builders.reports.studies import measured
from builders.reports.studies.measured import AQUASURF, Row
from builders.reports.studies.page import PAGES, ROOT
from builders.reports.studies.studies import STUDIES, find

PAGE: Final = ROOT / "docs" / "studies" / "papers.md"
RESULTS: Final = ROOT / "docs" / "studies" / "results"


def write(page: Path = PAGE, pages: Path = PAGES, results: Path = RESULTS) -> Path:
    """Write the overview and return it."""
    shown = [name for name in STUDIES if "-full" not in name or (pages / f"{name}.md").exists()]
    rows = [*measured.rows(results), _inputs(), *(_of_study(name, pages) for name in shown)]
    page.parent.mkdir(parents=True, exist_ok=True)
    with replacing(page) as draft:
        draft.write_text(text(rows), encoding="utf-8")
    return page


def text(rows: list[Row]) -> str:
    """Return the page."""
    count = {
        each: sum(row.verdict == each for row in rows)
        for each in ("confirmed", "refuted", "open", "not yet measured")
    }
    said = ", ".join(f"{number} {name}" for name, number in count.items() if number)
    return "\n".join(
        [
            "# The papers' claims",
            "",
            (
                f"Of {len(rows)} claims of the papers, at the scale of the tables and studies "
                f"here: {said}. Verdicts are meant at this scale, for these networks, images and "
                "training budgets: a claim is *confirmed* where it holds on every table, "
                "*refuted* where it holds on none, and else *open*. Each study is one command, "
                "and its page says setting, intervals and cost."
            ),
            "",
            (
                "Made by `python -m builders.reports.studies overview`. Terms: "
                "[glossary](../reference/glossary.md)."
            ),
            "",
            "| claim | paper | here | evidence |",
            "|---|---|---|---|",
            *(f"| {row.claim} | {row.source} | **{row.verdict}** | {row.evidence} |"
              for row in rows),
            "",
        ]
    )  # fmt: skip


def _of_study(name: str, pages: Path) -> Row:
    study = find(name)
    page = pages / f"{name}.md"
    claim = study.claim[0].upper() + study.claim[1:]
    if page.exists():
        first = next(line for line in page.read_text("utf-8").splitlines() if line.startswith("**"))
        verdict, _, rest = first.removeprefix("**").partition("**")
        _, _, evidence = rest.partition("). ")
        return Row(claim, study.source, verdict.lower(), f"[{name}](papers/{name}.md): {evidence}")
    command = f"`python -m builders.reports.studies {name} train --data-dir FOLDER`"
    about = f"about {study.minutes:,.0f} core-minutes"
    return Row(claim, study.source, "not yet measured", f"{command}, {about}")


def _inputs() -> Row:
    page = PAGES / "inputs.md"
    claim = (
        "The network uses erfc(Softplus(x))^2 like a rectifier at initialization and like a "
        "sigmoid after training"
    )
    source = f"{AQUASURF}, poster, Figure 11"
    if not page.exists():
        command = "`python -m builders.reports.studies.inputs --data-dir FOLDER`"
        return Row(claim, source, "not yet measured", f"{command}, about a core-minute")
    first = next(line for line in page.read_text("utf-8").splitlines() if line.startswith("**"))
    verdict, _, evidence = first.removeprefix("**").partition("** ")
    return Row(claim, source, verdict.lower(), f"[inputs](papers/inputs.md): {evidence}")
