"""Build the site of the documentation: static files, for any place or none.

    python docs/site/build.py output/docs

The pages of the repository, the API reference from the docstrings, a search, and the explore page.
A warning is an error: a link that leads nowhere, a docstring that is no reStructuredText. Nothing
is fetched. Needs ``pip install 'act-bench[docs,regenerate,surrogates]'``. Formulas of docstrings
are set by MathJax, which the browser fetches; without a network they stand there in TeX.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

SITE = Path(__file__).parent
ROOT = SITE.parents[1]
PAGES = (
    "*.md", "LICENSE*", "CITATION.cff", "Makefile", "docs", "examples",
    "builders/reports/results/goals.py", "leaderboard/leaderboard.csv",
)  # fmt: skip
"""What the pages consist of and link to."""
EXPLORE = "act-bench.html"


def stage(target: Path) -> None:
    """Copy to a new folder what the pages are and link to."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for pattern in PAGES:
        for path in ROOT.glob(pattern):
            copy = target / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, copy, ignore=_UNWANTED)
            else:
                shutil.copy(path, copy)


def write_public(target: Path) -> None:
    """Write the page of what ``act_bench`` itself offers, by links to where it is described."""
    import act_bench

    lines = ["Public names", "=" * 12, "", "What ``import act_bench`` offers:", ""]
    for name, place in sorted(act_bench._SOURCES.items()):
        where = place.replace(":", ".")
        lines.append(f"- ``act_bench.{name}``: :py:obj:`{where}`")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_explore(target: Path) -> None:
    """Write the explore page beside the others."""
    from act_bench.explore import collect, render

    target.write_text(render(collect()), encoding="utf-8")


def build(source: Path, output: Path) -> int:
    """Run Sphinx from a staged folder; return its exit status."""
    from sphinx.cmd.build import main

    options = ["-b", "html", "-W", "--keep-going", "-j", "2", "-q", "-c", str(SITE)]
    status: int = main([*options, str(source), str(output)])
    (output / "index.html").write_text(REDIRECT, encoding="utf-8")
    return status


REDIRECT = """\
<!doctype html>
<meta charset="utf-8">
<title>Act-Bench</title>
<meta http-equiv="refresh" content="0; url=README.html">
<a href="README.html">Act-Bench</a>
"""
_UNWANTED = shutil.ignore_patterns("__pycache__", "site")


if __name__ == "__main__":
    output = Path(sys.argv[1] if len(sys.argv) > 1 else "output/docs")
    source = output.with_name(f"{output.name}-source")
    stage(source)
    write_public(source / "api" / "public.rst")
    status = build(source, output)
    write_explore(output / EXPLORE)
    print(output / "index.html")  # noqa: T201
    sys.exit(status)
