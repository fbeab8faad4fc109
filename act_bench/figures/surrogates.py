"""The figure of how well models rank functions, drawn from what ``evaluate-surrogates`` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from act_bench.figures import Request
from act_bench.figures.results import SUMMARY_FILE, read_frame, results_folder
from act_bench.figures.style import GRID, HANDLE, MARKERS, OKABE_ITO, bare, panels

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

SHOWN: Final = {
    "spearman": "Spearman correlation",
    "rmse": "root mean square error",
}
_COLORS: Final = {"outputs": 0, "fim": 1, "union": 2}
_DASHES: Final = {"": "-", "standard": (0, (6, 1.5)), "pca": "-.", "umap": (0, (2, 1.2))}


def surrogates(request: Request) -> Figure:
    """Draw the accuracy of models against how many functions they learned from."""
    command = "evaluate-surrogates TABLE"
    folder = results_folder(request, SUMMARY_FILE, command)
    return surrogates_figure(read_frame(folder, SUMMARY_FILE, command))


def surrogates_figure(summary: pl.DataFrame) -> Figure:
    """Draw metrics against the number of functions learned from, one column a regressor.

    Parameters
    ----------
    summary : polars.DataFrame
        Of one table, as from ``surrogates.evaluation.summarize``.

    Notes
    -----
    The color and the marker say what is known of a function, the dashes how it is turned; bands are
    95 % intervals over splits.
    """
    import polars as pl

    regressors = summary["regressor"].unique(maintain_order=True).to_list()
    figure, rows = panels(len(SHOWN), len(regressors), width=3.1, height=2.7)
    figure.set_dpi(100)
    for row, (metric, label) in zip(rows, SHOWN.items(), strict=True):
        for axes, regressor in zip(row, regressors, strict=True):
            chosen = summary.filter(
                (pl.col("metric") == metric) & (pl.col("regressor") == regressor)
            )
            for (features,), group in chosen.group_by("features", maintain_order=True):
                view, _, kind = str(features).rpartition("-")
                color, marker = OKABE_ITO[_COLORS[kind]], MARKERS[_COLORS[kind]]
                x, middle = group["size"].to_numpy(), group["mean"].to_numpy()
                axes.fill_between(
                    x, group["low"], group["high"], color=color, alpha=0.12, linewidth=0
                )
                axes.plot(
                    x,
                    middle,
                    color=color,
                    linestyle=_DASHES[view],
                    linewidth=1.4,
                    marker=marker,
                    markersize=4,
                    markerfacecolor=color if view == "" else "white",
                    label=features,
                )
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.grid(axis="y", color=GRID, linewidth=0.6)
            bare(axes)
            if row is rows[0]:
                axes.set_title(regressor, loc="left", fontsize=10)
            else:
                axes.set_xlabel("functions learned from")
        row[0].set_ylabel(label)
        limits = [axes.get_ylim() for axes in row]
        for axes in row:  # one scale per row, so that regressors can be compared
            axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    handles = rows[0][-1].get_legend_handles_labels()
    figure.legend(
        *handles,
        loc="outside lower center",
        ncols=6,
        frameon=False,
        fontsize=8,
        handlelength=HANDLE,
    )
    table = summary["table"][0]
    figure.suptitle(
        f"{table}: predictions of functions not learned from", fontsize=11, x=0.02, ha="left"
    )
    return figure
