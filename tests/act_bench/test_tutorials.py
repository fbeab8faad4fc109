"""The commands of the tutorials and how-tos run, and the documents' links lead somewhere.

Python examples are doctests. Of the shell ones, blocks fenced ``sh`` are run here, line by line;
blocks fenced ``shell`` need what a test does not have: a GPU, CIFAR-10, or the network.
"""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from act_bench.cli import main

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted(
    page for kind in ("tutorials", "how-to") for page in (ROOT / "docs" / kind).glob("*.md")
)
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# The page on all tables says for those of single tables what the words mean.
PAGES = [page for page in DOCUMENTS if "docs" in page.parts and page.parent.name != "results"]


def commands(text: str, fence: str) -> list[list[str]]:
    """Return the act-bench commands of the blocks with a fence, as arguments."""
    blocks = re.findall(rf"^```{fence}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words and words[0] == "act-bench"]


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_commands_of_tutorials_run(tutorial: Path, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))
    if tutorial.stem == "import-upstream":
        files = runpy.run_path(str(ROOT / "tests" / "builders" / "upstream_files.py"))
        files["write_upstream"](Path("act-bench-cnn.json"))
    for arguments in commands(tutorial.read_text(encoding="utf-8"), "sh"):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, f"act-bench {' '.join(arguments)}\n{done.output}"
        assert done.output.strip()


LINES = [
    found
    for page in TUTORIALS
    for found in re.findall(r'^python -c "(.+)"  # (.+)$', page.read_text("utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize(("program", "printed"), LINES)
def test_programs_of_one_line_print_what_they_say(program: str, printed: str, capsys) -> None:
    exec(program, {})  # noqa: S102 - of our own pages
    assert capsys.readouterr().out == f"{printed}\n"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"https?:|mailto:", link):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_document_links_to_the_glossary(document: Path) -> None:
    assert document.name == "glossary.md" or "glossary.md" in document.read_text(encoding="utf-8")


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#]+)\)", index)}
    wanted = {path for path in (ROOT / "docs").rglob("*.md") if path.name != "README.md"}
    assert wanted <= linked, sorted(str(path) for path in wanted - linked)
