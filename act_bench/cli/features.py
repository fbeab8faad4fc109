"""``act-bench features``: outputs and Fisher spectrum of any expressions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from act_bench.cli._command import Command
from act_bench.cli._options import OutputFile, json_option, table_type, training_options

if TYPE_CHECKING:
    from act_bench.functions.expression import Expression
    from act_bench.functions.named import NamedFunction
    from regenerate.fisher.features import FisherFeature
    from regenerate.fisher.networks import Setting


@click.command(cls=Command)
@click.argument("expressions", metavar="[EXPRESSION]...", nargs=-1)
@click.option(
    "--table", type=table_type, default="mlp", show_default=True, help="Table whose network to use."
)
@click.option(
    "--expressions",
    "expressions_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also the functions in this file, one per line; # begins a comment.",
)
@click.option(
    "--out",
    type=OutputFile(),
    help="Write to this Parquet file; an existing one is continued.",
)
@training_options
@json_option
def command(
    expressions: tuple[str, ...],
    table: str,
    expressions_file: Path | None,
    out: Path | None,
    device: str,
    data_dir: Path | None,
    *,
    as_json: bool,
) -> None:
    r"""Compute the features of each EXPRESSION: its outputs and its Fisher spectrum.

    \b
      act-bench features "max(relu(x),elu(x))"
      act-bench features "mul(x,sigmoid(x))" --table cnn --data-dir cifar10
      act-bench features "tanh(x)" --json | jq .fim_quantiles
      act-bench features --expressions mine.txt --table cnn --out mine.parquet

    Any expression will do, in the space or not, or a function by its name. Outputs are at the 80
    points of the space. The spectrum is that of the table's network before training: for each layer
    the quantile function of the log eigenvalues of its block of the Fisher information, 128 values.
    A file for many functions is written as they are done; run the same command again to go on after
    a stop.
    """
    if not expressions and expressions_file is None:
        raise click.UsageError("expected an EXPRESSION or --expressions FILE, got neither")
    from act_bench.cli._expression_file import read_expressions
    from act_bench.cli._progress import working
    from act_bench.functions.catalogue import read
    from act_bench.tables.registry import table_info

    with working("load"):
        from regenerate.fisher.networks import setting
        from regenerate.recipes import find
        from regenerate.training.dispatch import choose_device

    # All are parsed before anything is computed.
    functions = [read(text) for text in expressions]
    if expressions_file is not None:
        functions += read_expressions(expressions_file)
    if not functions:
        raise click.UsageError(f"expected an expression in {expressions_file}, got none")
    recipe = find(table, table_info(table).fidelities[-1])
    with working(f"{table}, its network and data"):
        found = setting(table, device=choose_device(recipe.network, device), data_dir=data_dir)
    if out is None:
        _print(functions, found, as_json=as_json)
    else:
        _save(functions, found, out, as_json=as_json)


def _save(
    functions: Sequence[Expression | NamedFunction], found: Setting, out: Path, *, as_json: bool
) -> None:
    import pyarrow.parquet as pq

    from act_bench.cli._progress import bar, working
    from regenerate.fisher.feature_file import extend

    distinct = len({str(function) for function in functions})
    started = time.perf_counter()
    computing = extend(out, functions, found)
    with working(str(out)):
        left = distinct - next(computing)
    with bar("functions", left) as progress:
        for done in computing:
            progress(done - distinct + left)
    document = {
        "file": str(out),
        "functions": distinct,
        "computed": left,
        "rows": pq.read_metadata(out).num_rows,
        "seconds": time.perf_counter() - started,
    }
    if as_json:
        click.echo(json.dumps(document))
    else:
        click.echo(
            "{file}: {rows} functions, {computed} of them now; {seconds:.2f} s.".format_map(
                document
            )
        )


def _print(
    functions: Iterable[Expression | NamedFunction], found: Setting, *, as_json: bool
) -> None:
    from act_bench.cli._progress import working
    from act_bench.spaces.paper import load_space
    from regenerate.fisher.features import fisher_feature

    for function in functions:
        started = time.perf_counter()
        with working(f"spectrum of {function}"):
            outputs = function.to_numpy()(load_space().points).tolist()
            feature = fisher_feature(function, found)
        seconds = time.perf_counter() - started
        if as_json:
            click.echo(_document(function, found, outputs, feature, seconds))
            continue
        _show(function, found, feature)
        click.echo(f"Convention {found.convention.sha}; {seconds:.2f} s.")


def _document(
    function: Expression | NamedFunction,
    found: Setting,
    outputs: list[float],
    feature: FisherFeature,
    seconds: float,
) -> str:
    document = {
        "expression": str(function),
        "table": found.convention.table,
        "convention": json.loads(found.convention.canonical_json()),
        "convention_sha": found.convention.sha,
        # JSON has no infinities and no NaN: these are null.
        "outputs": [value if abs(value) < float("inf") else None for value in outputs],
        "fim_valid": feature.valid,
        "fim_reason": feature.reason or None,
        "layers": [layer._asdict() for layer in feature.layers],
        "fim_quantiles": None if feature.quantiles is None else feature.quantiles.tolist(),
        "seconds": seconds,
    }
    return json.dumps(document, allow_nan=False)


def _show(function: Expression | NamedFunction, found: Setting, feature: FisherFeature) -> None:
    table = found.convention.table
    if feature.quantiles is None:
        click.echo(f"{function}: no valid Fisher spectrum in {table}: {feature.reason}")
        return
    from act_bench.cli._console import console, listing

    click.echo(f"Log eigenvalues of {function} in {table}, before training")
    shown = listing("layer", right=("weights", "at the floor", "lowest", "median", "highest"))
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
    console().print(shown)
