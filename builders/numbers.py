"""Where the numbers of README, the dataset card and the studies come from; a test keeps it so.

Every number on these pages stands in a machine-readable file that a command made, or on the list of
what is allowed, with its reason:

* ``docs/numbers/REPORT.csv`` is what a report prints: ``python -m builders.numbers`` runs
  all reports of `REPORTS`, ``... numbers seeds-cnn`` one of them, and ``... numbers --add FILE
  NAME`` records the output of a command that takes long, from a file.
* The tables of results, the manifest, the recipes and what a command writes between ``<!-- begin:
  python -m ... -->`` and ``<!-- end -->`` of a study are files already.
* ``docs/numbers/allowed.csv`` has the rest, by page and heading: sizes of networks and data, what
  papers report, times of one machine. ``... numbers --allow PAGE "HEADING" "reason"`` adds what is
  left unexplained under a heading, and ``--check`` lists it.
* ``docs/numbers/readme.csv`` says which command makes each number of README.

A number on a page is explained if a source of that page has it, to the digits printed; a number
with `%` also as a fraction. So the check finds numbers that nothing has printed, or that have
changed. It does not know what a number is said of: on a study it finds two of three made-up numbers
of three digits, nineteen of twenty of four digits, and hardly any of two, for which some other
number stands. Whole numbers up to twelve are not asked for.
"""

from __future__ import annotations

import bisect
import contextlib
import csv
import importlib
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import click

from act_bench.files.atomic import replacing
from act_bench.files.manifest import DATA_FOLDER, MANIFEST
from act_bench.spaces.limits import load_limits
from act_bench.spaces.paper import load_space
from act_bench.tables.files import embedded_fidelities, entries_name
from act_bench.tables.registry import BUILT_IN, TABLES
from act_bench.tables.schema import ENTRY_COLUMNS, LIMIT_COLUMNS, RUN_COLUMNS, SPACE_COLUMNS
from builders.embedded import read_about
from regenerate.recipes import RECIPES

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "docs" / "numbers"
ALLOWED: Final = FOLDER / "allowed.csv"
README: Final = FOLDER / "readme.csv"
"""The numbers of README, each with the command that makes it and the file that has it."""
NO_SOURCES: Final = (ALLOWED, README, FOLDER / "fisher-changes.csv")
"""Files there whose numbers no page may quote: what is allowed, commands, and a list of entries."""

EMBEDDED: Final = tuple(name for name in BUILT_IN if embedded_fidelities(name))
"""The tables that this package has data of."""

REPORTS: Final = {
    **{f"table-{table}": ("table_report", [table]) for table in EMBEDDED},
    **{f"seeds-{table}": ("seeds", [table]) for table in EMBEDDED},
    **{f"fisher-{table}": ("fisher.report", [table]) for table in EMBEDDED},
    **{f"ladder-{table}": ("ladder", [table]) for table in ("cnn", "resnet", "vit")},
    **{f"calibration-{table}": ("calibration", [table]) for table in ("mlp", "cnn")},
    **{f"calibration-{table}": ("proxies", [table]) for table in ("resnet", "vit")},
    "outcomes": ("outcomes", []),
    "energy": ("card.energy", []),
}
"""Name -> module of ``builders.reports`` and its arguments."""

GENERATED: Final = ("results.md", "results/*.md", "comparison.md", "papers.md", "papers/*.md")
"""Studies that a command writes whole: no number in them was typed. Neither were those between
``<!-- begin: python -m ... -->`` and ``<!-- end -->``."""

SMALL: Final = 12
"""Whole numbers up to this are not asked for."""

PRECISE: Final = 100
"""A whole number from here on may be a rounded one: it has three digits."""

_CODE: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_GENERATED: Final = re.compile(r"<!-- begin: python -m .*?<!-- end -->", re.DOTALL)
_NO_NUMBERS: Final = re.compile(
    r"`[^`]*`"  # names, commands, fingerprints
    r"|\]\([^)]*\)"  # where links go
    r"|https?://\S+"
    r"|arXiv[: ]\s*\d{4}\.\d{4,5}"
    r"|\b[A-Za-z]\w*-\d[\w.]*"  # names: ResNet-56, CIFAR-10, bfloat16
    r"|\b[A-Za-z_]+\d[\w.]*"
    r"|\b(?:19|20)\d\d\b(?!,\d)"  # years
)
_NUMBER: Final = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?: ?%)?")


