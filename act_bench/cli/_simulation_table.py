"""Simulated searches in a terminal: what ``act-bench simulate`` prints of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import click

if TYPE_CHECKING:
    from act_bench.search.benchmark_data import BenchmarkData
    from surrogates.simulation import Simulation

_NAME: Final = 13
"""Letters of a name beside which a row of `simulate` fits 80 columns."""


def show(simulation: Simulation, data: BenchmarkData) -> None:
    """Print a row for each optimizer, that of random search by its law, and what the heads mean."""
    from act_bench.cli._console import console, listing

    rows = simulation.summary()
    by_loss = simulation.metric == "validation_loss"
    test_metric = "test_loss" if by_loss else "test_accuracy"
    at_top = -simulation.top_score if by_loss else simulation.top_score
    marks = [key for key in rows[0] if key.startswith("regret_at_")]
    click.echo(f"{data.title}: median regret and its quartiles")
    shown = listing(
        "optimizer",
        right=(
            *(f"after {mark.removeprefix('regret_at_')}" for mark in marks),
            *("top 1 %", "clock", "test", "s"),
        ),
    )
    for row in rows:
        quartiles = [cast("list[float]", row[mark]) for mark in marks]
        to_top, test = row["evaluations_to_top"], row[test_metric]
        clock = row["trainings_to_top"]
        shown.add_row(
            _in_lines(str(row["optimizer"])),
            *(f"{middle:.4f}\n{low:.3f}-{high:.3f}" for low, middle, high in quartiles),
            "never" if to_top is None else f"{to_top}",
            "never" if clock is None else f"{clock:.0f}",
            "" if test is None else f"{test:.4f}",
            _by_process(simulation, str(row["optimizer"])),
        )
    after = [int(mark.removeprefix("regret_at_")) - 1 for mark in marks]
    exact = simulation.exact.regret_quartiles()[:, after].T.tolist()
    shown.add_row(
        "random, exact",
        *(f"{middle:.4f}\n{low:.3f}-{high:.3f}" for low, middle, high in exact),
        *[f"{simulation.exact_evaluations_to_top()}"] * 2,
        "",
        "",
        style="dim",
    )
    console().print(shown)
    click.echo(
        f"top 1 %: median number of evaluations until one of the {simulation.top_entries} best "
        f"entries, of\n  {simulation.metric.replace('_', ' ')} {at_top:.4f} or "
        f"{'less' if by_loss else 'more'}; never: fewer than half got there.\n"
        "clock: the same in mean trainings of the table, with what features cost; an\n"
        "  evaluation of random search costs 1. s: processor seconds, of each process.\n"
        "random, exact: median and quartiles of its law, not of simulated searches.\n"
        f"test: median {test_metric.replace('_', ' ')} of the incumbents, revealed at the end."
    )
    if simulation.clock_is_lower_bound:
        click.echo("clock: a lower bound, for the table does not say what some trainings took.")


def _in_lines(name: str) -> str:
    """Return an optimizer's name with a line per setting, and per value where it is long."""
    lines = name.split(":")
    return "\n  ".join(
        each.replace("=", "=\n    ") if len(each) > _NAME else each for each in lines
    )


def _by_process(simulation: Simulation, name: str) -> str:
    """Return the processor seconds of an optimizer, and below them those of each process."""
    rows = simulation.processes.filter(optimizer=name)["seconds"].to_list()
    each = "" if len(rows) == 1 else "\n" + " + ".join(f"{seconds:.1f}" for seconds in rows)
    return f"{simulation.seconds[name]:.2f}{each}"
