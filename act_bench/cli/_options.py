"""Options that several commands have, and commands that take all of theirs as one record."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from act_bench.arguments import finite_number
from act_bench.errors import ArgumentError
from act_bench.tables.registry import EDITIONS, TABLES

Function = TypeVar("Function", bound=Callable[..., None])
Record = TypeVar("Record")


def collected(record: type[Record]) -> Callable[[Callable[[Record], None]], Callable[..., None]]:
    """Let a command take one record in place of a parameter for each of its options.

    Parameters
    ----------
    record
        A frozen dataclass whose fields are the names of the command's parameters.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Options:
    ...     table: str
    ...     seeds: int
    >>> @click.command()
    ... @click.argument("table")
    ... @click.option("--seeds", default=3)
    ... @collected(Options)
    ... def command(options: Options) -> None:
    ...     print(options)
    >>> command(["mlp"], standalone_mode=False)
    Options(table='mlp', seeds=3)
    """

    def decorate(function: Callable[[Record], None]) -> Callable[..., None]:
        @functools.wraps(function)
        def called(**values: Any) -> None:
            function(record(**values))

        return called

    return decorate


def refuse_given(*names: str, because: str) -> None:
    """Refuse options that this command would ignore.

    Parameters
    ----------
    *names
        Of parameters of the command that runs.
    because
        Why it has no use for them; the message begins with it.

    Raises
    ------
    click.UsageError
        One of them was given, by whatever value.
    """
    context = click.get_current_context()
    typed = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    sources = {name: context.get_parameter_source(name) for name in names}
    given = [typed[name] for name in names if sources[name] is ParameterSource.COMMANDLINE]
    if given:
        raise click.UsageError(f"{because}: leave out {', '.join(given)}")


class FiniteNumber(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on
    """A finite number; what else a float can be is wrong usage."""

    name = "number"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        try:
            return self.checked(float(value))
        except (ValueError, OverflowError) as error:
            reason = str(error) if isinstance(error, ArgumentError) else f"got {value!r}"
            self.fail(f"expected a {self.name}, {reason}", param, ctx)

    def checked(self, value: float) -> float:
        """Return what is allowed; an ArgumentError otherwise."""
        return finite_number(value, "it")


class PositiveNumber(FiniteNumber):
    """A finite number above 0."""

    name = "positive number"

    def checked(self, value: float) -> float:
        """Return what is allowed; an ArgumentError otherwise."""
        return finite_number(value, "it", above=0)


class OutputFile(click.Path):
    """A file to write, whose folder must be there: better known before a long training."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path; fails, as wrong usage, where there is no folder for it."""
        path = Path(str(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"cannot write {path}: there is no folder {path.parent}", param, ctx)
        return path


class TableChoice(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on
    """The tables that are registered when a command runs, those of a user's own too."""

    name = "table"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name of a table, or refuse it with the names that there are."""
        if value not in TABLES:
            known = ", ".join(repr(name) for name in TABLES)
            self.fail(f"{value!r} is not one of {known}.", param, ctx)
        return value

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the choices as the help shows them."""
        del ctx  # which click passes from 8.2 on
        known = "|".join(TABLES)
        return f"{{{known}}}" if param.param_type_name == "argument" else f"[{known}]"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin so."""
        del ctx, param
        return [CompletionItem(name) for name in TABLES if name.startswith(incomplete)]


table_type = TableChoice()


class RateChoice(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on
    """A view of a table's learning rates: ``own``, ``tuned`` or a number."""

    name = "rate"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | float:
        """Return the view; which rates a table has is known when it is read."""
        if value in ("own", "tuned") or isinstance(value, float):
            return value
        try:
            return float(value)
        except ValueError:
            self.fail(f"expected own, tuned or a learning rate, got {value!r}.", param, ctx)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def data_options(function: Function) -> Function:
    """Add ``--fidelity``, ``--edition`` and ``--run-seed``."""
    fidelity = click.option(
        "--fidelity", help="Recipe of the table; default: the highest that covers every entry."
    )
    edition = click.option(
        "--edition",
        type=click.Choice(EDITIONS),
        default="regenerated",
        show_default=True,
        help="Whose measurements.",
    )
    run_seed = click.option(
        "--run-seed",
        type=int,
        help="Answer from the single runs with this seed; default: medians over all runs.",
    )
    rate = click.option(
        "--rate",
        type=RateChoice(),
        help="Learning rate: own (that of the recipe), tuned, or a number; default: own, of "
        "act-bench query tuned where every entry is.",
    )
    return fidelity(edition(run_seed(rate(function))))


def training_options(function: Function) -> Function:
    """Add ``--device`` and ``--data-dir``."""
    device = click.option(
        "--device",
        default="auto",
        show_default=True,
        help="cpu, cuda, or auto: a GPU where the network can use one.",
    )
    data_dir = click.option(
        "--data-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of the data set; default: from a library, or the Hub.",
    )
    return device(data_dir(function))
