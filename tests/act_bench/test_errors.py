"""One root of all errors that are raised on purpose, and its exit codes."""

from __future__ import annotations

import ast
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import act_bench
import builders
import regenerate
import surrogates
from act_bench.errors import (
    EXTRAS,
    ActBenchError,
    ArgumentError,
    ExitCode,
    MissingExtraError,
    did_you_mean,
    needs_extra,
)
from act_bench.files.manifest import DataError
from act_bench.functions.catalogue import UnknownFunctionError, find
from act_bench.functions.expression import ParseError, parse
from act_bench.spaces.large import NotBuiltError
from act_bench.spaces.paper import NotInSpaceError
from act_bench.tables.schema import UnknownNameError, one_of

PACKAGES = (act_bench, regenerate, surrogates, builders)

# These need a GPU, or an extra that the tests do not.
APART = {"regenerate.activations.triton_kernels", "regenerate.sweeps.executor_ray"}


def modules() -> Iterator[object]:
    for package in PACKAGES:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name not in APART and not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


BUILT_IN = {"ValueError", "TypeError", "KeyError", "LookupError", "RuntimeError", "Exception"}
CAUGHT = {
    "act_bench/figures/results.py": "an error of plot that names the file",
    "act_bench/files/documents.py": "an error of each reader that names the file",
    "act_bench/files/manifest.py": "a DataError that names the file",
    "act_bench/functions/notation/parser.py": "a ParseError that points at the number",
    "builders/reports/results/ranking.py": "shown nowhere: the page compares what it simulated",
}
"""Modules that raise built-in errors, and what becomes of these."""


def test_what_is_raised_has_the_one_root_or_is_caught() -> None:
    root, found = Path(act_bench.__file__).parents[1], set()
    for package in PACKAGES:
        for file in Path(str(package.__file__)).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                call = node.exc if isinstance(node, ast.Raise) else None
                name = call.func if isinstance(call, ast.Call) else call
                if isinstance(name, ast.Name) and name.id in BUILT_IN:
                    found.add(file.relative_to(root).as_posix())
    assert found == set(CAUGHT)


def test_every_error_of_the_packages_has_the_one_root() -> None:
    errors = {
        each
        for module in modules()
        for each in vars(module).values()
        if inspect.isclass(each)
        and issubclass(each, Exception)
        and each.__module__.partition(".")[0] in {package.__name__ for package in PACKAGES}
    }
    assert len(errors) > 35
    assert [each.__name__ for each in errors if not issubclass(each, ActBenchError)] == []
    assert all(isinstance(each.exit_code, ExitCode) for each in errors)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("error", "builtin", "code"),
    [
        (ParseError, ValueError, 4),
        (NotInSpaceError, KeyError, 4),
        (UnknownFunctionError, KeyError, 4),
        (UnknownNameError, ValueError, 2),
        (ArgumentError, ValueError, 2),
        (DataError, RuntimeError, 3),
        (NotBuiltError, FileNotFoundError, 3),
        (MissingExtraError, ImportError, 3),
    ],
)
def test_errors_keep_the_built_in_base_that_callers_rely_on(
    error: type[ActBenchError], builtin: type[Exception], code: int
) -> None:
    assert issubclass(error, builtin)
    assert error.exit_code == code


def test_the_text_is_a_sentence_whatever_the_second_base() -> None:
    assert str(UnknownFunctionError("no such function")) == "no such function"
    assert str(NotBuiltError("the space is not built")) == "the space is not built"
    assert str(NotInSpaceError("sinh(sinh(x))", ())).startswith("sinh(sinh(x)) is none")


def test_errors_come_back_from_other_processes() -> None:
    with pytest.raises(ParseError) as caught:
        parse("relux(x)")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (str(again), again.position, again.exit_code) == (str(caught.value), 0, 4)


@pytest.mark.parametrize("module", EXTRAS)
def test_a_package_that_is_not_installed_is_named_with_its_extra(module: str) -> None:
    with pytest.raises(MissingExtraError) as caught, needs_extra("the figure"):
        raise ModuleNotFoundError(name=f"{module}.part")
    assert str(caught.value) == (
        f"the figure needs {module}, which is not installed; "
        f"fix: pip install 'act-bench[{EXTRAS[module]}]'"
    )


def test_a_module_that_no_extra_has_is_an_error_of_the_program() -> None:
    with pytest.raises(ModuleNotFoundError), needs_extra("anything"):
        raise ModuleNotFoundError(name="act_bench.nothing")


def test_near_names_are_offered_alike() -> None:
    with pytest.raises(ParseError, match="'relux': did you mean 'relu'"):
        parse("relux(x)")
    with pytest.raises(UnknownNameError, match="vit; did you mean 'mlp'"):
        one_of("table", "mpl", ("mlp", "cnn", "resnet", "vit"))
    with pytest.raises(UnknownFunctionError, match="'crelu': did you mean 'crrelu'"):
        find("crelu")
    with pytest.raises(UnknownNameError, match=r"vit$"):
        one_of("table", "zebra", ("mlp", "cnn", "resnet", "vit"))
    assert did_you_mean("zebra", ("tanh",)) == ""
