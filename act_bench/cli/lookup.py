"""What the commands that look things up have in common: options, and errors as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click
from click.shell_completion import CompletionItem

from act_bench.cli.training import DataFailure, ExpressionFailure
from act_bench.tables.registry import EDITIONS, TABLES

Function = TypeVar("Function", bound=Callable[..., None])


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
    return fidelity(edition(run_seed(function)))


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
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@contextmanager
def explained_errors() -> Iterator[None]:
    """Turn what can go wrong in looking up into a sentence on stderr and an exit code."""
    from act_bench.files.manifest import DataError
    from act_bench.functions.expression import ParseError
    from act_bench.search.benchmark import MissingRunError
    from act_bench.spaces.paper import NotInSpaceError
    from act_bench.tables.schema import UnknownNameError

    try:
        yield
    except (ParseError, NotInSpaceError) as error:
        raise ExpressionFailure(str(error)) from error
    except UnknownNameError as error:
        raise click.UsageError(str(error)) from error
    except (DataError, MissingRunError) as error:
        raise DataFailure(str(error)) from error
