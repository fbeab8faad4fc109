"""The group of commands."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from act_bench.cli import COMMANDS, main


def test_help_lists_every_command_and_imports_none() -> None:
    code = (
        "import sys; from act_bench.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in sys.modules if m.startswith('act_bench.cli.')])\n"
        "print([m for m in ('numpy', 'polars', 'pyarrow', 'torch') if m in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert output[-2:] == ["[]", "[]"]
    listed = [line.split()[0] for line in output if line.startswith("  ") and line.split()]
    assert set(COMMANDS) <= set(listed)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_teaches_by_example(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"act-bench {name}" in result.output


def test_an_unknown_command_is_wrong_usage() -> None:
    result = CliRunner().invoke(main, ["simulat"])
    assert result.exit_code == 2
    assert "did you mean 'simulate'?" in result.output


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = CliRunner().invoke(main, ["eafo", "relu(x)", "--out", str(blocked / "x.csv")])
    assert result.exit_code == 3
    assert "cannot read or write" in result.output


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def command() -> None:
        raise KeyboardInterrupt

    module = importlib.import_module("act_bench.cli.tables")
    monkeypatch.setattr(module, "command", command)
    result = CliRunner().invoke(main, ["tables"])
    assert result.exit_code == 130
    assert "Interrupted" in result.output
