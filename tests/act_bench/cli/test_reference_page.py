"""The page of the commands, and shell completion."""

from __future__ import annotations

import click
import pytest
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from act_bench.cli import COMMANDS, _reference, main
from act_bench.errors import ExitCode
from act_bench.tables.registry import TABLES

VARIABLE = "_ACT_BENCH_COMPLETE"


def test_the_page_is_current() -> None:
    made = _reference.page()
    assert _reference.PAGE.read_text("utf-8") == made, "python -m builders.reports --only commands"


def test_the_page_has_every_command_option_and_exit_code() -> None:
    page = _reference.page()
    with click.Context(main, info_name="act-bench") as context:
        for name in COMMANDS:
            assert f"## act-bench {name}\n" in page
            command = main.get_command(context, name)
            for option in command.params:
                if isinstance(option, click.Option):
                    assert option.help, f"{name} {option.opts[0]} says nothing"
                    assert all(f"`{each}`" in page for each in option.opts)
    assert set(_reference.CODES) == {0, *ExitCode}


@pytest.mark.parametrize(
    ("arguments", "incomplete", "offered"),
    [
        ([], "sim", {"simulate"}),
        ([], "", set(COMMANDS)),
        (["simulate"], "", set(TABLES)),
        (["query", "--table"], "m", {"mlp"}),
        (["simulate", "mlp"], "--eval", {"--evaluations"}),
        (["plot"], "reg", {"regret", "regret-time"}),
        (["space"], "n", {"neighbours"}),
        (["query", "--edition"], "u", {"upstream"}),
    ],
)
def test_completion_offers(arguments: list[str], incomplete: str, offered: set[str]) -> None:
    complete = ShellComplete(main, {}, "act-bench", VARIABLE)
    found = complete.get_completions(arguments, incomplete)
    assert {item.value for item in found} == offered


@pytest.mark.parametrize("shell", [BashComplete, ZshComplete, FishComplete])
def test_each_shell_is_told_how_to_ask(shell: type[ShellComplete]) -> None:
    script = shell(main, {}, "act-bench", VARIABLE).source_template
    assert "%(complete_var)s" in script
    assert f"{VARIABLE}={shell.name}_source act-bench" in _reference.page()


def test_the_names_of_commands_are_completed_without_importing_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} was imported")

    monkeypatch.setattr("importlib.import_module", refuse)
    found = ShellComplete(main, {}, "act-bench", VARIABLE).get_completions([], "s")
    assert [item.value for item in found] == ["show", "simulate", "search", "space", "sweep"]
