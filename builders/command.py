"""What the commands that make embedded files share: options, refusals and what they print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from act_bench.errors import ActBenchError
from act_bench.files.manifest import DATA_FOLDER, FileRecord
from act_bench.tables.registry import table_info

Function = TypeVar("Function", bound=Callable[..., Any])


def runs_option(of: str, *, several: bool = False, required: bool = True) -> Callable[..., Any]:
    """Return the option ``--runs``: where the parts of a sweep lie, or of several.

    Parameters
    ----------
    of
        Of which sweep, for the help.
    """
    return click.option(
        "--runs",
        "sources" if several else "source",
        multiple=several,
        required=required,
        type=click.Path(exists=True, path_type=Path),
        help=f"Folder with the Parquet parts of {of}, or one Parquet file.",
    )


data_folder_option = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=DATA_FOLDER,
    help="Where the file is or goes; act_bench/data if not given.",
)
"""The option ``--folder`` of what is made once, for all tables."""

table_folder_option = click.option(
    "--folder",
    type=click.Path(exists=True, path_type=Path),
    help="Where the files go.  [default: the folder of the table, or act_bench/data]",
)
"""The option ``--folder`` of what is made for a table; see :func:`folder_of`."""


def build_options(function: Function) -> Function:
    """Add ``--data-dir`` and ``--folder``."""
    function = table_folder_option(function)
    return click.option(
        "--data-dir",
        type=click.Path(exists=True, path_type=Path),
        help="Folder with the images, for data sets that do not come with a library.",
    )(function)


def folder_of(table: str, folder: Path | None) -> Path:
    """Return where the files of a table go, made if need be."""
    chosen = folder or table_info(table).folder or DATA_FOLDER
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


@contextmanager
def refusing() -> Iterator[None]:
    """Let a command end with the sentence of what was refused."""
    try:
        yield
    except (ActBenchError, ValueError, KeyError) as error:
        raise click.ClickException(str(error)) from error


def show(records: Mapping[str, FileRecord], files: Iterable[str]) -> None:
    """Print what the manifest says of some files."""
    for name in files:
        record = records[name]
        click.echo(f"{record.name}: {record.rows} rows, {record.bytes} bytes, {record.counts}")
