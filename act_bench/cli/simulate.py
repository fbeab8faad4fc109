"""``act-bench simulate``: simulated searches over a table, as a table, Parquet and a figure."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from act_bench.cli._command import Command
from act_bench.cli._options import collected, data_options, json_option, table_type
from act_bench.cli._simulation_table import show
from act_bench.errors import ArgumentError, MissingExtraError

if TYPE_CHECKING:
    from act_bench.search.benchmark_data import BenchmarkData
    from surrogates.protocol import Factory
    from surrogates.simulation import Simulation

from act_bench.tables.rates import View

DRAWN: Final = ("regret", "regret-time", "finals", "significance")
"""Names of the figures, as in ``act_bench.figures.FIGURES``."""
SHORT: Final = 10_000
"""Evaluations by a default optimizer that take less than processes to start; a tenth by others."""


@dataclass(frozen=True)
class Options:
    """What the command is told."""

    table: str
    trials: int
    evaluations: int
    names: str | None
    seed: int
    workers: int
    jobs: int | None
    memory: float | None
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
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Searches per optimizer.",
)
@click.option(
    "--evaluations",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Evaluations per trial.",
)
@click.option(
    "--optimizers",
    "names",
    help="Comma-separated, with settings after colons: knn,gp-ei:features=union:starts=20. "
    "all: every one that can search TABLE. Default: random,local,knn,evolution. The others: "
    "docs/reference/search.md.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all randomness."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Trainings that run at a time in each search.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Processes of this machine; default: as many as it has cores, where searches take long.",
)
@click.option(
    "--memory",
    type=click.FloatRange(0, min_open=True),
    help="Most GiB that the results may take; default: half of the machine's.",
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
      act-bench simulate cnn --optimizers gp-ei,forest-ei,tpe --jobs 2
      act-bench simulate cnn --optimizers all --jobs 2
      act-bench simulate mlp --trials 5 --traces traces && act-bench verify traces/knn-0.jsonl
      act-bench simulate mlp --protocol 1 --optimizers knn

    Regret is the best score of the table less the best so far. A score is validation accuracy,
    with what diverged at chance level, or minus the loss for a table that is searched by it. The
    top is the best hundredth of the entries. Writes steps.parquet (one row an
    evaluation), finals.parquet (one row per trial, with its revealed test accuracy),
    significance.parquet (one row per pair of optimizers), simulation.json and the figures. With
    --protocol it writes the traces of each optimizer, NAME.parquet, and nothing else.
    """
    from act_bench.cli._progress import working
    from act_bench.files.folders import making
    from act_bench.search.loading import load_data

    with working("load"):
        from surrogates.optimizers import find_optimizers

    if options.protocol is not None:
        from act_bench.cli._protocol import run

        data = load_data(options.table, options.fidelity, options.edition, rate=options.rate)
        run(options.protocol, data, options.names, options.output, options.as_json)
        return
    every = options.names == "all"
    chosen = {} if every else find_optimizers(options.names)
    drawn = _figures(options.figures)
    if not every and len(chosen) < 2 and "significance" in drawn:
        if options.figures != "all":
            raise click.BadParameter(
                "significance needs two optimizers or more", param_hint="--figures"
            )
        drawn = tuple(name for name in drawn if name != "significance")
    with working(options.table):
        data = load_data(
            options.table, options.fidelity, options.edition, options.run_seed, options.rate
        )
    if every:
        chosen = _applying(data)
    if options.evaluations > len(data.covered):
        raise click.BadParameter(
            f"{options.table} covers {len(data.covered)} entries, got {options.evaluations}",
            param_hint="--evaluations",
        )
    with working("optimizers"):
        _check_settings(chosen, data)
    jobs, limit = _jobs(options), _checked_memory(options, len(chosen))
    output = options.output or Path("output") / f"simulate-{data.name}"
    with ExitStack() as stack:
        for folder in filter(None, (output, options.traces)):
            stack.enter_context(making(folder))
        simulation = _simulate(data, chosen, options, jobs, limit)
        document = _document(simulation, data, options)
        with working("tests and figures"):
            files = _write(simulation, document, output, drawn)
    if options.as_json:
        processes = simulation.processes.to_dicts()
        rows = {"optimizers": simulation.summary(), "processes": processes, "files": files}
        click.echo(json.dumps(document | rows))
    else:
        show(simulation, data)
        click.echo("\n".join(files))


def _applying(data: BenchmarkData) -> dict[str, Factory]:
    """Return the optimizers that can search the data; say of the others why they cannot."""
    from surrogates.optimizers import NAMES, find_optimizers
    from surrogates.reporting import applies

    reasons = {name: applies(data, name) for name in NAMES}
    for name, reason in reasons.items():
        if reason:
            click.echo(f"{name}: not run: {reason}", err=True)
    return find_optimizers([name for name, reason in reasons.items() if not reason])


def _jobs(options: Options) -> int:
    """Return how many processes, none more than trials; starting them takes seconds."""
    from regenerate.sweeps.processes import available_cores

    short = SHORT if options.names is None else SHORT // 10
    few = options.trials * options.evaluations <= short
    return options.jobs or (1 if few else min(available_cores(), options.trials))


def _checked_memory(options: Options, optimizers: int) -> int | None:
    """Return the limit in bytes, if one is given; what needs more is refused here."""
    from surrogates.searches.trials import check_memory

    limit = None if options.memory is None else int(options.memory * 2**30)
    try:
        check_memory(optimizers, options.trials, options.evaluations, limit)
    except ArgumentError as error:
        raise click.BadParameter(str(error), param_hint="--memory") from error
    return limit


def _simulate(
    data: BenchmarkData,
    chosen: dict[str, Factory],
    options: Options,
    jobs: int,
    limit: int | None,
) -> Simulation:
    """Run the searches, with a bar on stderr for each optimizer."""
    from act_bench.cli._progress import bars
    from surrogates.searches.trials import check_memory
    from surrogates.simulation import simulate

    needed = check_memory(len(chosen), options.trials, options.evaluations, limit)
    click.echo(
        f"{len(chosen)} optimizers x {options.trials:,} trials x {options.evaluations:,} "
        f"evaluations in {jobs} process{'es' * (jobs > 1)}; the results take up to "
        f"{1 + needed // 2**20:,} MiB of memory",
        err=True,
    )

    def forecast(seconds: float) -> None:
        click.echo(f"about {_duration(seconds)} left, by the first trials", err=True)

    with bars() as progress:
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
            jobs=jobs,
            memory=limit,
            forecast=forecast,
        )


def _duration(seconds: float) -> str:
    """Return seconds as people say them.

    Examples
    --------
    >>> _duration(3.4), _duration(200), _duration(9000)
    ('3 s', '3 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _check_settings(chosen: dict[str, Factory], data: BenchmarkData) -> None:
    """Make each optimizer once: what its settings or the table do not allow, it says then."""
    from surrogates.search_space import SearchSpace

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
