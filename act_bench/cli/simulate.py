"""``act-bench simulate``: simulated searches over a table, as a table, Parquet and a figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from act_bench.cli.lookup import data_options, explained_errors, json_option, table_type

if TYPE_CHECKING:
    from act_bench.benchmark_data import BenchmarkData
    from surrogates.protocol import Factory
    from surrogates.simulation import Simulation


@click.command()
@click.argument("table", type=table_type)
@click.option("--trials", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--evaluations", type=click.IntRange(1), default=100, show_default=True, help="Of each trial."
)
@click.option(
    "--optimisers",
    "--optimizers",
    "names",
    help="Comma-separated; default: random,local,knn,evolution. The others: docs/search.md.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all randomness."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Trainings that run at a time in each search.",
)
@data_options
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the results; default: output/simulate-TABLE-FIDELITY.",
)
@click.option(
    "--traces",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the trace of every trial to this folder.",
)
@json_option
def command(
    table: str,
    trials: int,
    evaluations: int,
    names: str | None,
    seed: int,
    workers: int,
    fidelity: str | None,
    edition: str,
    run_seed: int | None,
    output: Path | None,
    traces: Path | None,
    as_json: bool,
) -> None:
    r"""Run simulated searches over TABLE, which was trained once, and plot them.

    \b
      act-bench simulate mlp
      act-bench simulate mlp --trials 100 --evaluations 100
      act-bench simulate mlp --optimisers random,knn --seed 1 --output my-results
      act-bench simulate mlp --workers 4
      act-bench simulate mlp --trials 5 --traces traces && act-bench verify traces/knn-0.jsonl

    Regret is the best validation accuracy of the table less the best so far; what diverged counts
    as chance level. The top is the best hundredth of the entries. Writes steps.parquet (one row an
    evaluation), finals.parquet (one row a trial, with its revealed test accuracy) and regret.png.
    """
    from act_bench.benchmark_data import load_data
    from surrogates.simulation import simulate

    chosen = _factories(names)
    with explained_errors():
        data = load_data(table, fidelity, edition, run_seed)
    if evaluations > len(data.covered):
        raise click.BadParameter(
            f"{table} covers {len(data.covered)} entries, got {evaluations}",
            param_hint="--evaluations",
        )
    output = output or Path("output") / f"simulate-{table}-{data.fidelity}"
    for folder in filter(None, (output, traces)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.UsageError(f"cannot make the folder {folder}: {error.strerror}") from error

    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        tasks = {name: progress.add_task(name, total=trials) for name in chosen}
        simulation = simulate(
            data,
            chosen,
            trials=trials,
            evaluations=evaluations,
            seed=seed,
            workers=workers,
            progress=lambda name, done: progress.update(tasks[name], completed=done),
            traces=traces,
        )
    files = _write(simulation, data, output)
    if as_json:
        click.echo(json.dumps(_document(simulation, data, seed, workers, files)))
    else:
        _show(simulation, data)
        click.echo("\n".join(files))


def _factories(names: str | None) -> dict[str, Factory]:
    from surrogates.optimizers import NAMES, OPTIMIZERS, MissingExtraError, find_optimizer

    if names is None:
        return OPTIMIZERS
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in NAMES]
    if unknown or not wanted:
        raise click.BadParameter(
            f"no optimiser {', '.join(unknown) or 'is named'}; choose from {', '.join(NAMES)}",
            param_hint="--optimisers",
        )
    try:
        return {name: find_optimizer(name) for name in wanted}
    except MissingExtraError as error:
        raise click.UsageError(str(error)) from error


def _write(simulation: Simulation, data: BenchmarkData, output: Path) -> list[str]:
    """Write the results; without matplotlib, all but the figure."""
    from act_bench import plots
    from act_bench.atomic import replacing

    files = []
    for name, frame in (("steps", simulation.steps), ("finals", simulation.finals)):
        with replacing(output / f"{name}.parquet") as draft:
            frame.write_parquet(draft)
        files.append(str(output / f"{name}.parquet"))
    trials = simulation.finals["trial"].n_unique()
    title = f"{data.table}, fidelity {data.fidelity}: {trials} simulated searches each"
    try:
        figure = plots.regret_figure(simulation.steps, simulation.exact.expected_regret, title)
    except ModuleNotFoundError as error:
        click.echo(f"no figure: {error}; mend: pip install 'act-bench[plots]'", err=True)
        return files
    plots.save(figure, output / "regret.png")
    return [*files, str(output / "regret.png")]


def _document(
    simulation: Simulation, data: BenchmarkData, seed: int, workers: int, files: list[str]
) -> dict[str, object]:
    return {
        "table": data.table,
        "edition": data.edition,
        "fidelity": data.fidelity,
        "run_seed": data.seed,
        "data_sha256": data.sha256,
        "seed": seed,
        "workers": workers,
        "optimisers": simulation.summary(),
        "random_exact": {
            "expected_regret": simulation.exact.expected_regret.tolist(),
            "evaluations_to_top": simulation.exact_evaluations_to_top(),
        },
        "top_score": simulation.top_score,
        "top_entries": simulation.top_entries,
        "files": files,
    }


def _show(simulation: Simulation, data: BenchmarkData) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    rows = simulation.summary()
    marks = [key for key in rows[0] if key.startswith("regret_at_")]
    shown = Table(
        title=f"{data.table}, fidelity {data.fidelity}: median regret and its quartiles",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    shown.add_column("optimiser", no_wrap=True)
    for mark in marks:
        shown.add_column(f"after {mark.removeprefix('regret_at_')}", justify="right", no_wrap=True)
    for heading in ("top 1 %", "test", "seconds"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        quartiles = [cast("list[float]", row[mark]) for mark in marks]
        to_top, test = row["evaluations_to_top"], row["test_accuracy"]
        shown.add_row(
            str(row["optimiser"]),
            *(f"{middle:.4f}\n{low:.3f}-{high:.3f}" for low, middle, high in quartiles),
            "never" if to_top is None else f"{to_top}",
            "" if test is None else f"{test:.4f}",
            f"{row['seconds']:.2f}",
        )
    expected = simulation.exact.expected_regret
    shown.add_row(
        "exact random",
        *(f"{expected[int(mark.removeprefix('regret_at_')) - 1]:.4f}" for mark in marks),
        f"{simulation.exact_evaluations_to_top()}",
        "",
        "",
        style="dim",
    )
    Console().print(shown)
    click.echo(
        f"top 1 %: median number of evaluations until one of the {simulation.top_entries} best "
        f"entries,\n  of validation accuracy {simulation.top_score:.4f} or more; never: fewer than "
        "half got there.\ntest: median test accuracy of the incumbents, revealed at the end."
    )
