"""Tables fit a terminal of 80 columns, and no expression is broken in a pipe."""

from __future__ import annotations

from importlib import import_module

import pytest
from click.testing import CliRunner
from rich.console import Console

from act_bench.cli import _console, main

LONG = "mul(hard_sigmoid(x),hard_sigmoid(x))"
"""The longest of the space, or one of them."""
SHOWN = {
    "tables": ["tables"],
    "query": ["query", LONG, "relu(x)", "gelu", "abs(x)"],
    "show": ["show", LONG],
    "show, many spellings": ["show", "relu(x)"],
    "show, published": ["show", "gelu"],
    "eafo": ["eafo", "relu(x)"],
    "features": ["features", "relu(x)"],
    "simulate": [
        "simulate", "mlp", "--trials", "2", "--evaluations", "12", "--figures", "none",
        "--optimizers", "random,aquasurf:features=umap-outputs,fisher-filter:baselines=false",
    ],
    "evaluate-surrogates": [
        "evaluate-surrogates", "mlp", "--features", "umap-outputs,umap-union", "--sizes", "10,30",
        "--regressors", "knn-distance", "--splits", "2",
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def printed(arguments):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("arguments", SHOWN.values(), ids=SHOWN)
def test_what_is_printed_fits_a_terminal(arguments, monkeypatch):
    if arguments[0] in ("eafo", "features"):
        pytest.importorskip("torch")

    def eighty(*, stderr: bool = False) -> Console:
        return Console(width=80, highlight=False, stderr=stderr)

    monkeypatch.setattr(_console, "console", eighty)
    for name in ("regenerate", "search", "_grafs"):  # these have it at the top of their modules
        monkeypatch.setattr(import_module(f"act_bench.cli.{name}"), "console", eighty)
    text = printed(arguments)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text, "nothing is cut off"
    if LONG in arguments:
        assert LONG in text, "the longest expression stands in one line"


@pytest.mark.parametrize("name", ["query", "show", "show, many spellings"])
def test_no_expression_is_broken_in_a_pipe(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = printed(SHOWN[name])
    for expression in (each for each in SHOWN[name][1:] if "(" in each):
        assert expression in text
    assert "…" not in text
    opened = [line.count("(") - line.count(")") for line in text.splitlines() if "add(" in line]
    assert not any(opened), "every expression ends in the line in which it begins"
