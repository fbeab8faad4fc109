"""The page of a study: question, setting, figure, answer with intervals, command, core-minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from act_bench.figures.style import GRAY, OKABE_ITO, bare, panels, save
from act_bench.files.atomic import replacing
from builders.reports.studies.record import Answer, Compared, Study, interval
from builders.reports.studies.trainings import Used

ROOT: Final = Path(__file__).parents[3]
PAGES: Final = ROOT / "docs" / "studies" / "papers"
IMAGES: Final = ROOT / "docs" / "images"
GLOSSARY: Final = "Terms: [glossary](../../reference/glossary.md)."


def write(study: Study, answer: Answer, pages: Path = PAGES, images: Path = IMAGES) -> Path:
    """Write a study's page and figure; return the page."""
    picture = images / f"papers-{study.name}.png"
    page = pages / f"{study.name}.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    picture.parent.mkdir(parents=True, exist_ok=True)
    draw(answer, picture)
    with replacing(page) as draft:
        draft.write_text(text(study, answer), encoding="utf-8")
    return page


def text(study: Study, answer: Answer) -> str:
    """Return the page."""
    used = sum((each.used for each in answer.sections), Used(0, 0, 0.0))
    tables = f", {used.recorded:,} of them recorded by the tables" if used.recorded else ""
    return "\n".join(
        [
            f"# {study.title}",
            "",
            (
                f"**{answer.verdict.capitalize()}** at this scale: {study.claim} ({study.source}). "
                f"{answer.sentence}"
            ),
            "",
            f"**Question.** {study.question}",
            "",
            (
                f"**Setting.** {study.described()} Each function is trained at every rate with "
                "seed 0, which chooses its rate, and then with other seeds, the same for all "
                "functions, at that rate. Differences are means over these seeds with 95 % "
                "intervals (Student's t, not corrected); p-values are those of paired t-tests, "
                f"corrected for all comparisons of this page (Holm). {GLOSSARY}"
            ),
            "",
            f"![Fresh seeds of each function](../../images/papers-{study.name}.png)",
            "",
            "```shell",
            f"python -m builders.reports.studies {study.name} train --data-dir FOLDER",
            f"python -m builders.reports.studies {study.name} page",
            "```",
            "",
            f"{used.runs:,} trainings{tables}; {used.core_s / 60:.0f} core-minutes in all.",
            "",
            *(line for each in answer.sections for line in _table(each)),
        ]
    )


def _table(section: Compared) -> list[str]:
    by_text = {each.candidate.text: each for each in section.differences}
    lines = [
        f"## {section.name}",
        "",
        "| function | rate | seed 0 | fresh seeds | test | compared with | difference | p |",
        "|---|--:|--:|--:|--:|---|--:|--:|",
    ]
    for each in sorted(section.found.values(), key=lambda found: -found.mean):
        first = "" if each.first is None else f"{each.first:.4f}"
        cells = [f"`{each.text}`", f"{each.rate:g}", first, f"{each.mean:.4f}", f"{each.test:.4f}"]
        if each.diverged:
            cells[3] += f" ({each.diverged} diverged)"
        found = by_text.get(each.text)
        if found is None:
            cells += ["", "", ""]
        else:
            p = "< 0.0001" if found.p < 1e-4 else f"{found.p:.4f}"
            cells += [f"`{found.reference.text}`", interval(found.estimate), p]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def draw(answer: Answer, path: Path) -> None:
    """Draw the fresh seeds of every function, candidates in color, the best at the top."""
    sections = answer.sections
    tallest = max(len(each.found) for each in sections)
    figure, rows = panels(1, len(sections), 4.6, 0.8 + 0.2 * tallest)
    for axes, section in zip(rows[0], sections, strict=True):
        candidates = {each.candidate.text for each in section.differences}
        ordered = sorted(section.found.values(), key=lambda found: found.mean)
        for height, each in enumerate(ordered):
            color = OKABE_ITO[1] if each.text in candidates else GRAY
            axes.plot(each.scores, np.full(len(each.scores), height), "|", color=color, ms=7)
            axes.plot([each.mean], [height], "o", color=color, ms=4)
        axes.set_yticks(range(len(ordered)), [each.text[:34] for each in ordered], fontsize=6)
        axes.set_title(section.name, loc="left", fontsize=9)
        axes.set_xlabel("validation accuracy", fontsize=8)
        bare(axes)
    save(figure, path)
