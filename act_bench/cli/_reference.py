"""The page of all commands, from their definitions: options, arguments, exit codes, completion.

    python -m act_bench.cli._reference

Writes docs/reference/commands.md. It stands here and not with the other generated pages, because
nothing else may import the commands.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, fill
from typing import Final

import click

from act_bench.cli import COMMANDS, main
from act_bench.errors import ExitCode

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"

CODES: Final[dict[int, str]] = {
    0: "Done.",
    ExitCode.NO: "The answer is no: a verification failed, a retraining differs from its record.",
    ExitCode.USAGE: "Wrong usage: an argument or option that is not allowed.",
    ExitCode.DATA: "Data or packages are missing or damaged, or a file cannot be written.",
    ExitCode.EXPRESSION: "An expression that cannot be parsed, or is not in the space.",
    ExitCode.INTERRUPTED: "Interrupted by Ctrl-C.",
}
"""What a command ends with."""

_OPENING: Final = """\
# Commands

Every command with its arguments, options and examples, as `act-bench COMMAND --help` shows them
(`python -m act_bench.cli._reference` makes this page). `--json` prints one JSON document on stdout
and nothing else; messages and progress go to stderr, progress on terminals only. An EXPRESSION is
any [spelling](grammar.md) of a function, or the name of one of the [catalogue](catalogue.md).

## Exit codes

{codes}

[errors.md](errors.md) lists the errors behind them.

## Shell completion

Commands, options, tables and the values of options are completed by bash (4.4 or later), zsh and
fish. For one session of bash, zsh and fish respectively:

```sh
eval "$(_ACT_BENCH_COMPLETE=bash_source act-bench)"
eval "$(_ACT_BENCH_COMPLETE=zsh_source act-bench)"
_ACT_BENCH_COMPLETE=fish_source act-bench | source
```

To keep it, write what the command prints to a file and let `~/.bashrc` or `~/.zshrc` read it
(`. FILE`); fish reads `~/.config/fish/completions/act-bench.fish` by itself.
"""


def page() -> str:
    """Return the page."""
    codes = "\n".join(f"| {int(code)} | {words} |" for code, words in CODES.items())
    lines = [_OPENING.format(codes=f"| code | meaning |\n|--:|---|\n{codes}")]
    with click.Context(main, info_name="act-bench") as context:
        for name in COMMANDS:
            command = main.get_command(context, name)
            assert command is not None  # noqa: S101  (it is listed)
            lines += _section(command, f"act-bench {name}", "##")
    lines += ["Terms: [glossary](glossary.md).", ""]
    return "\n".join(lines)


def _section(command: click.Command, path: str, heading: str) -> Iterator[str]:
    yield f"{heading} {path}\n"
    yield f"```text\n{' '.join([path, *_usage(command)])}\n```\n"
    yield from _text(command.help or "")
    options = [each for each in command.params if isinstance(each, click.Option)]
    if options:
        yield "| option | what it does | default |\n|---|---|---|"
        yield from map(_row, options)
        yield ""
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from _section(child, f"{path} {name}", f"{heading}#")


def _usage(command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        yield "COMMAND"
    for each in command.params:
        if isinstance(each, click.Argument):
            name = each.metavar or (each.name or "").upper()
            yield name if each.required or each.metavar else f"[{name}]"
    if any(isinstance(each, click.Option) for each in command.params):
        yield "[OPTIONS]"


def _text(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; those that must not be wrapped are code."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        mark, _, rest = paragraph.partition("\n")
        if mark.strip("\\") in ("\b", "b"):
            yield f"```text\n{dedent(rest)}\n```\n"
        else:
            yield fill(" ".join(paragraph.split()).replace("|", "\\|"), 116) + "\n"


def _row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" {_value(option)}"
    words, _, default = (option.help or "").partition("[default:")
    default = default.strip().removesuffix("]")
    if option.show_default and not default and option.default is not None:
        default = f"`{option.default}`"
    words = _listed(words.strip())
    if option.multiple and "several times" not in words:
        words += " May be given several times."
    return f"| {names}{value} | {words} | {_listed(default)} |"


def _value(option: click.Option) -> str:
    """Return what stands for the value of an option."""
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return _listed("|".join(map(str, option.type.choices)))
    return option.type.name.split()[0].upper()


def _listed(text: str) -> str:
    return text.replace("|", "\\|")


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    click.echo(PAGE)


if __name__ == "__main__":
    write()
