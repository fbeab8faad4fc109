"""What every command does with an error: one sentence on stderr, and an exit code.

This is the only place that does. A command raises, or lets through, what the packages raise: an
:class:`~act_bench.errors.ActBenchError` carries its exit code. Any other exception is an error of
the program, and its traceback is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from act_bench.errors import ActBenchError, ExitCode, needs_extra
from act_bench.files.atomic import OF_DISKS


class Command(click.Command):
    """A command whose errors are sentences."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; of an expression that looks like an option, say what to write."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            expressions = any(
                isinstance(each, click.Argument) and str(each.name).startswith("expression")
                for each in self.params
            )
            if expressions and not error.option_name.startswith("--"):
                raise click.NoSuchOption(
                    error.option_name,
                    f"{error.message} If it is an expression: write negative(f) for -f.",
                    error.possibilities,
                    ctx,
                ) from None
            raise

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        with explained(ctx):
            return super().invoke(ctx)


class Group(Command, click.Group):
    """A group of such commands."""

    command_class = Command


@contextmanager
def explained(ctx: click.Context) -> Iterator[None]:
    """Turn an error of a command into a sentence on stderr and an exit code."""
    try:
        with needs_extra(ctx.command_path):
            yield
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        ctx.exit(ExitCode.INTERRUPTED)
    except ActBenchError as error:
        if error.exit_code is ExitCode.USAGE:
            raise click.UsageError(str(error), ctx) from error  # is shown with the usage
        _end(ctx, str(error), error.exit_code)
    except MemoryError as error:
        _end(ctx, f"not enough memory: {error or 'choose less at once'}", ExitCode.DATA)
    except OSError as error:
        if error.filename is None and error.errno not in OF_DISKS:
            raise  # of the network, say: it is not about a file
        what = f"cannot read or write {error.filename}" if error.filename else "cannot write"
        _end(ctx, f"{what}: {error.strerror or error}", ExitCode.DATA)


def _end(ctx: click.Context, sentence: str, exit_code: ExitCode) -> NoReturn:
    click.echo(f"Error: {sentence}", err=True)
    ctx.exit(exit_code)
