"""What the documents name exists: commands and their options, modules, files and folders.

Nothing is run here, and no module that trains is imported: options of ``python -m`` are looked up
in the source.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import click
import pytest

from act_bench.cli import main
from act_bench.tables.configurations import configurations
from act_bench.tables.files import embedded_fidelities
from act_bench.tables.rates import table_rates
from act_bench.tables.registry import BUILT_IN

ROOT = Path(__file__).parents[2]
PACKAGES = ("act_bench", "benchmarks", "builders", "regenerate", "surrogates")
FOLDERS = (*PACKAGES, "examples", "leaderboard", "tests", r"\.ci", r"\.github")
DOCUMENTS = [
    page
    for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    if page.name != "CHANGELOG.md"  # which names what there was
]
PAGES = pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))

OPTION = r"(?<![\w-])--[a-z][a-z-]*"
# A command in a block of code or between backticks, to the end of its line, span or comment.
ACT_BENCH = re.compile(r"(?:^|`|\$ |&& )act-bench ([a-z][a-z-]*)([^`#|&\n]*)", re.MULTILINE)
PYTHON_M = re.compile(rf"python -m\s((?:{'|'.join(PACKAGES)})(?:\.\w+)*)([^`#|&\n]*)")


@PAGES
def test_commands_and_their_options_exist(page: Path) -> None:
    for name, rest in ACT_BENCH.findall(page.read_text("utf-8")):
        command = main.get_command(click.Context(main), name)
        assert command is not None, f"act-bench {name}"
        if isinstance(command, click.Group):
            children = [command.commands.get(word) for word in rest.split()[:1]]
            command = children[0] if children and children[0] else command
        known = {option for parameter in command.params for option in parameter.opts}
        asked = set(re.findall(OPTION, rest))
        assert asked <= known | {"--help"}, f"act-bench {name}: {sorted(asked - known)}"


@PAGES
def test_modules_that_are_run_exist_and_have_their_options(page: Path) -> None:
    for name, rest in PYTHON_M.findall(page.read_text("utf-8")):
        assert sources(name), f"python -m {name}: no such module"
        file = sources(name)[0]
        runs = file.name == "__main__.py" or "__main__" in file.read_text("utf-8")
        assert runs, f"python -m {name} does nothing"
        asked = set(re.findall(OPTION, rest))
        assert asked <= options(name), f"python -m {name}: {sorted(asked - options(name))}"


@PAGES
def test_files_that_are_named_exist(page: Path) -> None:
    text = re.sub(r"\]\([^)]*\)", "", page.read_text("utf-8"))  # links have a test of their own
    for path in re.findall(rf"(?<![\w./-])((?:{'|'.join(FOLDERS)})/[\w./-]+)", text):
        placeholder = re.search(r"\b[A-Z]{2,}\b", path.replace("README", ""))
        assert placeholder or (ROOT / path.rstrip(".")).exists(), path


@PAGES
def test_names_in_modules_exist(page: Path) -> None:
    """Of ``package.module.name`` the module is there, and the name stands in its source."""
    text = page.read_text("utf-8")
    for name in re.findall(rf"`((?:{'|'.join(PACKAGES)})(?:\.(?!png|csv)\w+)+)", text):
        module, rest = name, ""
        while not sources(module):
            module, _, rest = module.rpartition(".")
        words = {word for file in sources(module) for word in re.findall(r"\w+", file.read_text())}
        assert not rest or rest in words, name


def test_the_card_says_what_few_tables_have() -> None:
    text = _one_line((ROOT / "DATASET_CARD.md").read_text("utf-8"))
    said = re.findall(r"In this version only (.*?) ha(?:s|ve) (.*?)\.", text)
    assert said
    for tables, kinds in said:
        for kind in re.findall(r"`(.*?)`", kinds):
            of = f"-{kind}"
            found = {name.removesuffix(of) for name in configurations() if name.endswith(of)}
            assert found == {*re.findall(r"`(.*?)`", tables)}, kind


def test_readme_says_how_many_rates_each_table_has() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    words = ("the recipe's rate", None, "two rates", "three rates", "four rates", "five rates")
    with_data = [name for name in BUILT_IN if embedded_fidelities(name)]
    for table in with_data:
        (row,) = re.findall(rf"^\| `{table}` \|.*$", text, re.MULTILINE)
        assert f"; {words[len(table_rates(table))]} |" in row, table
    said = re.search(
        r"((?:`\w+`(?: and |, )?)+) ha(?:s|ve) the recipe's rate only", _one_line(text)
    )
    lacking = {name for name in with_data if not table_rates(name)}
    assert lacking == {*re.findall(r"`(\w+)`", said[1] if said else "")}


def _one_line(text: str) -> str:
    return " ".join(text.split())


def sources(module: str) -> list[Path]:
    """Return the files of a module: what ``python -m`` runs comes first."""
    path = ROOT.joinpath(*module.split("."))
    files = (path.with_suffix(".py"), path / "__main__.py", path / "__init__.py")
    return [each for each in files if each.exists()]


@cache
def options(module: str, depth: int = 2) -> frozenset[str]:
    """Return the options that stand as strings in a module, or in what it imports of ours."""
    if not sources(module):
        return frozenset()
    tree = ast.parse(sources(module)[0].read_text("utf-8"))
    found = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("--")
    }
    if depth:
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = (node.module, *(f"{node.module}.{each.name}" for each in node.names))
                for each in names:
                    if each.split(".")[0] in PACKAGES:
                        found |= options(each, depth - 1)
    return frozenset(found)
