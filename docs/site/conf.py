"""Sphinx's settings for the site of the documentation; ``docs/site/build.py`` is what runs it.

The pages are those of the repository, unchanged. What is in which part of the navigation follows
from the headings and links of ``docs/README.md``, so a page is listed in one place only.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("act_bench", "surrogates", "regenerate", "builders")

project = "Act-Bench"
author = "The Act-Bench maintainers"
copyright = f"{author}; text and data CC BY 4.0, code Apache-2.0"  # noqa: A001  (Sphinx's name)
release = version("act-bench")
version = release  # type: ignore[assignment]  # the name that Sphinx reads

root_doc = "README"
extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
]
myst_heading_anchors = 4
suppress_warnings = [
    "toc.not_included",  # pages in no part of the navigation are linked from others
    "ref.python",  # a name in a type that several classes have
    # The kernels cannot be imported where there is no Triton.
    *([] if find_spec("triton") else ["autodoc.import_object"]),
]

# One page per module, from its docstrings.
apidoc_modules = [
    {
        "path": str(ROOT / name),
        "destination": f"api/{name}",
        "separate_modules": True,
        "module_first": True,
        "no_headings": False,
    }
    for name in PACKAGES
]
apidoc_automodule_options = {"members", "show-inheritance"}
autodoc_default_options = {
    "ignore-module-all": True,  # what a module passes on is told of at home
    # scikit-learn writes these, and their docstrings link within its own pages.
    "exclude-members": "set_fit_request, set_predict_request, set_score_request",
}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # signatures have them
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # fields are told of once, in the list of attributes
napoleon_attr_annotations = False
default_role = "code"

html_theme = "furo"
html_title = f"Act-Bench {release}"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
templates_path = ["templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "explore.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}


def navigation(index: str) -> dict[str, list[str]]:
    r"""Return the parts of the navigation and their pages, as ``docs/README.md`` lists them.

    Parameters
    ----------
    index
        The text of that page.

    Examples
    --------
    >>> navigation("## Tutorials\n[a](tutorials/a.md), [x](x.csv)\n## More\n[b](../B.md)")
    {'Tutorials': ['docs/tutorials/a'], 'More': ['B']}
    """
    parts: dict[str, list[str]] = {}
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        links = re.findall(r"\]\(([^)#]+)\.md\)", text)
        pages = [link[3:] if link.startswith("../") else f"docs/{link}" for link in links]
        parts[heading.strip()] = list(dict.fromkeys(pages))
    return parts


def add_navigation(app: Any, name: str, source: list[str]) -> None:
    """Give the first page the table of contents that it has no need of on a forge."""
    if name != root_doc:
        return
    index = Path(app.srcdir) / "docs" / "README.md"
    parts = {"Act-Bench": ["docs/README"], **navigation(index.read_text(encoding="utf-8"))}
    api = ["api/public", *(f"api/{name}/{name}" for name in PACKAGES)]
    parts["API"] = [page for page in api if page in app.env.found_docs]
    for heading, pages in parts.items():
        listed = "\n".join(pages)
        source[0] += (
            f"\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n:caption: {heading}\n\n{listed}\n```\n"
        )


def setup(app: Any) -> None:
    """Register what is above with Sphinx."""
    app.connect("source-read", add_navigation)
