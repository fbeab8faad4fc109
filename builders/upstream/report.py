"""The report of an import: what matched, what did not, and whose functions are the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, NamedTuple

from act_bench.functions.expression import ParseError, parse
from act_bench.spaces.paper import Space
from act_bench.tables.registry import TABLES
from act_bench.tables.upstream import UPSTREAM
from builders.upstream.rows import Place, Row

_SHOWN: Final = 20  # of a list, in the Markdown; the JSON has all


class Disagreement(NamedTuple):
    """A key whose list of equivalent expressions is not that of its entry.

    Attributes
    ----------
    expression
        The key.
    only_theirs
        Spellings in its list that are another entry here.
    only_ours
        Spellings of its entry that are not in its list.
    """

    expression: str
    only_theirs: list[str]
    only_ours: list[str]


@dataclass(frozen=True)
class Report:
    """What an import found; ``docs/reference/upstream.md`` explains each part.

    Attributes
    ----------
    table, about
        The table, and where the file came from: its SHA-256, size and date.
    keys
        Keys in the file.
    matched
        How many resolved to an entry, by how: ``exact``, ``commuted``, ``numerical``.
    unmatched
        Keys that are no expression or not in the space.
    repeated
        Keys whose entry an earlier key had taken; not used.
    entries_without_key
        Spellings of the entries of the space that no key is.
    outcomes
        Of the 2,913 entries.
    diverged_above_chance
        Used keys with a non-finite metric whose recorded validation accuracy is over twice chance.
    problems
        Missing, mistyped or impossible values, with the place.
    unknown_keys
        Keys of the entries that the importer does not know, and how often they stand.
    fim_bins, fim_bins_expected
        Length of the Fisher vectors, and the length that follows from the reference code.
    fim_valid
        Keys with a valid Fisher vector.
    fim_problems
        Why the others have none, and how often.
    validation_equals_test
        Used keys that are ``ok`` and whose validation and test metrics are the same numbers.
    equivalence_agrees
        Matched keys whose list of equivalent expressions is that of their entry.
    equivalence_differs
        The others.
    equivalent_outside
        Listed expressions that are not among the 5,103 of the space.
    """

    table: str
    about: dict[str, object]
    keys: int
    matched: dict[str, int]
    unmatched: list[Place]
    repeated: list[Place]
    entries_without_key: list[str]
    outcomes: dict[str, int]
    diverged_above_chance: int
    problems: list[Place]
    unknown_keys: dict[str, int]
    fim_bins: int
    fim_bins_expected: int | None
    fim_valid: int
    fim_problems: dict[str, int]
    validation_equals_test: int
    equivalence_agrees: int
    equivalence_differs: list[Disagreement]
    equivalent_outside: int

    def to_json(self) -> str:
        """Return the report as a JSON document."""
        document = asdict(self)
        for name in ("unmatched", "repeated", "problems", "equivalence_differs"):
            document[name] = [item._asdict() for item in getattr(self, name)]
        return json.dumps(document, indent=2) + "\n"

    def to_markdown(self) -> str:
        """Return the report as Markdown, long lists cut."""
        about = self.about
        matched = ", ".join(f"{count:,} {how}" for how, count in self.matched.items())
        outcomes = ", ".join(f"{count:,} {word}" for word, count in self.outcomes.items())
        expected = f" (expected {self.fim_bins_expected:,})" if self.fim_bins_expected else ""
        lines = [
            f"# Import of the upstream table `{self.table}`",
            "",
            f"- Source: {about['source']}, {about['source_bytes']:,} bytes",
            f"- SHA-256: {about['source_sha256']}",
            f"- Imported: {about['imported']} by act-bench {about['version']}",
            f"- Keys: {self.keys:,}; resolved to an entry: {matched or 'none'}",
            f"- Not resolved: {len(self.unmatched):,}",
            f"- Of an entry that an earlier key is, so not used: {len(self.repeated):,}",
            f"- Entries: {outcomes}; without a key: {len(self.entries_without_key):,}",
            f"- Diverged, yet recorded accuracy over twice chance: {self.diverged_above_chance:,}",
            f"- Fisher vectors: {self.fim_valid:,} valid, of {self.fim_bins:,} values{expected}",
            f"- Validation and test metrics equal: {self.validation_equals_test:,} entries",
            f"- Lists of equivalent expressions that are as here: {self.equivalence_agrees:,}",
            f"- Lists that differ: {len(self.equivalence_differs):,}",
            f"- Listed expressions that are not among the 5,103: {self.equivalent_outside:,}",
        ]
        lines += _section("Not resolved", [_line(place) for place in self.unmatched])
        lines += _section("Keys of an entry that an earlier key is", map(_line, self.repeated))
        lines += _section(
            "Entries without a key", [f"`{name}`" for name in self.entries_without_key]
        )
        lines += _section("Values that are not usable", map(_line, self.problems))
        lines += _section("Unknown keys", [f"`{k}`: {n:,}" for k, n in self.unknown_keys.items()])
        lines += _section(
            "Why Fisher vectors are invalid",
            [f"{n:,}: {why}" for why, n in self.fim_problems.items()],
        )
        differs = [
            f"`{item.expression}`: only theirs {_spellings(item.only_theirs)}; "
            f"only ours {_spellings(item.only_ours)}"
            for item in self.equivalence_differs
        ]
        lines += _section("Equivalent expressions that differ", differs)
        return "\n".join(lines) + "\n"


def make_report(
    table: str,
    about: Mapping[str, object],
    rows: Sequence[Row],
    problems: Sequence[Place],
    bins: int,
    space: Space,
) -> Report:
    """Return the report over the judged keys of a file.

    Parameters
    ----------
    table
        The table.
    about
        Where the file came from.
    rows
        Its keys, with the lengths of their vectors judged.
    problems
        Values that are not usable.
    bins
        Length of the valid vectors.
    space
        Whose entries they were resolved to.
    """
    used = {row.entry: row for row in rows if row.used}
    count = len(space.representatives)
    outcomes = Counter(
        used[entry].outcome if entry in used else "missing" for entry in range(count)
    )
    differs, agrees, outside = _compare_equivalence(rows, space)
    above = 2 * TABLES[table].chance
    return Report(
        table=table,
        about=dict(about),
        keys=len(rows),
        matched=dict(Counter(row.how for row in rows if row.how is not None)),
        unmatched=[
            Place(row.expression, row.offset, row.unresolved) for row in rows if row.entry is None
        ],
        repeated=[
            Place(
                row.expression, row.offset, f"entry {row.entry}, as `{used[row.entry].expression}`"
            )
            for row in rows
            if row.entry is not None and not row.used
        ],
        entries_without_key=[
            name for entry, name in enumerate(space.representatives) if entry not in used
        ],
        outcomes={word: outcomes[word] for word in ("ok", "diverged", "missing")},
        diverged_above_chance=sum(
            (row.metrics["validation_accuracy"] or 0) > above
            for row in used.values()
            if row.outcome == "diverged"
        ),
        problems=list(problems),
        unknown_keys=dict(Counter(key for row in rows for key in row.extra)),
        fim_bins=bins,
        fim_bins_expected=UPSTREAM[table].bins,
        fim_valid=sum(row.fim_valid for row in rows),
        fim_problems=dict(
            Counter(
                row.fim_problem.partition(" (")[0] for row in rows if not row.fim_valid
            ).most_common()
        ),
        validation_equals_test=sum(
            row.metrics["validation_accuracy"] == row.metrics["test_accuracy"]
            and row.metrics["validation_loss"] == row.metrics["test_loss"]
            for row in used.values()
            if row.outcome == "ok"
        ),
        equivalence_agrees=agrees,
        equivalence_differs=differs,
        equivalent_outside=outside,
    )


def _compare_equivalence(rows: Sequence[Row], space: Space) -> tuple[list[Disagreement], int, int]:
    """Return the keys whose lists differ from ours, how many agree, and how much is outside."""
    spellings: list[set[str]] = [set() for _ in space.representatives]
    for expression, entry in space.entry_of.items():
        spellings[entry].add(expression)
    differs: list[Disagreement] = []
    agrees = outside = 0
    for row in rows:
        listed = {_spelling(text, space) for text in row.equivalent_expressions}
        theirs = {text for text in listed if text in space.entry_of}
        outside += len(listed - theirs)
        if row.entry is None:
            continue
        ours = spellings[row.entry]
        itself = {_spelling(row.expression, space)}  # a list may or may not name its own key
        only_theirs, only_ours = theirs - ours - itself, ours - theirs - itself
        if only_theirs or only_ours:
            differs.append(Disagreement(row.expression, sorted(only_theirs), sorted(only_ours)))
        else:
            agrees += 1
    return differs, agrees, outside


def _spelling(text: str, space: Space) -> str:
    """Return the canonical spelling of a text; the text itself if it is no expression."""
    if text in space.entry_of:
        return text
    try:
        return str(parse(text))
    except ParseError:
        return text


def _section(title: str, items: Iterable[str]) -> list[str]:
    """Return the lines of a section with a list, cut; nothing if the list is empty."""
    items = list(items)
    if not items:
        return []
    more = len(items) - _SHOWN
    shown = [f"- {item}" for item in items[:_SHOWN]]
    rest = [f"- and {more:,} more in report.json"] if more > 0 else []
    return ["", f"## {title} ({len(items):,})", "", *shown, *rest]


def _line(place: Place) -> str:
    return f"`{place.expression}` (byte {place.offset:,}): {place.what}"


def _spellings(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:5]) + (", ..." if names[5:] else "") or "none"
