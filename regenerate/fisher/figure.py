"""``python -m regenerate.fisher.figure OUT``: spectra of a function and its negative (Figure 5)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import numpy as np
from matplotlib.figure import Figure

from act_bench.figures.style import HANDLE, MARKERS, OKABE_ITO, bare
from act_bench.functions.expression import parse
from act_bench.tables.registry import TABLES
from regenerate.fisher.networks import setting
from regenerate.fisher.spectrum import fisher_spectrum

FUNCTIONS: Final = ("elu(x)", "tanh(x)", "abs(x)")
RANGE: Final = (-25.0, 5.0)


def spectra_figure(tables: tuple[str, ...], data_dir: Path | None = None) -> Figure:
    """Draw the distribution of all log eigenvalues of +-ELU, +-tanh and +-abs in each network.

    After Figure 5 of Bingham and Miikkulainen (NeurIPS 2023, arXiv 2301.05785). Zero eigenvalues,
    at the floor, are left out of the axis and counted in the curves: each begins at their share.
    """
    figure = Figure(figsize=(4.2 * len(tables), 3.4), layout="constrained")
    axes = figure.subplots(1, len(tables), squeeze=False)[0]
    for axis, table in zip(axes, tables, strict=True):
        found = setting(table, data_dir=data_dir)
        for function, color, marker in zip(FUNCTIONS, OKABE_ITO, MARKERS, strict=False):
            for name, style in ((function, "-"), (f"negative({function})", (0, (2, 1.5)))):
                network = found.network(parse(name))
                layers = fisher_spectrum(network, found.images, found.convention, found.labels)
                values = np.sort(np.concatenate([layer.log_eigenvalues for layer in layers]))
                shown = np.linspace(*RANGE, 500)
                share = np.searchsorted(values, shown, side="right") / len(values)
                label = f"-{function}" if name != function else function
                axis.plot(
                    shown,
                    share,
                    color=color,
                    linestyle=style,
                    linewidth=1.4,
                    marker=marker,
                    markersize=4.5,
                    markerfacecolor=color if name == function else "white",
                    markevery=(25 if name == function else 35, 50),
                    label=label,
                )
        axis.set(
            title=table,
            xlabel="log eigenvalue",
            ylabel="share at or below",
            xlim=RANGE,
            ylim=(0, 1),
        )
        bare(axis)
    axes[-1].legend(frameon=False, fontsize=8, loc="lower right", handlelength=HANDLE)
    return figure


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--table", "tables", multiple=True, type=click.Choice(list(TABLES)))
@click.option("--data-dir", type=click.Path(exists=True, path_type=Path))
def main(out: Path, tables: tuple[str, ...], data_dir: Path | None) -> None:
    """Draw the spectra of +-ELU, +-tanh and +-abs to the file OUT."""
    spectra_figure(tables or ("mlp",), data_dir).savefig(out, dpi=150)


if __name__ == "__main__":
    main()
