"""``act-bench search --method grafs``: a search by gradient descent, shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from act_bench.cli._console import console, listing
from act_bench.cli._progress import bars
from act_bench.cli._search_options import GRAFS, SearchOptions
from act_bench.cli._sparkline import score_line
from act_bench.tables.registry import TABLES, choose_fidelity

if TYPE_CHECKING:
    from regenerate.grafs import GrafsResult

_STAGES_SHOWN = 8


def search_grafs(options: SearchOptions) -> None:
    """Search with GRAFS and print what was found."""
    table = str(options.table)
    fidelity = choose_fidelity(table, options.fidelity)
    folder = options.out or Path("searches") / f"{table}-{fidelity}-{GRAFS}-{options.seed}"
    with bars() as shown:
        from regenerate.grafs import search

        tasks = {
            "search": shown.add_task(f"{table}-{fidelity}: search", total=1.0),
            "retrain": shown.add_task("train what was found", total=1.0),
        }
        result = search(
            table,
            fidelity,
            seed=options.seed,
            out=folder,
            data_dir=options.data_dir,
            device=options.device,
            retrainings=options.seeds,
            progress=lambda what, share: shown.update(tasks[what], completed=share),
        )
    test = None if options.sealed else result.test
    if options.as_json:
        tested = {} if options.sealed else {TABLES[table].test_metric: test}
        click.echo(json.dumps({"out": str(folder), **result.to_dict(), **tested}))
    else:
        _show(result, test, folder)


def _show(result: GrafsResult, test: float | None, folder: Path) -> None:
    shown_on = console()
    stages = listing("stage", "highest alphas", right=("operators left", "loss held out"))
    every = max(1, len(result.history) // _STAGES_SHOWN)
    for stage in dict.fromkeys((*result.history[::every], result.history[-1])):
        numbers = (str(stage.left), f"{stage.held_out_loss:.3f}")
        stages.add_row(str(stage.stage), stage.best, *numbers)
    shown_on.print(stages)
    where = "outside the space" if result.entry is None else f"entry {result.entry}"
    shown_on.print(f"found in {result.search_s:.1f} s: {where}")
    click.echo(f"  {result.expression}")
    values, info, median = result.values, TABLES[result.table], result.median
    known = [value for value in values if value is not None]
    middle = "diverged" if median is None else f"median {median:.4f}"
    shown_on.print(
        f"{info.metric_in_words}, trained from scratch with {len(values)} seeds in "
        f"{result.retraining_s:.1f} s: {middle}  {score_line(known, info)}"
        + (f"  ({len(values) - len(known)} diverged)" if len(known) < len(values) else "")
    )
    if test is not None:
        shown_on.print(f"test: median {test:.4f}")
    click.echo(
        f'train it again: act-bench regenerate "{result.expression}" --table {result.table} '
        f"--fidelity {result.fidelity}; all runs: {folder}"
    )
