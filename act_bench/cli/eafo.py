"""``act-bench eafo``: the entropy correction of a function, trained against the function."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from act_bench.cli._command import Command
from act_bench.cli._options import (
    FiniteNumber,
    collected,
    json_option,
    refuse_given,
    table_type,
    training_options,
)

if TYPE_CHECKING:
    from act_bench.functions.corrected import Corrected
    from act_bench.functions.entropy import Density
    from act_bench.functions.expression import Expression
    from act_bench.functions.named import NamedFunction

_SHOWN = 13


class Trained(TypedDict):
    """What training one of the two functions gave."""

    function: str
    metric: str
    values: list[float | None]
    """The metric of the table in validation, seed by seed; null where a run diverged."""
    mean: float | None
    seconds: float


@dataclass(frozen=True)
class Options:
    """What the command is told."""

    expression: str
    density: str
    eps: float
    out: Path | None
    train: bool
    table: str
    seeds: int
    device: str
    data_dir: Path | None
    as_json: bool


@click.command(cls=Command)
@click.argument("expression")
@click.option(
    "--density",
    type=click.Choice(["gaussian", "measured"]),
    default="gaussian",
    show_default=True,
    help="Density of the pre-activations: Gaussian, or measured in the mlp before training.",
)
@click.option(
    "--eps", type=FiniteNumber(), default=0.01, show_default=True, help="Factor of the correction."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write x, f, the term and the corrected function to this CSV file.",
)
@click.option("--train", is_flag=True, help="Train the function and its correction, eps learned.")
@click.option(
    "--table", type=table_type, default="mlp", show_default=True, help="Table whose network to use."
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Train with seeds 0 to N - 1.",
)
@training_options
@json_option
@collected(Options)
def command(options: Options) -> None:
    r"""Give EXPRESSION its entropy correction (Sun et al. 2024), and train both.

    \b
      act-bench eafo "relu(x)"                     CRReLU, as an expression
      act-bench eafo "swish(x)" --out swish.csv    the corrected function as a table
      act-bench eafo "relu(x)" --train             on the mlp, eps learned

    The corrected function is f + eps c; c is the term of Eq. 7, scaled so that ReLU and the
    Gaussian give CRReLU. A positive eps, with which the paper starts, raises the entropy, a
    negative one lowers it.
    """
    if not options.train:
        of_training = ("seeds", "device", "data_dir")
        refuse_given(
            *(of_training if options.density == "measured" else ("table", *of_training)),
            because="nothing is trained without --train",
        )
    from act_bench.cli._progress import working
    from act_bench.functions.catalogue import read

    function, eps = read(options.expression), options.eps
    with working(f"entropy of {function}"):
        from act_bench.functions.corrected import correct
        from act_bench.functions.entropy import entropy

        law = _density(options.density, options.table, function)
        corrected = correct(function, law, options.density)
        nats, flat = entropy(function, law)
    written = corrected.expression(eps)
    document: dict[str, object] = {
        "expression": str(function),
        "density": options.density,
        "entropy_nats": nats if nats == nats else None,
        "flat": flat,
        "eps": eps,
        "corrected_expression": None if written is None else str(written),
        "trained": _train_both(corrected, options) if options.train else [],
    }
    if options.out is not None:
        _write(corrected, eps, options.out)
    if options.as_json:
        click.echo(json.dumps(document))
    else:
        _show(corrected, document, eps)


def _density(name: str, table: str, function: Expression | NamedFunction) -> Density:
    from act_bench.functions.entropy import Gaussian, Measured

    if name == "gaussian":
        return Gaussian()
    from act_bench.tables.registry import TABLES
    from regenerate.inputs.preactivations import preactivations
    from regenerate.recipes import find

    return Measured(preactivations(find(table, TABLES[table].default_fidelity), function))


def _train_both(corrected: Corrected, options: Options) -> list[Trained]:
    from act_bench.cli._progress import bar
    from act_bench.tables.registry import TABLES
    from regenerate.recipes import find
    from regenerate.training.dispatch import train

    info = TABLES[options.table]
    recipe = find(options.table, info.default_fidelity)
    trained: list[Trained] = []
    for function in (corrected.function, corrected):
        with bar(f"train {function}") as progress:
            runs = train(
                recipe,
                function,
                range(options.seeds),
                device=options.device,
                data_dir=options.data_dir,
                progress=progress,
            )
        found = [getattr(run, info.metric) for run in runs]
        known = [value for value in found if value is not None]
        trained.append(
            {
                "function": str(function),
                "metric": info.metric,
                "values": found,
                "mean": sum(known) / len(known) if len(known) == len(found) else None,
                "seconds": sum(run.runtime_s for run in runs),
            }
        )
    return trained


def _write(corrected: Corrected, eps: float, path: Path) -> None:
    from act_bench.files.atomic import replacing

    value = corrected.function.to_numpy()(corrected.x)
    rows = zip(corrected.x, value, corrected.term, value + eps * corrected.term, strict=True)
    with replacing(path) as draft:
        lines = ["x,function,term,corrected", *(",".join(map(repr, map(float, r))) for r in rows)]
        draft.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _show(corrected: Corrected, document: dict[str, object], eps: float) -> None:
    import numpy as np

    from act_bench.cli._console import console, listing

    nats, flat = document["entropy_nats"], document["flat"]
    words = "none: it is flat throughout" if nats is None else f"{nats:.4f} nats"
    click.echo(
        f"entropy of {document['expression']} ({document['density']}): {words}; flat {flat:.0%}"
    )
    if document["corrected_expression"]:
        click.echo(f"corrected: {document['corrected_expression']}")
    click.echo(f"f + {eps:g} c:")
    shown = listing(right=("x", "f", "c", "corrected"))
    x = np.linspace(-3, 3, _SHOWN)
    value, term = corrected.function.to_numpy()(x), np.interp(x, corrected.x, corrected.term)
    for row in zip(x, value, term, value + eps * term, strict=True):
        shown.add_row(*(f"{number:.4f}" for number in row))
    console().print(shown)
    trained: list[Trained] = document["trained"]  # type: ignore[assignment]
    if not trained:
        return
    metric = trained[0]["metric"].replace("_", " ")
    table = listing("function", metric, right=("mean", "seconds\nper run"))
    for each in trained:
        values = each["values"]
        table.add_row(
            each["function"],
            " ".join("diverged" if value is None else f"{value:.4f}" for value in values),
            "" if each["mean"] is None else f"{each['mean']:.4f}",
            f"{each['seconds'] / len(values):.2f}",
        )
    console().print(table)
