"""Figures. They need matplotlib (``pip install 'act-bench[plots]'``), imported when one is drawn.

Colours are those of Okabe and Ito (*Color Universal Design*, 2008), which colour-blind readers can
tell apart; lines differ in their dashes too, so that a grey print can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from act_bench.atomic import replacing

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

OKABE_ITO: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
_DASHES: Final = ("-", (0, (6, 1.5)), (0, (1.5, 1.2)), "-.", (0, (8, 2, 1, 2, 1, 2)))
_GREY: Final = "#333333"


def regret_figure(
    steps: pl.DataFrame, exact: Sequence[float] | NDArray[np.float64], title: str
) -> Figure:
    """Draw regret against evaluations: median and interquartile range, one line an optimiser.

    Parameters
    ----------
    steps : polars.DataFrame
        With the columns ``optimiser``, ``trial``, ``evaluation``, ``regret``, as in
        ``surrogates.simulation.Simulation.steps``.
    exact : array of shape (evaluations,)
        Expected regret of random search, drawn as a thin dashed line.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Not shown and not tied to a window; pass it to :func:`save`.

    Notes
    -----
    The axis of regret is logarithmic. Regret is 0 once the best entry is found, which has no place
    there: it is drawn at the foot of the axis, on a line labelled 0, half the smallest positive
    regret that any quartile has.
    """
    import polars as pl
    from matplotlib.figure import Figure

    quartiles = (
        steps.group_by("optimiser", "evaluation", maintain_order=True)
        .agg(
            low=pl.col("regret").quantile(0.25, "linear"),
            middle=pl.col("regret").median(),
            high=pl.col("regret").quantile(0.75, "linear"),
        )
        .sort("evaluation", maintain_order=True)
    )
    drawn = quartiles.select("low", "middle", "high").to_numpy()
    positive = drawn[drawn > 0]
    foot = positive.min() / 2 if positive.size else 1e-3
    reaches_zero = bool((drawn <= 0).any())

    figure = Figure(figsize=(7.2, 4.5), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    names = steps["optimiser"].unique(maintain_order=True).to_list()
    for i, name in enumerate(names):
        rows = quartiles.filter(pl.col("optimiser") == name)
        colour = OKABE_ITO[i % len(OKABE_ITO)]
        evaluation = rows["evaluation"].to_numpy()
        low, middle, high = (rows[c].to_numpy().clip(foot) for c in ("low", "middle", "high"))
        # Steps, because the best so far holds until the next evaluation.
        axes.fill_between(evaluation, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
        for edge in (low, high):
            axes.step(evaluation, edge, where="post", color=colour, linewidth=0.6, alpha=0.6)
        axes.step(
            evaluation,
            middle,
            where="post",
            color=colour,
            linestyle=_DASHES[i % len(_DASHES)],
            linewidth=2.0,
            label=name,
        )
    axes.plot(
        np.arange(1, len(exact) + 1),
        exact,
        color=_GREY,
        linewidth=0.9,
        linestyle=(0, (4, 3)),
        label="random, exact mean",
    )
    top = max(float(drawn.max(initial=foot)), float(np.max(exact)))
    bottom = (foot if reaches_zero else foot * 2) / 1.15
    ticks = [m * 10.0**k for k in range(-6, 1) for m in (1, 2, 5)]
    ticks = [tick for tick in ticks if bottom * 1.6 < tick <= top * 1.15]
    labels = [f"{tick:g}" for tick in ticks]
    if reaches_zero:
        ticks, labels = [foot, *ticks], ["0", *labels]
    axes.set_yscale("log")
    axes.set_ylim(bottom, max(top * 1.15, bottom * 2))
    axes.set_yticks(ticks, labels)
    axes.minorticks_off()
    axes.set_xlim(1, max(len(exact), 2))
    axes.set_xlabel("evaluations")
    axes.set_ylabel("regret in validation accuracy")
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(axis="y", which="major", color="#e4e4e4", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        frameon=False, fontsize=9, title="median, shaded between the quartiles", title_fontsize=9
    )
    return figure


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a PNG file, which appears whole or not at all."""
    with replacing(path) as draft:
        # The version of matplotlib is left out, so that the same figure is the same file.
        figure.savefig(draft, format="png", metadata={"Software": None})
