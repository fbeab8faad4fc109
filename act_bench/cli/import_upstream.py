"""``act-bench import-upstream``: the authors' own tables, as edition ``upstream``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from act_bench.cli._command import Command
from act_bench.cli._options import json_option
from act_bench.tables.upstream import BASE_URL, UPSTREAM, source_name, upstream_folder

if TYPE_CHECKING:
    from builders.upstream.report import Report

NOTICE = """\
The authors' files (Bingham and Miikkulainen 2023) are under an Academic Public License: for
noncommercial use, and what is made from them may be passed on under the same licence only. They
are read on this machine; nothing of them is part of act-bench, and what is imported stays in your
cache folder. The licence is where the authors publish their work:
https://github.com/cognizant-ai-labs/act-bench
"""


@click.command(cls=Command)
@click.argument("tables", nargs=-1, type=click.Choice(list(UPSTREAM)))
@click.option("--accept-licence", "accepted", is_flag=True, help="You have read and accept it.")
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, path_type=Path),
    help="The JSON file, or a folder with act-bench-TABLE.json, instead of a download.",
)
@click.option("--base-url", help="Where act-bench-TABLE.json is; default: the authors' address.")
@json_option
def command(
    tables: tuple[str, ...],
    accepted: bool,
    source: Path | None,
    base_url: str | None,
    as_json: bool,
) -> None:
    r"""Import the authors' TABLES (all three if none is named) on this machine.

    \b
      act-bench import-upstream cnn --accept-licence
      act-bench import-upstream cnn --accept-licence --from ~/Downloads/act-bench-cnn.json
      act-bench import-upstream --accept-licence --from ~/Downloads
      act-bench simulate cnn --edition upstream

    About 381 MB for all three; a download that breaks off continues at the next call. The report
    of each table is stored beside it and says what matched and what did not.
    """
    tables = tables or tuple(UPSTREAM)
    if not accepted:
        raise click.UsageError(f"the licence is not accepted.\n\n{NOTICE}\nThen: --accept-licence")
    if source is not None and base_url is not None:
        raise click.UsageError("--from and --base-url exclude each other")
    if source is not None and source.is_file() and len(tables) > 1:
        raise click.UsageError(f"{source} is one file: name its table, one of {', '.join(tables)}")
    click.echo(NOTICE, err=True)
    documents = []
    for table in tables:
        report = _import(table, source, base_url)
        documents.append(json.loads(report.to_json()))
        if not as_json:
            folder = upstream_folder(table)
            outcomes = ", ".join(f"{count:,} {name}" for name, count in report.outcomes.items())
            click.echo(f"{table}: {outcomes}; {len(report.unmatched):,} keys not resolved")
            click.echo(f"  {folder / 'report.md'}")
    if as_json:
        click.echo(json.dumps(documents))


def _import(table: str, source: Path | None, base_url: str | None) -> Report:
    """Download and convert one table, with progress on stderr."""
    from rich.progress import DownloadColumn, TimeRemainingColumn

    from act_bench.cli._progress import bars
    from builders.upstream.convert import import_file
    from builders.upstream.fetch import fetch

    with bars(DownloadColumn(), TimeRemainingColumn()) as progress:
        if source is None:
            origin = f"{(base_url or BASE_URL).rstrip('/')}/{source_name(table)}"
            path = upstream_folder(table).parent / source_name(table)
            task = progress.add_task(f"download {table}", total=None)
            fetch(
                origin,
                path,
                progress=lambda done, size: progress.update(task, completed=done, total=size),
            )
        else:
            path = source / source_name(table) if source.is_dir() else source
            origin = path.name
        reading = progress.add_task(f"import {table}", total=path.stat().st_size)
        report = import_file(
            path,
            table,
            source=origin,
            progress=lambda done: progress.update(reading, completed=done),
        )
    if source is None:
        path.unlink()  # what was imported is in the cache; a damaged download stays to be looked at
    return report
