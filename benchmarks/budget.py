"""Figures and their budgets, as every benchmark reports them and the table of all shows them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

FIGURES = "ACT_BENCH_FIGURES"
"""Environment variable: a file to which each benchmark appends its figures, one JSON per line."""


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes
    ----------
    what
        What was measured.
    value
        The figure; smaller is better.
    unit
        Of the figure and the budget; ``x`` for a ratio within one run.
    budget
        Largest value that the design allows, or None.
    """

    what: str
    value: float
    unit: str
    budget: float | None = None

    @property
    def ratio(self) -> float | None:
        """The share of the budget that is used; above 1 the budget is exceeded."""
        return None if self.budget is None else self.value / self.budget


def report(figures: Iterable[Figure]) -> None:
    """Append figures to the file that ``ACT_BENCH_FIGURES`` names, if it names one."""
    if path := os.environ.get(FIGURES):
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(figure)) + "\n" for figure in figures)


def read(path: Path) -> list[Figure]:
    """Return the figures of a file; none where there is no file."""
    if not path.exists():
        return []
    return [Figure(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table; a ratio above 1 is in bold.

    Examples
    --------
    >>> print(table([Figure("one query", 2.0, "us", 5.0), Figure("all pairs", 1.5, "s")]))
    | what | budget | figure | ratio |
    |---|--:|--:|--:|
    | one query | 5 us | 2 us | 0.40 |
    | all pairs |  | 1.5 s |  |
    """
    rows = ["| what | budget | figure | ratio |", "|---|--:|--:|--:|"]
    for each in figures:
        budget = "" if each.budget is None else f"{each.budget:.3g} {each.unit}"
        ratio = "" if each.ratio is None else f"{each.ratio:.2f}"
        if each.ratio is not None and each.ratio > 1:
            ratio = f"**{ratio}**"
        rows.append(f"| {each.what} | {budget} | {each.value:.3g} {each.unit} | {ratio} |")
    return "\n".join(rows)
