"""``act-bench evaluate-surrogates``: how well models rank functions, by each feature."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from act_bench.cli.lookup import data_options, explained_errors, json_option, table_type
from act_bench.cli.training import DataFailure

if TYPE_CHECKING:
    import polars as pl


@click.command()
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
@click.option("--splits", type=click.IntRange(2), default=20, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the splits.")
@data_options
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the results; default: output/surrogates-TABLE-FIDELITY[-upstream].",
)
@json_option
def command(
    table: str,
    features: str | None,
    regressors: str | None,
    sizes: str,
    splits: int,
    seed: int,
    fidelity: str | None,
    edition: str,
    run_seed: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    r"""Judge models of the functions of TABLE: learn from some, predict the others.

    \b
      act-bench evaluate-surrogates mlp
      act-bench evaluate-surrogates mlp --features outputs,umap-union --regressors gp --splits 50
      act-bench evaluate-surrogates mlp --sizes 10,100 --json

    Features are outputs, Fisher spectra (fim) or the union of both. Says whether the union is
    better than either, and writes evaluation.parquet (one row a fit), summary.parquet (means with
    95 % intervals over the splits), gains.parquet (the union against each feature alone, split by
    split) and surrogates.png.
    """
    try:
        import_module("surrogates.regressors")  # needs scikit-learn
    except ModuleNotFoundError as error:
        raise DataFailure(f"{error}; mend: pip install 'act-bench[surrogates]'") from error
    from act_bench.search.benchmark_data import load_data
    from surrogates import evaluation

    with explained_errors():
        data = load_data(table, fidelity, edition, run_seed)
    makers = evaluation.REGRESSORS
    if regressors is not None:
        wanted, makers = _listed(regressors), makers | evaluation.FAILURE_AWARE
        unknown = [name for name in wanted if name not in makers]
        if unknown or not wanted:
            raise click.BadParameter(
                f"expected some of {', '.join(makers)}, got {', '.join(unknown) or 'none'}",
                param_hint="--regressors",
            )
        makers = {name: makers[name] for name in wanted}
    chosen = _listed(features) if features else evaluation.available_features(data)
    output = output or Path("output") / f"surrogates-{data.name}"

    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress, explained_errors():
        counts = _sizes(sizes)
        task = progress.add_task("fits", total=len(chosen) * len(makers) * len(counts) * splits)
        try:
            rows = evaluation.evaluate(
                data,
                chosen,
                makers,
                sizes=counts,
                splits=splits,
                seed=seed,
                progress=lambda done: progress.update(task, completed=done),
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    summary, gains = evaluation.summarise(rows), evaluation.union_gains(rows)
    said = evaluation.verdict(gains)
    output.mkdir(parents=True, exist_ok=True)
    files = write(output, rows)
    if as_json:
        document = {
            "table": table,
            "edition": edition,
            "fidelity": data.fidelity,
            "seed": seed,
            "splits": splits,
            "summary": summary.to_dicts(),
            "gains": gains.to_dicts(),
            "verdict": said,
            "files": files,
        }
        click.echo(json.dumps(document))
        return
    _show(summary, data.title)
    click.echo("\n".join([*said, *files]))


def write(output: Path, rows: pl.DataFrame) -> list[str]:
    """Write the results to a folder; without matplotlib, all but the figure."""
    from act_bench.figures import Request, draw
    from act_bench.figures.style import save
    from surrogates import evaluation

    files = [str(path) for path in evaluation.save(output, rows)]
    try:
        figure = draw("surrogates", Request(results=output))
    except ModuleNotFoundError as error:
        click.echo(f"no figure: {error}; mend: pip install 'act-bench[plots]'", err=True)
        return files
    save(figure, output / "surrogates.png")
    return [*files, str(output / "surrogates.png")]


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
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    ranks = summary.filter(pl.col("metric") == "spearman")
    sizes = ranks["size"].unique().sort().to_list()
    shown = Table(
        title=f"{where}: Spearman correlation with the scores of functions not learned from",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    shown.add_column("regressor")
    shown.add_column("features", no_wrap=True)
    for size in sizes:
        shown.add_column(f"from {size}", justify="right", no_wrap=True)
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
    Console().print(shown)
