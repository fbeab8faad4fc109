"""How to cite this work: one record, from which every form of the citation is made.

``CITATION.cff``, the BibTeX of the dataset card, ``citeAs`` of the Croissant metadata and
``act-bench cite`` all say what stands here. The version is that of the package, which is that of
the data; the address of the repository is the ``Repository`` of the package's metadata
(``[project.urls]``), once it has one.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import metadata
from typing import Final, NamedTuple

from act_bench.tables.schema import one_of

TITLE: Final = "Act-Bench: how well networks train with 2,913 activation functions"
AUTHOR: Final = "The Act-Bench maintainers"
DOI: Final[str | None] = None
"""Of the version before, once there is one: that of a version is given after it is published."""
DATA_LICENCE: Final = "CC-BY-4.0"
ABSTRACT: Final = (
    "Results of training four networks with every activation function of a known space, as "
    "benchmark tables for search methods, with loaders, simulated search and retraining."
)


class Paper(NamedTuple):
    """A paper as a reference."""

    key: str
    title: str
    authors: tuple[tuple[str, str], ...]
    """Family name, given name."""
    booktitle: str
    volume: int
    year: int
    arxiv: str


SPACE_PAPER: Final = Paper(
    "bingham2023efficient",
    "Efficient Activation Function Optimization through Surrogate Modeling",
    (("Bingham", "Garrett"), ("Miikkulainen", "Risto")),
    "Advances in Neural Information Processing Systems",
    36,
    2023,
    "2301.05785",
)
"""Whose space this is, and whose benchmark this one follows."""


def cite(form: str = "bibtex") -> str:
    """Return the citation of this version of Act-Bench, and of the paper whose space it is.

    Parameters
    ----------
    form
        ``bibtex``, ``apa`` (one paragraph each), or ``cff`` (the text of CITATION.cff).

    Raises
    ------
    act_bench.tables.schema.UnknownNameError
        If there is no such form.

    Examples
    --------
    >>> print(cite("apa").splitlines()[0])
    The Act-Bench maintainers. Act-Bench: how well networks train with 2,913 activation functions...
    """
    return FORMS[one_of("form of citation", form, FORMS)]()


def bibtex_entry() -> str:
    """Return the BibTeX entry of this version alone."""
    url, version = repository(), _version()
    fields = {
        "title": TITLE,
        "author": f"{{{AUTHOR}}}",
        "note": f"Data set, version {version}, CC BY 4.0",
        "howpublished": f"\\url{{{url}}}" if url else "Python package act-bench",
    } | ({"doi": DOI} if DOI else {})
    return _entry("misc", "actbench", fields)


def repository() -> str | None:
    """Return the address of the repository, if the package's metadata name one."""
    named = metadata("act-bench").get_all("Project-URL") or []
    urls = dict(each.split(", ", 1) for each in named)
    return urls.get("Repository")


def _bibtex() -> str:
    paper = SPACE_PAPER
    fields = {
        "title": paper.title,
        "author": " and ".join(f"{family}, {given}" for family, given in paper.authors),
        "booktitle": paper.booktitle,
        "volume": str(paper.volume),
        "year": str(paper.year),
        "note": f"arXiv:{paper.arxiv}",
    }
    return f"{bibtex_entry()}\n\n{_entry('inproceedings', paper.key, fields)}"


def _apa() -> str:
    paper, url = SPACE_PAPER, repository()
    names = [f"{family}, {given[0]}." for family, given in paper.authors]
    ours = f"{AUTHOR}. {TITLE} (Version {_version()}) [Data set].{f' {url}' if url else ''}"
    theirs = (
        f"{', & '.join(names)} ({paper.year}). {paper.title}. {paper.booktitle}, {paper.volume}."
    )
    return f"{ours}\n\n{theirs}"


def _cff() -> str:
    paper, url = SPACE_PAPER, repository()
    authors = "\n".join(
        f"      - family-names: {family}\n        given-names: {given}"
        for family, given in paper.authors
    )
    return f"""\
# Made by `act-bench cite --form cff`; the record is act_bench/publishing/citation.py.
cff-version: 1.2.0
message: Please cite this work with its version, and the paper whose space it is.
type: dataset
title: "{TITLE}"
abstract: {ABSTRACT}
version: {_version()}
authors:
  - name: {AUTHOR}
license:
  - {DATA_LICENCE}
  - Apache-2.0
{f"repository-code: {url}{chr(10)}" if url else ""}\
references:
  - type: conference-paper
    title: {paper.title}
    authors:
{authors}
    collection-title: {paper.booktitle}
    volume: {paper.volume}
    year: {paper.year}
    identifiers:
      - type: other
        value: arXiv:{paper.arxiv}"""


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    width = max(map(len, fields))
    lines = [f"  {name:<{width}} = {{{value}}}" for name, value in fields.items()]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"


@cache
def _version() -> str:
    return metadata("act-bench")["Version"]


FORMS: Final = {"bibtex": _bibtex, "apa": _apa, "cff": _cff}
"""Form -> what makes it."""
