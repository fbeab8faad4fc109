"""``act-bench simulate TABLE --protocol N``: the searches of the protocol, and their traces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from act_bench.cli.simulate import Options

SET: Final = ("trials", "evaluations", "seed", "workers", "run_seed", "traces", "figures")
"""Options that the protocol sets, or that it has no use for."""


def run(options: Options) -> None:
    """Run the protocol for each optimizer that applies, and write one file for each.

    Raises
    ------
    click.UsageError
        There is no such version, or an option is given that the protocol sets.
    """
    from act_bench.files.folders import making
    from act_bench.search.loading import load_data
    from act_bench.search.trace_table import write_traces
    from surrogates import reporting

    protocol = reporting.PROTOCOLS.get(options.protocol or 0)
    if protocol is None:
        known = ", ".join(map(str, reporting.PROTOCOLS))
        raise click.BadParameter(
            f"expected {known}, got {options.protocol}", param_hint="--protocol"
        )
    context = click.get_current_context()
    given = [
        f"--{name.replace('_', '-')}"
        for name in SET
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"--protocol sets this itself: leave out {', '.join(given)}")
    data = load_data(options.table, options.fidelity, options.edition, rate=options.rate)
    names = options.names.split(",") if options.names else reporting.NAMES
    output = options.output or Path("output") / f"protocol-{protocol.version}" / data.name
    click.echo(f"protocol {protocol.version}: {data.title}, {data.values}", err=True)
    rows, files = [], []
    with making(output):
        for name in names:
            if why := reporting.applies(data, name):
                click.echo(f"{name}: not run: {why}", err=True)
                continue
            simulation, traces = reporting.run(data, name, protocol)
            path = output / f"{name.replace(':', '-')}.parquet"
            write_traces(path, traces)
            files.append(str(path))
            rows += simulation.summary()
            low, middle, high = rows[-1][f"regret_at_{protocol.evaluations}"]  # type: ignore[misc]
            if not options.as_json:
                click.echo(f"{name}: regret {middle:.4f} ({low:.4f}-{high:.4f}), {path}")
    if options.as_json:
        about = {"protocol": protocol.version, "table": data.table, "fidelity": data.fidelity}
        about |= {"rate": data.rate, "data_sha256": data.sha256}
        click.echo(json.dumps(about | {"optimizers": rows, "files": files}))
