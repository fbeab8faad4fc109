"""Whether each number on the pages has a source, or is allowed."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from act_bench.files.atomic import replacing
from act_bench.files.manifest import DATA_FOLDER, MANIFEST
from act_bench.spaces.limits import load_limits
from act_bench.spaces.paper import load_space
from act_bench.tables.files import entries_name
from act_bench.tables.registry import BUILT_IN, TABLES
from act_bench.tables.schema import ENTRY_COLUMNS, LIMIT_COLUMNS, RUN_COLUMNS, SPACE_COLUMNS
from builders.embedded import read_about
from builders.numbers.printed import Number, Sources, numbers_in
from builders.numbers.reports import EMBEDDED, FOLDER, REPORTS, ROOT
from regenerate.recipes import RECIPES

ALLOWED: Final = FOLDER / "allowed.csv"
README: Final = FOLDER / "readme.csv"
"""The numbers of README, each with the command that makes it and the file that has it."""
NO_SOURCES: Final = (ALLOWED, README, FOLDER / "fisher-changes.csv")
"""Files there whose numbers no page may quote: what is allowed, commands, and a list of entries."""

OF_OTHER_PAGES: Final = (
    *("rates.md", "grid-cnn.csv"),
    *("aquasurf.csv", "tuned.csv", "tuned-retrained.csv"),
)
"""Pages and files that no study of one table may quote: learning rates, tuned functions, and the
choices of AQuaSurF, have pages of their own, and their many numbers would stand for any."""

DRAWN: Final = "-learning.csv"
"""End of the names of files that figures are drawn from: thousands of numbers, quoted nowhere."""

GENERATED: Final = (
    *("results.md", "results/*.md", "comparison.md", "named.md"),
    *("papers.md", "papers/*.md"),
)
"""Studies that a command writes whole: no number in them was typed. Neither were those between
``<!-- begin: python -m ... -->`` and ``<!-- end -->``, or ``<!-- end: NAME -->``."""

_CODE: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_GENERATED: Final = re.compile(r"<!-- begin: python -m .*?<!-- end(?:: \w+)? -->", re.DOTALL)


class Place(NamedTuple):
    """A number on a page.

    Attributes
    ----------
    page
        Its file name.
    heading
        The heading that it stands under, empty before the first.
    number
        What is printed.
    """

    page: str
    heading: str
    number: Number


def pages() -> list[Path]:
    """Return the pages whose numbers are checked."""
    studies = ROOT / "docs" / "studies"
    generated = {path for pattern in GENERATED for path in studies.glob(pattern)}
    found = [ROOT / "README.md", ROOT / "DATASET_CARD.md", *sorted(studies.rglob("*.md"))]
    return [path for path in found if path not in generated]


def places(page: Path) -> Iterator[Place]:
    """Yield the numbers of a page that are asked for, each with its heading."""
    heading = ""
    for line in _GENERATED.sub("", _CODE.sub("", page.read_text("utf-8"))).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip()
            continue
        for number in numbers_in(re.sub(r"^\s*\d+\.\s", "", line)):
            if not number.trivial:
                yield Place(page.name, heading, number)


@cache
def sources(page: str) -> Sources:
    """Return the numbers of the files that a page may quote, as printed there.

    A study of one table may quote what is reported of this table, of all tables together, and, in
    comparison with it, what the reports of the other tables print of it; README and card all.
    """
    texts = [(DATA_FOLDER / MANIFEST).read_text("utf-8"), *sizes()]
    texts += [recipe.canonical_json() for recipe in RECIPES.values()]
    table = page.removesuffix(".md")
    of_one = table in BUILT_IN
    for path in sorted(FOLDER.glob("*.csv")):
        belongs = path.stem.rpartition("-")[2]
        if of_one and path.name in OF_OTHER_PAGES:
            continue
        if path not in NO_SOURCES and (not of_one or belongs == table or belongs not in BUILT_IN):
            texts.append(path.read_text("utf-8"))
    studies = ROOT / "docs" / "studies"
    for path in sorted((studies / "results").glob("*.csv")):
        belongs = path.stem.partition("-")[0]
        if path.name.endswith(DRAWN) or (of_one and path.name in OF_OTHER_PAGES):
            continue
        if not of_one or belongs == table or belongs not in BUILT_IN:
            texts.append(_rows(path, table if of_one else None))
    if not of_one:
        texts += [path.read_text("utf-8") for path in sorted((studies / "results").glob("*.md"))]
    for path in sorted(studies.glob("*.md")):
        if of_one and path.name in OF_OTHER_PAGES:
            continue
        texts += _GENERATED.findall(path.read_text("utf-8"))
    return Sources.of(*texts)


def _rows(path: Path, table: str | None) -> str:
    """Return a CSV file, or where it tells tables apart the rows of one."""
    text = path.read_text("utf-8")
    if table is None or "table" not in text.partition("\n")[0].split(","):
        return text
    place = text.partition("\n")[0].split(",").index("table")
    return "\n".join(
        line for line in text.splitlines() if line.split(",")[place : place + 1] == [table]
    )


def sizes() -> Iterator[str]:
    """Yield what the space, the registry, the schema and the embedded files say of sizes."""
    space = load_space()
    yield f"{len(space.representatives)} {len(space.representatives) - 1} {len(space.expressions)}"
    yield f"{len(set(space.canonical_class))} {len(load_limits())}"
    for name in EMBEDDED:
        yield f"{TABLES[name].spectrum_layers} {TABLES[name].spectrum_s}"
        about = read_about(DATA_FOLDER / entries_name(name, TABLES[name].default_fidelity))
        yield json.dumps(about["data"])
    for columns in (ENTRY_COLUMNS, RUN_COLUMNS, SPACE_COLUMNS, LIMIT_COLUMNS):
        yield from (f"{column.dtype} {column.meaning}" for column in columns)


def allowed() -> list[dict[str, str]]:
    """Return the rows of what is allowed: ``page``, ``heading``, ``numbers``, ``reason``."""
    return rows_of(ALLOWED) if ALLOWED.exists() else []


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def unexplained(found: Iterable[Place]) -> list[Place]:
    """Return the places whose number no source has, and that are not allowed."""
    known = {
        (row["page"], row["heading"], number)
        for row in allowed()
        for number in row["numbers"].split()
    }
    return [
        place
        for place in found
        if (place.page, place.heading, place.number.text) not in known
        and not place.number.is_in(sources(place.page))
    ]


def allow(page: str, heading: str, reason: str) -> int:
    """Allow what is unexplained under a heading; return how many numbers that is."""
    left = unexplained(place for path in pages() if path.name == page for place in places(path))
    numbers = dict.fromkeys(place.number.text for place in left if place.heading == heading)
    if not numbers:
        return 0
    rows = [*allowed()]
    new = {"page": page, "heading": heading, "numbers": " ".join(numbers), "reason": reason}
    with replacing(ALLOWED) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(new), lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, new])
    return len(numbers)


def explain(left: list[Place]) -> str:
    """Return in words what is unexplained, and what to do about it."""
    lines = [f"{place.page}, {place.heading!r}: {place.number.text}" for place in left]
    shown = "\n".join(lines)
    return (
        f"{len(left)} numbers that no machine-readable file has:\n{shown}\n"
        "If a report prints them: python -m builders.numbers NAME records it again "
        f"({', '.join(REPORTS)}); another command's output: --add FILE NAME. If they are no "
        'result: --allow PAGE "HEADING" "the reason".'
    )
