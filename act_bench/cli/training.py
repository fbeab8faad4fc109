"""What the commands that train have in common: options, and errors as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., None])


class DataFailure(click.ClickException):
    """Data are missing or damaged, or cannot be written."""

    exit_code = 3


class ExpressionFailure(click.ClickException):
    """A text is no expression, or is not in the space."""

    exit_code = 4


def training_options(function: Function) -> Function:
    """Add ``--device`` and ``--data-dir``."""
    device = click.option(
        "--device", default="auto", show_default=True, help="cpu, cuda, or auto: what is there."
    )
    data_dir = click.option(
        "--data-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of the data set, where it does not come with a library.",
    )
    return device(data_dir(function))


@contextmanager
def explained_errors() -> Iterator[None]:
    """Turn what can go wrong in training into a sentence on stderr and an exit code."""
    from act_bench.files.cache import CacheLimitError
    from act_bench.files.manifest import DataError
    from act_bench.functions.expression import ParseError
    from act_bench.spaces.paper import NotInSpaceError

    try:
        from regenerate.data import DataMismatchError, DataNotFoundError
        from regenerate.recipes import UnknownRecipeError
        from regenerate.runs.parts import PartError
        from regenerate.sweeps.executor import WorkerDiedError
        from regenerate.sweeps.sweep import SweepError
        from regenerate.training.dispatch import DeviceError
    except ModuleNotFoundError as error:
        raise DataFailure(
            f"training needs {error.name}, which is not installed; "
            "mend: pip install 'act-bench[regenerate]'"
        ) from error
    unfit = (DataError, DataMismatchError, DataNotFoundError, CacheLimitError)
    try:
        yield
    except (ParseError, NotInSpaceError) as error:
        raise ExpressionFailure(str(error)) from error
    except (UnknownRecipeError, DeviceError) as error:
        raise click.UsageError(str(error)) from error
    except (*unfit, PartError, SweepError, WorkerDiedError) as error:
        raise DataFailure(str(error)) from error
