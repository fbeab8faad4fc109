"""Terminals and pipes of any encoding: every command prints, and what it writes is there."""

import json
import os
import subprocess
import sys
from functools import cache

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from act_bench.cli import COMMANDS, main

ENCODINGS = ("ascii", "latin-1", "cp437")
SHOWN = {
    "show": ("show", "relu(x)"),
    "show a function that learns": ("show", "prelu"),
    "show what papers report": ("show", "swish(x)"),
    "query": ("query", "relu(x)"),
    "tables": ("tables",),
    "a wrong command": ("r\xe9lu",),
    "a wrong expression": ("query", "relu(\u2212x)"),
    "a lone byte": ("query", "relu(\udcff)"),
    "simulate": (
        "simulate", "mlp", "--trials", "1", "--evaluations", "3", "--optimizers", "random",
        "--figures", "none",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def printed(arguments, encoding):
    result = CliRunner(charset=encoding).invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


@cache
def code_in_utf_8(arguments):
    return printed(arguments, "utf-8").exit_code


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("arguments", SHOWN.values(), ids=SHOWN)
def test_every_encoding_shows_what_utf_8_does(arguments, encoding):
    result = printed(arguments, encoding)
    output = result.output_bytes if hasattr(result, "output_bytes") else result.stdout_bytes
    assert output.decode(encoding)
    assert result.exit_code == code_in_utf_8(arguments)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_shown_in_ascii(command):
    assert printed([command, "--help"], "ascii").exit_code == 0


def test_a_pipe_of_another_encoding():
    command = [sys.executable, "-m", "act_bench.cli", "show", "relu(x)"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.isascii()
    assert b"~~===+++***##  0 to 5 on [-5, 5]" in result.stdout


def test_a_certificate_is_written_and_shown(tmp_path):
    arguments = ["regenerate", "relu(x)", "--seeds", "1", "--certificate", "c.json"]
    assert printed(arguments, "ascii").exit_code == 0
    assert json.loads((tmp_path / "c.json").read_text())["expression"]


def test_a_certificate_is_written_before_anything_is_printed(tmp_path, monkeypatch):
    def fail(*_):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("act_bench.cli.regenerate._show", fail)
    CliRunner().invoke(main, ["regenerate", "relu(x)", "--seeds", "1", "--certificate", "c.json"])
    assert json.loads((tmp_path / "c.json").read_text())["expression"]


@given(st.text())
def test_any_text_has_an_ascii_form(text):
    from act_bench.terminal import in_ascii

    shown = in_ascii(text)
    assert shown.isascii()
    assert in_ascii(shown) == shown
    if text.isascii():
        assert shown == text
