"""``act-bench cite``: how to cite this version."""

from __future__ import annotations

import json

import click

from act_bench.cli._command import Command
from act_bench.cli._options import json_option
from act_bench.publishing.citation import FORMS, cite


@click.command(cls=Command)
@click.option(
    "--form",
    type=click.Choice(list(FORMS)),
    default="bibtex",
    show_default=True,
    help="Format of the citation.",
)
@json_option
def command(form: str, as_json: bool) -> None:
    r"""Print the citation of this version, and of the paper whose space it is.

    \b
      act-bench cite >> references.bib
      act-bench cite --form apa
      act-bench cite --form cff > CITATION.cff

    Name the table, fidelity, rate and edition too: act-bench tables lists them.
    """
    text = cite(form)
    click.echo(json.dumps({"form": form, "citation": text}) if as_json else text)