class Number(NamedTuple):
    """A number as it is printed.

    Attributes
    ----------
    text
        As it stands there, without commas and spaces; a trailing ``%`` belongs to it.
    """

    text: str

    @property
    def value(self) -> float:
        """The number, in percent where it says so."""
        return float(self.text.rstrip("%"))

    @property
    def digits(self) -> int:
        """Decimal digits printed."""
        return len(self.text.rstrip("%").partition(".")[2])

    @property
    def trivial(self) -> bool:
        """Whether nobody asks where it comes from."""
        return not self.digits and self.value <= SMALL and not self.text.endswith("%")

    def is_in(self, sources: Sources) -> bool:
        """Return whether a source has this number, to the digits printed.

        Examples
        --------
        >>> Number("0.92").is_in(Sources.of("0.9215")), Number("68%").is_in(Sources.of("0.681"))
        (True, True)
        >>> Number("17").is_in(Sources.of("16.6")), Number("178").is_in(Sources.of("178.3"))
        (False, True)
        """
        if self.text in sources.texts:
            return True
        if not (self.digits or self.text.endswith("%") or self.value >= PRECISE):
            return False
        known = sources.percents if self.text.endswith("%") else sources.values
        half = 0.5 * 10.0**-self.digits + 1e-9
        place = bisect.bisect_left(known, self.value - half)
        return place < len(known) and known[place] <= self.value + half


class Sources(NamedTuple):
    """The numbers that a page may quote.

    Attributes
    ----------
    texts
        As they are printed, without thousands' commas.
    values
        All that are no percentage, ascending.
    percents
        Percentages, and fractions as percentages, ascending.
    """

    texts: frozenset[str]
    values: tuple[float, ...]
    percents: tuple[float, ...]

    @classmethod
    def of(cls, *texts: str) -> Sources:
        """Read the numbers of some texts."""
        found = {number for text in texts for number in _all_numbers(text)}
        plain = {number.value for number in found if not number.text.endswith("%")}
        percents = {number.value for number in found if number.text.endswith("%")}
        percents |= {100 * value for value in plain if value <= 1}
        return cls(
            frozenset(number.text for number in found),
            tuple(sorted(plain)),
            tuple(sorted(percents)),
        )


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


def numbers_in(text: str) -> Iterator[Number]:
    """Yield the numbers of some text, without those in code, links, names and years.

    Examples
    --------
    >>> [each.text for each in numbers_in("ResNet-56 reaches 90.3 % in 1,024 runs (2023); `v2`.")]
    ['90.3%', '1024']
    """
    for match in _NUMBER.finditer(_NO_NUMBERS.sub(" ", text)):
        found = match.group().replace(",", "").replace(" ", "")
        yield Number(found)


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
        if path not in NO_SOURCES and (not of_one or belongs == table or belongs not in BUILT_IN):
            texts.append(path.read_text("utf-8"))
    studies = ROOT / "docs" / "studies"
    for path in sorted((studies / "results").glob("*.csv")):
        belongs = path.stem.partition("-")[0]
        if not of_one or belongs == table or belongs not in BUILT_IN:
            texts.append(_rows(path, table if of_one else None))
    if not of_one:
        texts += [path.read_text("utf-8") for path in sorted((studies / "results").glob("*.md"))]
    for path in sorted(studies.glob("*.md")):
        for region in _GENERATED.findall(path.read_text("utf-8")):
            texts += _sections(region, table) if of_one else [region]
    return Sources.of(*texts)


def _sections(text: str, table: str) -> list[str]:
    """Return the sections of a page without those of other tables."""
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    return [each for each in sections if each.partition("\n")[0] not in {*BUILT_IN} - {table}]


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


def _all_numbers(text: str) -> Iterator[Number]:
    for match in _NUMBER.finditer(text):
        whole = match.group()
        # In a CSV, a comma may part two numbers as well as thousands.
        if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?: ?%)?", whole):
            yield Number(whole.replace(",", "").replace(" ", ""))
        for part in whole.split(","):
            if part.strip(" %") and re.match(r"\d", part):
                yield Number(part.replace(" ", ""))


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
            importlib.import_module(f"builders.reports.{module}").main()
    finally:
        sys.argv = before
    return output.getvalue()


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


@click.command()
@click.argument("reports", nargs=-1)
@click.option("--check", is_flag=True, help="List what is unexplained, and run nothing.")
@click.option(
    "--add",
    nargs=2,
    metavar="FILE NAME",
    help="Record the output of another command, from a file, as docs/numbers/NAME.csv.",
)
@click.option(
    "--allow",
    "to_allow",
    nargs=3,
    metavar="PAGE HEADING REASON",
    help="Allow what is unexplained under a heading of a page.",
)
def main(
    reports: tuple[str, ...],
    check: bool,
    add: tuple[str, str] | None,
    to_allow: tuple[str, str, str] | None,
) -> None:
    """Run REPORTS (all if none is named) and record the numbers that they print."""
    if to_allow:
        click.echo(f"{allow(*to_allow)} numbers allowed")
    elif add:
        record(add[1], Path(add[0]).read_text("utf-8"))
    elif check:
        left = unexplained(place for page in pages() for place in places(page))
        if left:
            raise click.ClickException(explain(left))
        click.echo("every number is explained")
    else:
        if unknown := set(reports) - REPORTS.keys():
            raise click.UsageError(f"expected some of {', '.join(REPORTS)}; got {unknown}")
        for name in reports or REPORTS:
            record(name, printed(name))
            click.echo(name, err=True)


if __name__ == "__main__":
    main()
