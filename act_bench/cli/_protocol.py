"""``act-bench simulate TABLE --protocol N``: the searches of the protocol, and their traces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, cast

import click

from act_bench.cli._options import refuse_given
from act_bench.search.benchmark_data import BenchmarkData

SET: Final = ("trials", "evaluations", "seed", "workers", "run_seed")
"""Options that the protocol sets."""
UNUSED: Final = ("jobs", "memory", "traces", "figures")
"""Options that it has no use for."""


def run(
    version: int, data: BenchmarkData, chosen: str | None, folder: Path | None, as_json: bool
) -> None:
    """Run the protocol for each optimizer that applies, and write one file for each.

    Parameters
    ----------
    version
        Of the protocol.
    data
        What is searched.
    chosen
        Names of optimizers, with commas; all of them by default, and for ``all``.
    folder
        Of the files; by default below ``output``.
    as_json
        Whether to print a document in place of words.

    Raises
    ------
    click.UsageError
        There is no such version, or an option is given that the protocol sets.
    """
    from act_bench.cli._progress import bar
    from act_bench.files.folders import making
    from act_bench.search.trace_table import write_traces
    from surrogates import reporting
    from surrogates.optimizers import NAMES, find_optimizers

    protocol = reporting.PROTOCOLS.get(version)
    if protocol is None:
        known = ", ".join(map(str, reporting.PROTOCOLS))
        raise click.BadParameter(f"expected {known}, got {version}", param_hint="--protocol")
    refuse_given(*SET, because="--protocol sets this itself")
    refuse_given(*UNUSED, because="--protocol writes traces, in one process, and nothing else")
    names = NAMES
    if chosen not in (None, "all"):
        names = tuple(find_optimizers(chosen))
    output = folder or Path("output") / f"protocol-{protocol.version}" / data.name
    click.echo(f"protocol {protocol.version}: {data.title}, {data.values}", err=True)
    rows: list[dict[str, object]] = []
    files: list[str] = []
    with making(output):
        for name in names:
            if why := reporting.applies(data, name):
                click.echo(f"{name}: not run: {why}", err=True)
                continue
            path = output / f"{name.replace(':', '-')}.parquet"
            with bar(name, protocol.trials) as report:
                simulation, traces = reporting.run(
                    data, name, protocol, lambda _, done: report(done)
                )
                write_traces(path, traces)
            files.append(str(path))
            rows += simulation.summary()
            regret = cast("list[float]", rows[-1][f"regret_at_{protocol.evaluations}"])
            if not as_json:
                low, middle, high = regret
                click.echo(f"{name}: regret {middle:.4f} ({low:.4f}-{high:.4f}), {path}")
    if as_json:
        about = {"protocol": protocol.version, "table": data.table, "fidelity": data.fidelity}
        about |= {"rate": data.rate, "data_sha256": data.sha256}
        click.echo(json.dumps(about | {"optimizers": rows, "files": files}))
