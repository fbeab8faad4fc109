"""What a study is: a claim of a paper, and the trainings by which it is judged."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from act_bench.errors import ArgumentError
from act_bench.files.atomic import replacing
from act_bench.files.documents import read_object
from builders.reports.studies.comparing import (
    Difference,
    Standing,
    Verdict,
    best_of,
    corrected,
    difference,
    standings,
    verdict,
)
from builders.reports.studies.trainings import Resources, Trainings, Used, text_of


class Compared(NamedTuple):
    """One section of a study with its numbers.

    Attributes
    ----------
    name
        Heading.
    found
        What every function reached.
    differences
        Candidates less their references, p-values corrected over all sections of the study.
    used
        The trainings that this took.
    """

    name: str
    found: Mapping[str, Standing]
    differences: list[Difference]
    used: Used


class Answer(NamedTuple):
    """What a study found.

    Attributes
    ----------
    verdict
        Of its claim.
    sentence
        The answer in words, with intervals.
    sections
        The numbers.
    """

    verdict: Verdict
    sentence: str
    sections: list[Compared]


@dataclass(frozen=True)
class Section:
    """Trainings on one network, and what is compared with what.

    Parameters
    ----------
    name
        Of its folder, and its heading.
    trainings
        Of candidates and references.
    candidates
        The functions of which the claim speaks.
    chance
        Accuracy of guessing.
    reference_of
        Candidate to the function it is compared with; default: the best tuned of all others.
    rates_of
        An earlier section whose choice of rates is taken over.
    """

    name: str
    trainings: Trainings
    candidates: tuple[str, ...]
    chance: float = 0.1
    reference_of: Mapping[str, str] = field(default_factory=dict)
    rates_of: str | None = None

    def compare(self, folder: Path) -> Compared:
        """Return the numbers, p-values not corrected yet."""
        own = folder / self.name
        found = standings(self.trainings, own, self.chance)
        candidates = list(dict.fromkeys(text_of(each) for each in self.candidates))
        others = [text for text in found if text not in candidates]
        reference = {text_of(a): text_of(b) for a, b in self.reference_of.items()}
        differences = [
            difference(
                found[text],
                found[reference[text]] if text in reference else best_of(found, others),
            )
            for text in candidates
        ]
        return Compared(self.name, found, differences, self.trainings.used(own))


@dataclass(frozen=True, kw_only=True)
class Study(ABC):
    """A study of one claim.

    Parameters
    ----------
    name
        What the command takes.
    title, claim, source, question
        For its page: phrases and sentences.
    minutes
        About how many core-minutes it takes.
    """

    name: str
    title: str
    claim: str
    source: str
    question: str
    minutes: float

    @abstractmethod
    def described(self) -> str:
        """Return the setting, in sentences."""

    @abstractmethod
    def train(self, folder: Path, resources: Resources) -> int:
        """Train what the folder lacks; return how many trainings are left."""

    @abstractmethod
    def answer(self, folder: Path) -> Answer:
        """Return the answer; a ValueError where trainings are missing."""


@dataclass(frozen=True, kw_only=True)
class Comparison(Study):
    """A study whose trainings are known before it begins.

    Parameters
    ----------
    setting
        In sentences.
    sections
        In the order of training.
    counting
        What candidates are called in the answer.
    """

    setting: str
    sections: tuple[Section, ...]
    counting: str = "functions"

    def described(self) -> str:
        """Return the setting, in sentences."""
        return self.setting

    def train(self, folder: Path, resources: Resources) -> int:
        """Train what the folder lacks; return how many trainings are left."""
        left = 0
        for section in self.sections:
            known = self._with_rates(section, folder)
            if known is None:
                left += len(section.trainings.texts) * section.trainings.fresh
            else:
                left += known.trainings.train(folder / section.name, resources)
        return left

    def _with_rates(self, section: Section, folder: Path) -> Section | None:
        """Return a section with the rates of another; None where these are not known yet."""
        if section.rates_of is None:
            return section
        (other,) = (each for each in self.sections if each.name == section.rates_of)
        if other.trainings.left(folder / other.name):
            return None
        chosen = other.trainings.best_rates(folder / other.name)
        return replace(section, trainings=replace(section.trainings, chosen=chosen))

    def answer(self, folder: Path) -> Answer:
        """Return the answer; a ValueError where trainings are missing."""
        compared = []
        for section in self.sections:
            known = self._with_rates(section, folder)
            if known is None:
                raise ArgumentError(
                    f"{folder / str(section.rates_of)}: trainings are left: run the study's train"
                )
            compared.append(known.compare(folder))
        compared = correct_together(compared)
        judged = verdict([each.differences for each in compared])
        return Answer(judged, self._sentence(compared), compared)

    def _sentence(self, compared: Sequence[Compared]) -> str:
        parts = []
        for each in compared:
            best = max(each.differences, key=lambda found: found.candidate.mean)
            better = sum(found.better for found in each.differences)
            worse = sum(found.worse for found in each.differences)
            parts.append(
                f"On `{each.name}`, {better} of {len(each.differences)} {self.counting} are "
                f"significantly better than what they are compared with and {worse} significantly "
                f"worse; the best, `{best.candidate.text}`, differs from "
                f"`{best.reference.text}` by {interval(best.estimate)}."
            )
        return " ".join(parts)


def correct_together(compared: Sequence[Compared]) -> list[Compared]:
    """Return sections with p-values corrected for the comparisons of all of them."""
    together = iter(corrected([d for each in compared for d in each.differences]))
    return [each._replace(differences=[next(together) for _ in each.differences])
            for each in compared]  # fmt: skip


def interval(estimate: tuple[float, float | None]) -> str:
    """Return a difference with its interval.

    Examples
    --------
    >>> interval((0.01, 0.002))
    '+0.0100 ± 0.0020'
    """
    mean, half_width = estimate
    return f"{mean:+.4f}" + ("" if half_width is None else f" ± {half_width:.4f}")


def write_once(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON object of a file, made and written whole where it is not there yet."""
    if not path.exists():
        document = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as draft:
            draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return read_object(path)
