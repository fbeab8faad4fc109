"""``act-bench features``: outputs and Fisher spectrum of any expression."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from act_bench.cli.lookup import json_option, table_type
from act_bench.cli.training import explained_errors, training_options


@click.command()
@click.argument("expression")
@click.option("--table", type=table_type, default="mlp", show_default=True)
@training_options
@json_option
def command(
    expression: str, table: str, device: str, data_dir: Path | None, *, as_json: bool
) -> None:
    r"""Compute the features of EXPRESSION: its outputs and its Fisher spectrum.

    \b
      act-bench features "max(relu(x),elu(x))"
      act-bench features "mul(x,sigmoid(x))" --table cnn --data-dir cifar10
      act-bench features "tanh(x)" --json | jq .fim_quantiles

    Any expression will do, in the space or not. Outputs are at the 80 points of the space. The
    spectrum is that of the table's network before training: for each layer the quantile function of
    the log eigenvalues of its block of the Fisher information, 128 values.
    """
    with explained_errors():
        from act_bench.expression import parse
        from act_bench.space import load_space
        from builders.fisher.features import fisher_feature
        from builders.fisher.networks import setting
        from regenerate.training import choose_device

        function = parse(expression)
        found = setting(table, device=choose_device(table, device), data_dir=data_dir)
        started = time.perf_counter()
        outputs = function.to_numpy()(load_space().points)
        feature = fisher_feature(function, found)
        seconds = time.perf_counter() - started
    if as_json:
        document = {
            "expression": str(function),
            "table": table,
            "convention": json.loads(found.convention.canonical_json()),
            "convention_sha": found.convention.sha,
            # JSON has no infinities and no NaN: these are null.
            "outputs": [value if abs(value) < float("inf") else None for value in outputs.tolist()],
            "fim_valid": feature.valid,
            "fim_reason": feature.reason or None,
            "layers": [layer._asdict() for layer in feature.layers],
            "fim_quantiles": None if feature.quantiles is None else feature.quantiles.tolist(),
            "seconds": seconds,
        }
        click.echo(json.dumps(document, allow_nan=False))
        return
    if feature.quantiles is None:
        click.echo(f"{function}: no valid Fisher spectrum in {table}: {feature.reason}")
    else:
        from rich.console import Console
        from rich.table import Table

        shown = Table(title=f"Log eigenvalues of {function} in {table}, before training")
        shown.add_column("layer")
        for heading in ("weights", "at the floor", "lowest", "median", "highest"):
            shown.add_column(heading, justify="right")
        floor = found.convention.floor
        for layer, quantiles in zip(feature.layers, feature.quantiles, strict=True):
            shown.add_row(
                layer.name,
                f"{layer.weights:,}",
                f"{(quantiles <= floor).mean():.1%}",
                f"{quantiles[0]:.2f}",
                f"{quantiles[len(quantiles) // 2]:.2f}",
                f"{quantiles[-1]:.2f}",
            )
        Console().print(shown)
    click.echo(f"Convention {found.convention.sha}; {seconds:.2f} s.")
