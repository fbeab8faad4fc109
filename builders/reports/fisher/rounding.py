"""How far the rounding of float32 passes moves the Fisher spectrum of a function.

    python -m builders.reports.fisher.rounding resnet "elu(x)" "max(tanh(x),bessel_i0e(x))"

Takes the spectrum with passes in float32, as the tables have it, and in float64, on this machine.
Prints a row a function: the largest change of a class probability, how many of the drawn labels
change, and W1 per layer of the float32 spectrum to the float64 one and to the embedded one. The
table in docs/explanation/fisher.md has these rows.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from act_bench.tables.spectra import load_spectra
from builders.reports.fisher.study import kept
from regenerate.fisher import fisher_spectrum
from regenerate.fisher.capture import score_gradients
from regenerate.fisher.networks import Setting, setting
from regenerate.fisher.spectrum import label_draws


def taken(found: Setting, function: str, dtype: torch.dtype) -> tuple[np.ndarray, Tensor, Tensor]:
    """Return a function's quantiles, class probabilities and drawn labels, by passes in a dtype."""
    network = found.network(parse(function)).to(dtype)
    scores: list[Tensor] = []

    network.register_forward_hook(lambda _, __, given: scores.append(given.detach()))
    convention = found.convention
    quantiles = kept(fisher_spectrum(network, found.images.to(dtype), convention, found.labels))
    draws = label_draws(scores[0], convention)
    # Of p - onehot(label) one number is below 0: that at the label.
    (gradient,) = score_gradients(scores[0], convention.labels, draws=draws)
    return quantiles, scores[0].double().softmax(1), gradient.argmin(1)


def row(found: Setting, function: str) -> str:
    """Return the row of one function."""
    short, probabilities, labels = taken(found, function, torch.float32)
    long, exact, same = taken(found, function, torch.float64)
    table, entry = found.convention.table, load_space().resolve(function).entry
    embedded = load_spectra(table).quantiles[entry]
    return (
        f"| `{table}` | `{function}` | {(probabilities - exact).abs().max():.1g} | "
        f"{int((labels != same).sum())} | {np.abs(short - long).mean():.3f} | "
        f"{np.abs(short - embedded).mean():.3f} |"
    )


@click.command()
@click.argument("table", type=click.Choice(["cnn", "resnet", "vit"]))
@click.argument("functions", nargs=-1, required=True)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the images.")
def main(table: str, functions: tuple[str, ...], data_dir: Path | None) -> None:
    """Print a row for each of FUNCTIONS in the network of TABLE."""
    found = setting(table, data_dir=data_dir)
    for function in functions:
        click.echo(row(found, function))


if __name__ == "__main__":
    main()
