"""The site of the documentation: its navigation and API reference, and what the forge runs.

`make docs` builds all of it, with every warning an error; here a few pages are.
"""

from __future__ import annotations

import importlib.util
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import act_bench

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"
PACKAGES = ("act_bench", "builders", "surrogates", "regenerate")
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SITE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def conf() -> ModuleType:
    return loaded("conf")


def test_every_page_is_in_the_navigation(conf) -> None:
    parts = conf.navigation((ROOT / "docs" / "README.md").read_text("utf-8"))
    listed = [f"{page}.md" for pages in parts.values() for page in pages]
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")}
    assert pages - {*listed} == {"docs/README.md"}
    assert len(listed) == len(set(listed)), "a page has one place"
    assert all((ROOT / page).exists() for page in listed)


def test_every_module_says_what_it_is() -> None:
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    for name in sorted(names):
        try:
            module = import_module(name)
        except ModuleNotFoundError as error:  # the kernels, where there is no Triton
            assert error.name.partition(".")[0] not in PACKAGES
            continue
        assert module.__doc__, name


def test_a_site_of_few_pages_has_search_links_and_the_api(conf, tmp_path) -> None:
    sphinx = pytest.importorskip("sphinx.cmd.build")
    pytest.importorskip("furo")
    pytest.importorskip("myst_parser")
    source, output = tmp_path / "source", tmp_path / "site"
    (source / "docs" / "reference").mkdir(parents=True)
    (source / "README.md").write_text("# First\n\n[words](docs/reference/glossary.md#run)\n")
    (source / "docs" / "README.md").write_text(
        "# All\n\n## Reference\n\n[a](reference/glossary.md)\n"
    )
    (source / "docs" / "reference" / "glossary.md").write_text("# Words\n\n## run\n\nA training.\n")
    (source / "api.rst").write_text(
        "API\n===\n\n.. automodule:: act_bench.publishing.citation\n   :members:\n"
    )
    options = ["-b", "html", "-q", "-c", str(SITE), "-D", "apidoc_modules="]
    status = sphinx.main([*options, str(source), str(output)])
    assert status == 0
    page = (output / "README.html").read_text("utf-8")
    assert 'href="docs/reference/glossary.html#run"' in page
    assert 'href="act-bench.html"' in page, "the explore page"
    api = (output / "api.html").read_text("utf-8")
    assert 'id="act_bench.publishing.citation.cite"' in api
    for heading in ("Parameters", "Raises"):
        assert heading in api, "numpy sections are understood"
    assert (output / "search.html").exists()


def slug(heading: str) -> str:
    """Return the anchor of a heading, as forges and MyST make it."""
    text = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading.strip()).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_anchors_lead_to_headings(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    for link, anchor in re.findall(r"\]\(([^)#\s]*\.md)?#([^)\s]+)\)", text):
        page = (document.parent / link).read_text("utf-8") if link else text
        assert anchor in {slug(each) for each in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}


def test_the_workflow_runs_commands_that_there_are() -> None:
    yaml = pytest.importorskip("yaml")
    known = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8")
    jobs = yaml.safe_load(workflow)["jobs"]
    targets = set(re.findall(r"make ([\w-]+)", re.sub(r"#.*", "", workflow)))
    matrix = jobs["versions"]["strategy"]["matrix"]
    targets |= {*matrix["target"], *(each["target"] for each in matrix["include"])}
    assert {"test-newest", "test-oldest", "dist", "try-dist", "docs"} <= targets <= known
    classified = re.findall(r"Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text("utf-8"))
    assert matrix["python"] == classified
    for form in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        assert yaml.safe_load(form.read_text("utf-8")), form
    assert act_bench.__version__
