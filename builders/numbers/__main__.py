"""The command: record what reports print, list what is unexplained, or allow it."""

from __future__ import annotations

from pathlib import Path

import click

from builders.numbers.check import allow, explain, pages, places, unexplained
from builders.numbers.reports import REPORTS, printed, record


@click.command()
@click.argument("reports", nargs=-1)
@click.option("--check", is_flag=True, help="List what is unexplained, and run nothing.")
@click.option(
    "--add",
    nargs=2,
    metavar="FILE NAME",
    help="Record the output of another command, from a file, as docs/numbers/NAME.csv.",
)
@click.option(
    "--allow",
    "to_allow",
    nargs=3,
    metavar="PAGE HEADING REASON",
    help="Allow what is unexplained under a heading of a page.",
)
def main(
    reports: tuple[str, ...],
    check: bool,
    add: tuple[str, str] | None,
    to_allow: tuple[str, str, str] | None,
) -> None:
    """Run REPORTS (all if none is named) and record the numbers that they print."""
    if to_allow:
        click.echo(f"{allow(*to_allow)} numbers allowed")
    elif add:
        record(add[1], Path(add[0]).read_text("utf-8"))
    elif check:
        left = unexplained(place for page in pages() for place in places(page))
        if left:
            raise click.ClickException(explain(left))
        click.echo("every number is explained")
    else:
        if unknown := set(reports) - REPORTS.keys():
            raise click.UsageError(f"expected some of {', '.join(REPORTS)}; got {unknown}")
        for name in reports or REPORTS:
            record(name, printed(name))
            click.echo(name, err=True)


if __name__ == "__main__":
    main()
