"""One page of the papers' claims: confirmed, refuted or open here, and where that is measured.

Studies that were run say their verdict in the first line of their page; what the result pages of
the tables measured is read from their CSV files. The rest is *not yet measured*.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from act_bench.files.atomic import replacing
from builders.reports.studies.page import PAGES, ROOT
from builders.reports.studies.studies import STUDIES, find

PAGE: Final = ROOT / "docs" / "studies" / "papers.md"
RESULTS: Final = ROOT / "docs" / "studies" / "results"
AQUASURF: Final = "Bingham and Miikkulainen 2023"
SUN: Final = "Sun et al. 2024"
WITHIN_TENS: Final = 100


class Row(NamedTuple):
    """One claim.

    Attributes
    ----------
    claim, source
        Of which paper.
    verdict
        ``confirmed``, ``refuted``, ``open`` or ``not yet measured``.
    evidence
        Figures, or the command that would make them.
    """

    claim: str
    source: str
    verdict: str
    evidence: str


def write(page: Path = PAGE, pages: Path = PAGES, results: Path = RESULTS) -> Path:
    """Write the overview and return it."""
    rows = [*_from_tables(results), _inputs(), *(_of_study(name, pages) for name in STUDIES)]
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
                f"here: "
                f"{said}. *Confirmed* and *refuted* are meant at this scale, for these networks, "
                "images and training budgets; *open* means that the measurement does not "
                "decide. Each "
                "study is one command, and its page says setting, intervals and cost."
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
    command = f"`python -m builders.reports.studies {name} train{study.needs}`"
    about = f"{study.minutes:,.0f} core-minutes" if study.minutes < 1440 else "a GPU"
    return Row(claim, study.source, "not yet measured", f"{command}, about {about}")


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


def _from_tables(folder: Path) -> list[Row]:
    with (folder / "claims.csv").open(newline="", encoding="utf-8") as file:
        claims = list(csv.DictReader(file))

    def each(shown: Callable[[dict[str, str]], str]) -> str:
        return "; ".join(f"`{row['table']}` {shown(row)}" for row in claims)

    link = "[results](results.md)"
    within = [row["aquasurf"] != "inf" and float(row["aquasurf"]) <= WITHIN_TENS for row in claims]
    ahead = [int(row["union_ahead"]) > int(row["union_of"]) / 2 for row in claims]
    outputs = [float(row["than_outputs"]) > 0.5 and row["than_outputs_sure"] == "true"
               for row in claims]  # fmt: skip
    precise = [float(row["diverged_of_found"]) > 0.9 for row in claims]
    most = [float(row["found_of_diverged"]) > 0.5 for row in claims]
    return [
        Row(
            (
                "Most functions whose training fails have invalid Fisher eigenvalues and can be "
                "filtered out"
            ),
            f"{AQUASURF}, poster, Figure 1",
            _judge([a and b for a, b in zip(precise, most, strict=True)]),
            (
                f"{link}: recall of what diverges "
                + each(lambda row: f"{100 * float(row['found_of_diverged']):.0f} %")
                + ", at a precision of "
                + each(lambda row: f"{100 * float(row['diverged_of_found']):.1f} %")
            ),
        ),
        Row(
            "Spectra and outputs together are better features for a model than either alone",
            f"{AQUASURF}, poster, Figure 4",
            _judge(ahead),
            (
                f"{link}: ahead of both in "
                + each(lambda row: f"{row['union_ahead']} of {row['union_of']} comparisons")
            ),
        ),
        Row(
            "A search with both features is better than one with outputs alone",
            f"{AQUASURF}, poster, Figures 4 and 6",
            _judge(outputs),
            (
                f"{link}: probability that it ends better "
                + each(lambda row: f"{float(row['than_outputs']):.2f}"
                       + (" (significant)" if row["than_outputs_sure"] == "true" else ""))
            ),
        ),
        Row(
            (
                "A search of tens of evaluations finds an entry better than every baseline, at the "
                "recipe's rate, by entry and without a margin"
            ),
            f"{AQUASURF}, poster, Figure 6",
            _judge(within),
            (
                f"{link}: median evaluations "
                + each(lambda row: "never" if row["aquasurf"] == "inf"
                       else f"{float(row['aquasurf']):.0f}")
                + "; stricter goals, and by the clock: [goals](results/goals.md)"
            ),
        ),
    ]  # fmt: skip


def _judge(holds: list[bool]) -> str:
    """Return the verdict of a claim that is to hold on every table."""
    if all(holds):
        return "confirmed"
    return "refuted" if not any(holds) else "open"
