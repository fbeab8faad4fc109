"""``act-bench explore``: the map of a table as one HTML page."""

from __future__ import annotations

import json
from pathlib import Path

import click

from act_bench.cli._command import Command
from act_bench.cli._options import OutputFile, json_option


@click.command(cls=Command)
@click.argument("file", type=OutputFile(), default=Path("act-bench.html"))
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
@json_option
def command(file: Path, show: bool, as_json: bool) -> None:
    r"""Write a page to explore the tables with to FILE (act-bench.html if not given).

    \b
      act-bench explore --open
      act-bench explore map.html

    One file that works offline: the map of all functions, colored by any metric; pointing shows a
    function's curve and metrics, clicking pins and compares. It shows test metrics too, so a search
    must not look here.
    """
    from act_bench.cli._progress import working
    from act_bench.explore import collect, render
    from act_bench.files.atomic import replacing

    with working("the page"), replacing(file) as temporary:
        temporary.write_text(render(collect()), encoding="utf-8")
    size = file.stat().st_size
    if as_json:
        click.echo(json.dumps({"file": str(file), "bytes": size}))
    else:
        click.echo(f"{file}: {size / 1e6:.1f} MB", err=True)
    if show:
        click.launch(file.resolve().as_uri())
