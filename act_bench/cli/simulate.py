"""``act-bench simulate``: simulated searches over a table, as a table, Parquet and a figure."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import click

from act_bench.cli._command import Command
from act_bench.cli._options import collected, data_options, json_option, table_type
from act_bench.errors import ArgumentError, MissingExtraError

if TYPE_CHECKING:
    from act_bench.search.benchmark_data import BenchmarkData
    from surrogates.protocol import Factory
    from surrogates.simulation import Simulation

from act_bench.tables.rates import View

DRAWN: Final = ("regret", "regret-time", "finals", "significance")
"""Names of the figures, as in ``act_bench.figures.FIGURES``."""


@dataclass(frozen=True)
class Options:
    """What the command is told."""

    table: str
    trials: int
    evaluations: int
    names: str | None
    seed: int
    workers: int
    fidelity: str | None
    edition: str
    run_seed: int | None
    rate: View | None
    output: Path | None
    traces: Path | None
    figures: str
    protocol: int | None
    as_json: bool


@click.command(cls=Command)
@click.argument("table", type=table_type)
@click.option("--trials", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--evaluations", type=click.IntRange(1), default=100, show_default=True, help="Of each trial."
)
@click.option(
    "--optimizers",
    "names",
    help="Comma-separated, with settings after colons: knn,gp-ei:features=union:starts=20. "
    "Default: random,local,knn,evolution. The others: docs/reference/search.md.",
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
    help="Folder of the results; default: output/simulate-TABLE-FIDELITY[-upstream].",
)
@click.option(
    "--traces",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the trace of every trial to this folder.",
)
@click.option(
    "--figures",
    default="regret",
    show_default=True,
    help=f"Comma-separated: {', '.join(DRAWN)}; or all, or none.",
)
@click.option(
    "--protocol",
    type=click.IntRange(1),
    help="Run this version of the protocol (1): it sets trials, evaluations, seed and workers, and "
    "runs every optimizer that can search TABLE, or those of --optimizers.",
)
@json_option
@collected(Options)
def command(options: Options) -> None:
    r"""Run simulated searches over TABLE, which was trained once, and plot them.

    \b
      act-bench simulate mlp
      act-bench simulate mlp --trials 100 --evaluations 100
      act-bench simulate mlp --optimizers random,knn --seed 1 --output my-results
      act-bench simulate mlp --optimizers random,knn,knn:neighbours=5,aquasurf --figures all
      act-bench simulate mlp --workers 4
      act-bench simulate mlp --trials 5 --traces traces && act-bench verify traces/knn-0.jsonl
      act-bench simulate mlp --protocol 1 --optimizers knn

    Regret is the best score of the table less the best so far. A score is validation accuracy,
    with what diverged at chance level, or minus the loss for a table that is searched by it. The
    top is the best hundredth of the entries. Writes steps.parquet (one row an
    evaluation), finals.parquet (one row per trial, with its revealed test accuracy),
    significance.parquet (one row per pair of optimizers), simulation.json and the figures. With
    --protocol it writes the traces of each optimizer, NAME.parquet, and nothing else.
    """
    from act_bench.files.folders import making
    from act_bench.search.loading import load_data
    from surrogates.optimizers import find_optimizers

    if options.protocol is not None:
        from act_bench.cli._protocol import run

        data = load_data(options.table, options.fidelity, options.edition, rate=options.rate)
        run(options.protocol, data, options.names, options.output, options.as_json)
        return
    chosen, drawn = find_optimizers(options.names), _figures(options.figures)
    if len(chosen) < 2 and "significance" in drawn:
        if options.figures != "all":
            raise click.BadParameter(
                "significance needs two optimizers or more", param_hint="--figures"
            )
        drawn = tuple(name for name in drawn if name != "significance")
    data = load_data(
        options.table, options.fidelity, options.edition, options.run_seed, options.rate
    )
    if options.evaluations > len(data.covered):
        raise click.BadParameter(
            f"{options.table} covers {len(data.covered)} entries, got {options.evaluations}",
            param_hint="--evaluations",
        )
    _check_settings(chosen, data)
    output = options.output or Path("output") / f"simulate-{data.name}"
    with ExitStack() as stack:
        for folder in filter(None, (output, options.traces)):
            stack.enter_context(making(folder))
        simulation = _simulate(data, chosen, options)
        document = _document(simulation, data, options)
        files = _write(simulation, document, output, drawn)
    if options.as_json:
        rows = {"optimizers": simulation.summary(), "files": files}
        click.echo(json.dumps(document | rows))
    else:
        _show(simulation, data)
        click.echo("\n".join(files))


def _simulate(data: BenchmarkData, chosen: dict[str, Factory], options: Options) -> Simulation:
    """Run the searches, with a bar on stderr for each optimizer."""
    from rich.console import Console
    from rich.progress import Progress

    from surrogates.simulation import simulate

    with Progress(console=Console(stderr=True), transient=True) as progress:
        tasks = {name: progress.add_task(name, total=options.trials) for name in chosen}
        return simulate(
            data,
            chosen,
            trials=options.trials,
            evaluations=options.evaluations,
            seed=options.seed,
            workers=options.workers,
            progress=lambda name, done: progress.update(tasks[name], completed=done),
            traces=options.traces,
        )


def _check_settings(chosen: dict[str, Factory], data: BenchmarkData) -> None:
    """Make each optimizer once: what its settings or the table do not allow, it says then."""
    from surrogates.protocol import SearchSpace

    space = SearchSpace.of(data)
    for name, factory in chosen.items():
        try:
            factory(space, 0)
        except ArgumentError as error:
            raise click.BadParameter(f"{name}: {error}", param_hint="--optimizers") from error


def _figures(names: str) -> tuple[str, ...]:
    if names in ("all", "none"):
        return DRAWN if names == "all" else ()
    wanted = tuple(name.strip() for name in names.split(",") if name.strip())
    unknown = [name for name in wanted if name not in DRAWN]
    if unknown or not wanted:
        raise click.BadParameter(
            f"no figure {', '.join(unknown) or 'is named'}; choose from {', '.join(DRAWN)}, all, "
            "none",
            param_hint="--figures",
        )
    return wanted


def _write(
    simulation: Simulation, document: dict[str, object], output: Path, drawn: tuple[str, ...]
) -> list[str]:
    """Write the results; without matplotlib, all but the figures."""
    from act_bench.figures import Request, draw
    from act_bench.figures.results import SEARCH_FILE, SIGNIFICANCE_FILE, STEPS_FILE
    from act_bench.figures.style import save
    from act_bench.files import sealed
    from act_bench.files.atomic import replacing

    files = []
    frames = {
        STEPS_FILE: simulation.steps,
        "finals.parquet": simulation.finals,
        SIGNIFICANCE_FILE: simulation.significance(),
    }
    for name, frame in frames.items():
        sealed.write(output / name, frame.to_arrow())
        files.append(str(output / name))
    with replacing(output / SEARCH_FILE) as draft:
        draft.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    files.append(str(output / SEARCH_FILE))
    for name in drawn:
        try:
            figure = draw(name, Request(results=output))
        except MissingExtraError as error:
            click.echo(str(error), err=True)
            break
        save(figure, output / f"{name}.png")
        files.append(str(output / f"{name}.png"))
    return files


def _document(simulation: Simulation, data: BenchmarkData, options: Options) -> dict[str, object]:
    return {
        "table": data.table,
        "edition": data.edition,
        "fidelity": data.fidelity,
        "run_seed": data.seed,
        "rate": data.rate,
        "data_sha256": data.sha256,
        "seed": options.seed,
        "workers": options.workers,
        "random_exact": {
            "expected_regret": simulation.exact.expected_regret.tolist(),
            "regret_quartiles": simulation.exact.regret_quartiles().tolist(),
            "evaluations_to_top": simulation.exact_evaluations_to_top(),
        },
        "metric": simulation.metric,
        "clock_is_lower_bound": simulation.clock_is_lower_bound,
        "top_score": simulation.top_score,
        "top_entries": simulation.top_entries,
    }


def _show(simulation: Simulation, data: BenchmarkData) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    rows = simulation.summary()
    by_loss = simulation.metric == "validation_loss"
    test_metric = "test_loss" if by_loss else "test_accuracy"
    at_top = -simulation.top_score if by_loss else simulation.top_score
    marks = [key for key in rows[0] if key.startswith("regret_at_")]
    shown = Table(
        title=f"{data.title}: median regret and its quartiles",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    shown.add_column("optimizer", no_wrap=True)
    for mark in marks:
        shown.add_column(f"after {mark.removeprefix('regret_at_')}", justify="right", no_wrap=True)
    for heading in ("top 1 %", "clock", "test", "seconds"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        quartiles = [cast("list[float]", row[mark]) for mark in marks]
        to_top, test = row["evaluations_to_top"], row[test_metric]
        clock = row["trainings_to_top"]
        shown.add_row(
            str(row["optimizer"]).replace(":", "\n  "),  # a setting a line
            *(f"{middle:.4f}\n{low:.3f}-{high:.3f}" for low, middle, high in quartiles),
            "never" if to_top is None else f"{to_top}",
            "never" if clock is None else f"{clock:.0f}",
            "" if test is None else f"{test:.4f}",
            f"{row['seconds']:.2f}",
        )
    after = [int(mark.removeprefix("regret_at_")) - 1 for mark in marks]
    exact = simulation.exact.regret_quartiles()[:, after].T.tolist()
    shown.add_row(
        "exact random",
        *(f"{middle:.4f}\n{low:.3f}-{high:.3f}" for low, middle, high in exact),
        *[f"{simulation.exact_evaluations_to_top()}"] * 2,
        "",
        "",
        style="dim",
    )
    Console().print(shown)
    click.echo(
        f"top 1 %: median number of evaluations until one of the {simulation.top_entries} best "
        f"entries,\n  of {simulation.metric.replace('_', ' ')} {at_top:.4f} or "
        f"{'less' if by_loss else 'more'}; never: fewer than half got there.\n"
        "clock: the same in mean trainings of the table, with what features cost; an evaluation "
        "of random search\n  costs 1.\n"
        f"test: median {test_metric.replace('_', ' ')} of the incumbents, revealed at the end."
    )
    if simulation.clock_is_lower_bound:
        click.echo("clock: a lower bound, for the table does not say what some trainings took.")
