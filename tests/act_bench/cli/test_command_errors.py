"""Errors of commands: one sentence on stderr, and the exit code of the error."""

from __future__ import annotations

import dataclasses
import errno
import importlib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import act_bench.cli
from act_bench.cli import COMMANDS, LazyGroup
from act_bench.cli._command import Command, Group
from act_bench.cli._options import collected
from act_bench.errors import ActBenchError, ArgumentError
from act_bench.files.atomic import replacing
from act_bench.files.manifest import DataError
from act_bench.functions.expression import ParseError

FOLDER = Path(act_bench.cli.__file__).parent


def ends_with(error: BaseException) -> Result:
    @click.command(cls=Command)
    def command() -> None:
        raise error

    return CliRunner().invoke(command)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ActBenchError("the record differs"), 1),
        (ArgumentError("expected 1, got 2"), 2),
        (DataError("mlp-full.parquet is damaged"), 3),
        (ParseError("unknown operator", "y", 0), 4),
    ],
)
def test_an_error_is_a_sentence_and_its_exit_code(error: ActBenchError, code: int) -> None:
    done = ends_with(error)
    assert done.exit_code == code
    assert f"Error: {error}\n" in done.stderr
    assert ("Usage: " in done.stderr) == (code == 2)
    assert done.stdout == ""


def test_an_interrupt_ends_with_130() -> None:
    done = ends_with(KeyboardInterrupt())
    assert (done.exit_code, done.stderr) == (130, "Interrupted.\n")


@pytest.mark.parametrize("error", [ValueError("bug"), KeyError("bug"), TimeoutError("network")])
def test_an_error_of_the_program_keeps_its_traceback(error: Exception) -> None:
    done = ends_with(error)
    assert done.exception is error


def test_a_package_that_is_not_installed_names_the_extra() -> None:
    done = ends_with(ModuleNotFoundError(name="sklearn.tree"))
    assert done.exit_code == 3
    assert "command needs sklearn" in done.stderr
    assert "pip install 'act-bench[surrogates]'" in done.stderr


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "cannot write: No space left"),
        (PermissionError(errno.EACCES, "Permission denied", "a.csv"), "a.csv: Permission denied"),
    ],
)
def test_a_disk_that_is_full_or_read_only_is_a_sentence(error: OSError, says: str) -> None:
    done = ends_with(error)
    assert done.exit_code == 3
    assert says in done.stderr


def test_a_full_disk_names_the_file_that_was_to_be_written(tmp_path: Path) -> None:
    @click.command(cls=Command)
    def command() -> None:
        with replacing(tmp_path / "map.html"):
            raise OSError(errno.ENOSPC, "No space left on device")

    done = CliRunner().invoke(command)
    assert done.exit_code == 3
    assert f"{tmp_path / 'map.html'}: No space left on device" in done.stderr


def test_subcommands_end_alike() -> None:
    @click.group(cls=Group)
    def group() -> None:
        pass

    @group.command()
    def build() -> None:
        raise DataError("not built")

    done = CliRunner().invoke(group, ["build"])
    assert (done.exit_code, done.stderr) == (3, "Error: not built\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_turns_errors_into_sentences(name: str) -> None:
    command = LazyGroup("act-bench").get_command(click.Context(click.Command("x")), name)
    assert isinstance(command, Command)


def test_a_module_without_underscore_is_a_command() -> None:
    names = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}
    assert names == {name.replace("-", "_") for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_many_options_are_one_frozen_record(name: str) -> None:
    module = importlib.import_module(f"act_bench.cli.{name.replace('-', '_')}")
    taken = getattr(module, "Options", None) or getattr(module, "SearchOptions", None)
    if len(module.command.params) <= 8:
        return
    fields = {field.name for field in dataclasses.fields(taken)}
    assert fields == {param.name for param in module.command.params}
    assert taken.__dataclass_params__.frozen


def test_a_record_takes_the_options_of_a_command() -> None:
    @dataclasses.dataclass(frozen=True)
    class Options:
        table: str
        as_json: bool

    @click.command(cls=Command)
    @click.argument("table")
    @click.option("--json", "as_json", is_flag=True)
    @collected(Options)
    def command(options: Options) -> None:
        """Say what was given."""
        click.echo(options)

    done = CliRunner().invoke(command, ["mlp", "--json"])
    assert "table='mlp', as_json=True" in done.stdout
    assert command.help == "Say what was given."
