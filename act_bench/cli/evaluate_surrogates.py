"""``act-bench evaluate-surrogates``: how well models rank functions, by each feature."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import click

from act_bench.cli._command import Command
from act_bench.cli._options import collected, data_options, json_option, table_type
from act_bench.errors import MissingExtraError

if TYPE_CHECKING:
    import polars as pl

    from surrogates.evaluation import Maker

from act_bench.tables.rates import View


@dataclass(frozen=True)
class Options:
    """What the command is told."""

    table: str
    features: str | None
    regressors: str | None
    sizes: str
    splits: int
    seed: int
    fidelity: str | None
    edition: str
    run_seed: int | None
    rate: View | None
    output: Path | None
    as_json: bool


@click.command(cls=Command)
@click.argument("table", type=table_type)
@click.option(
    "--features",
    help="Comma-separated: outputs, fim, union, each as it is or with standard-, pca- or umap- "
    "before it. Default: the plain ones and those of UMAP.",
)
@click.option(
    "--regressors",
    help="Comma-separated; default: knn,knn-distance,forest,gp. With -failures after a name a "
    "classifier learns who diverges.",
)
@click.option(
    "--sizes",
    default="10,30,100,300,1000",
    show_default=True,
    help="Comma-separated: functions to learn from.",
)
@click.option(
    "--splits",
    type=click.IntRange(2),
    default=20,
    show_default=True,
    help="Number of random splits.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the splits."
)
@data_options
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the results; default: output/surrogates-TABLE-FIDELITY[-upstream].",
)
@json_option
@collected(Options)
def command(options: Options) -> None:
    r"""Judge models of the functions of TABLE: learn from some, predict the others.

    \b
      act-bench evaluate-surrogates mlp
      act-bench evaluate-surrogates mlp --features outputs,umap-union --regressors gp --splits 50
      act-bench evaluate-surrogates mlp --sizes 10,100 --json

    Features are outputs, Fisher spectra (fim) or the union of both. Says whether the union is
    better than either, and writes evaluation.parquet (one row per fit), summary.parquet (means with
    95 % intervals over the splits), gains.parquet (the union against each feature alone, split by
    split) and surrogates.png.
    """
    from act_bench.cli._progress import bar, working
    from act_bench.files.folders import making
    from act_bench.search.loading import load_data

    with working("load"):
        from surrogates import evaluation

        makers = _makers(options.regressors)
        data = load_data(
            options.table, options.fidelity, options.edition, options.run_seed, options.rate
        )
        found = evaluation.available_features(data)
    chosen = _listed(options.features) if options.features else found
    output = options.output or Path("output") / f"surrogates-{data.name}"
    counts = _sizes(options.sizes)
    fits = len(chosen) * len(makers) * len(counts) * options.splits
    with bar("fits", fits) as progress:
        rows = evaluation.evaluate(
            data,
            chosen,
            makers,
            sizes=counts,
            splits=options.splits,
            seed=options.seed,
            progress=progress,
        )
    with working("intervals and figure"), making(output):
        summary, gains = evaluation.summarize(rows), evaluation.union_gains(rows)
        said = evaluation.verdict(gains)
        files = write(output, rows)
    if options.as_json:
        document = {
            "table": options.table,
            "edition": options.edition,
            "fidelity": data.fidelity,
            "seed": options.seed,
            "splits": options.splits,
            "summary": summary.to_dicts(),
            "gains": gains.to_dicts(),
            "verdict": said,
            "files": files,
        }
        click.echo(json.dumps(document))
        return
    _show(summary, data.title)
    click.echo("\n".join([*(fill(each, 80) for each in said), *files]))


def write(output: Path, rows: pl.DataFrame) -> list[str]:
    """Write the results to a folder; without matplotlib, all but the figure."""
    from act_bench.figures import Request, draw
    from act_bench.figures.style import save
    from surrogates import evaluation

    files = [str(path) for path in evaluation.save(output, rows)]
    try:
        figure = draw("surrogates", Request(results=output))
    except MissingExtraError as error:
        click.echo(str(error), err=True)
        return files
    save(figure, output / "surrogates.png")
    return [*files, str(output / "surrogates.png")]


def _makers(text: str | None) -> dict[str, Maker]:
    """Return the regressors that are named, or those that are there if none is."""
    from surrogates.evaluation import FAILURE_AWARE, REGRESSORS

    import_module("surrogates.regressors")  # needs scikit-learn, which is better known at once
    if text is None:
        return REGRESSORS
    known, wanted = REGRESSORS | FAILURE_AWARE, _listed(text)
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise click.BadParameter(
            f"expected some of {', '.join(known)}, got {', '.join(unknown) or 'none'}",
            param_hint="--regressors",
        )
    return {name: known[name] for name in wanted}


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _sizes(text: str) -> tuple[int, ...]:
    try:
        counts = tuple(int(part) for part in _listed(text))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1:
        raise click.BadParameter(
            f"expected whole numbers from 1 on, separated by commas, got {text!r}",
            param_hint="--sizes",
        )
    return counts


def _show(summary: pl.DataFrame, where: str) -> None:
    """Print the Spearman correlations: features and regressors down, sizes across."""
    import polars as pl

    from act_bench.cli._console import console, listing

    ranks = summary.filter(pl.col("metric") == "spearman")
    sizes = ranks["size"].unique().sort().to_list()
    click.echo(f"{where}: Spearman correlation over functions not learned from")
    shown = listing("regressor", "features", right=tuple(f"from {size}" for size in sizes))
    for (regressor, features), group in ranks.group_by(
        "regressor", "features", maintain_order=True
    ):
        found = {row["size"]: row for row in group.iter_rows(named=True)}
        cells = (
            f"{found[size]['mean']:.2f}\n{found[size]['low']:.2f}-{found[size]['high']:.2f}"
            if size in found
            else ""
            for size in sizes
        )
        shown.add_row(str(regressor), str(features), *cells)
    console().print(shown)
