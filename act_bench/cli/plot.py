"""``act-bench plot``: figures of the tables, the maps and the searches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import click

from act_bench.cli._command import Command
from act_bench.cli._options import collected, json_option, table_type
from act_bench.figures import FIGURES
from act_bench.tables.registry import EDITIONS


@dataclass(frozen=True)
class Options:
    """What the command is told."""

    figure: str | None
    expression: str | None
    tables: tuple[str, ...]
    fidelity: str | None
    edition: str
    results: Path | None
    data_dir: Path | None
    model: str | None
    data: str | None
    output: Path | None
    as_json: bool


def _listing() -> str:
    return "\n".join(f"  {name:<13} {known.about}" for name, known in FIGURES.items())


@click.command(cls=Command)
@click.argument("figure", type=click.Choice(list(FIGURES)), required=False)
@click.argument("expression", required=False)
@click.option(
    "--table",
    "tables",
    type=table_type,
    multiple=True,
    help="May be given several times; default: all that have what the figure needs.",
)
@click.option("--fidelity", help="Recipe of the tables; default: the default of each.")
@click.option(
    "--edition",
    type=click.Choice(EDITIONS),
    default="regenerated",
    show_default=True,
    help="Whose measurements.",
)
@click.option(
    "--results",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that `act-bench simulate` or `evaluate-surrogates` wrote.",
)
@click.option(
    "--data-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the images; default: from a library, or the Hub.",
)
@click.option(
    "--model",
    help="For the figure inputs: your own network, my_module:make_model, instead of a table.",
)
@click.option("--data", help="Its data: my_module:load_data.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File, .png, .svg or .pdf; default: output/FIGURE.png.",
)
@json_option
@collected(Options)
def command(options: Options) -> None:
    r"""Draw FIGURE to a file; without FIGURE, list what there is.

    \b
      act-bench plot accuracies
      act-bench plot scatter --table mlp --table cnn --output agreement.svg
      act-bench plot maps --table mlp
      act-bench plot regret-time --results output/simulate-mlp-full
      act-bench plot inputs "relu(x)" --table mlp
    """
    figure = options.figure
    if figure is None:
        listed = {name: known.about for name, known in FIGURES.items()}
        click.echo(json.dumps(listed) if options.as_json else _listing())
        return
    from act_bench.cli._progress import working
    from act_bench.figures import Request, draw
    from act_bench.figures.style import FORMATS, save

    output = options.output or Path("output") / f"{figure}.png"
    if output.suffix.removeprefix(".") not in FORMATS:
        raise click.BadParameter(
            f"expected the suffix {', '.join(FORMATS)}, got {output.name!r}", param_hint="--output"
        )
    request = Request(
        options.tables,
        options.edition,
        options.fidelity,
        options.results,
        options.data_dir,
        options.expression,
        options.model,
        options.data,
    )
    with working(f"plot {figure}"):
        drawn = draw(figure, request)
        output.parent.mkdir(parents=True, exist_ok=True)
        save(drawn, output)
    made = {"figure": figure, "file": str(output)}
    click.echo(json.dumps(made) if options.as_json else str(output))
