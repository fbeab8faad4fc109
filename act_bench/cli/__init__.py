"""The command ``act-bench``: a group that imports a command's module only when it is called.

The command NAME is ``command`` in ``NAME.py``. What several commands share lies in modules whose
names begin with ``_``.
"""

from __future__ import annotations

import importlib
from typing import Any

import click
from click.shell_completion import CompletionItem

# Command -> one line for `act-bench --help`. Kept here so that help imports no command.
COMMANDS = {
    "tables": "List the tables, their fidelities and coverage.",
    "show": "Show everything known about one expression.",
    "query": "Look up one or more expressions in a table.",
    "features": "Compute the outputs and the Fisher spectrum of an expression.",
    "simulate": "Run simulated searches over a table and plot them.",
    "plot": "Draw a figure of the tables, the maps or the searches.",
    "evaluate-surrogates": "Measure how well models rank functions by their features.",
    "verify": "Replay a trace, or check the embedded data.",
    "regenerate": "Train an expression again and compare it with the record.",
    "search": "Search for the best function by real training; resumable.",
    "eafo": "Correct a function by its entropy, and train the result.",
    "space": "Make the large space, 1,023,524 expressions, and look into it.",
    "sweep": "Train every entry of a table; resumable.",
    "import-upstream": "Import the authors' own tables on this machine.",
    "explore": "Write a page to explore the tables with, one offline HTML file.",
    "export": "Write the dataset as a Hugging Face dataset repository.",
    "push": "Publish the dataset on the Hugging Face Hub.",
    "download": "Fetch a pinned version of the dataset and check it.",
    "cite": "Print how to cite this version.",
    "cache": "List or clear the decoded images stored on this machine.",
}


class LazyGroup(click.Group):
    """A click group whose commands live in ``act_bench/cli/NAME.py`` as ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of the user's path, not alphabetically."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of ``cmd_name`` and return its command."""
        if cmd_name not in COMMANDS:
            return None
        from act_bench.tables.registry import RegistrationError, import_own_tables

        try:
            import_own_tables()
        except RegistrationError as error:
            raise click.UsageError(str(error)) from error
        module = importlib.import_module(f"act_bench.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        command.help = _unwrapped(command.help)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so, and options; no command is imported for it."""
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        own = [CompletionItem(name, help=COMMANDS[name]) for name in names]
        return own + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of an unknown one say which was meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from act_bench.errors import did_you_mean

            hint = did_you_mean(name, COMMANDS) or "act-bench --help lists the commands"
            ctx.fail(f"no command {name[:60]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line, on a terminal of whatever encoding."""
        from act_bench.terminal import make_printable

        make_printable()
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error on the way to it, too, is a sentence and an exit code."""
        from act_bench.cli._command import explained  # not for --help, which imports nothing

        with explained(ctx):
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the command list without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _unwrapped(text: str | None) -> str | None:
    """Let click see its mark for lines that it must not wrap.

    The mark is a backspace; in a raw docstring it stands as two characters.
    """
    return text and text.replace("\\b\n", "\b\n")


main = LazyGroup(
    name="act-bench",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""How well does this network train with that activation function?

    \b
      act-bench tables                            what there is
      act-bench query "max(relu(x),elu(x))"       look up a training
      act-bench simulate mlp                      searches over a table, in seconds
      act-bench COMMAND --help                    more about a command
    """,
)
main = click.version_option(package_name="act-bench")(main)
