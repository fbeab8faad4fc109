"""Figures of simulated searches, drawn from what ``act-bench simulate`` writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from act_bench.figures import FigureError, Request
from act_bench.figures.results import (
    SIGNIFICANCE_FILE,
    read_frame,
    read_results,
    results_folder,
)
from act_bench.figures.style import DASHES, GRAY, GRID, HANDLE, OKABE_ITO, bare, panels

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

_QUARTILES: Final = (0.25, 0.5, 0.75)
_TIMES: Final = 200


def regret(request: Request) -> Figure:
    """Draw regret against evaluations; see :func:`regret_figure`."""
    found = read_results(request)
    return regret_figure(found.steps, found.exact, found.title, found.metric)


def regret_figure(
    steps: pl.DataFrame,
    exact: Sequence[float] | Floats,
    title: str,
    metric: str = "validation accuracy",
) -> Figure:
    """Draw regret against evaluations: median and interquartile range, one line per optimizer.

    Parameters
    ----------
    steps : polars.DataFrame
        With the columns ``optimizer``, ``trial``, ``evaluation``, ``regret``, as in
        ``surrogates.simulation.Simulation.steps``.
    exact : array of shape (evaluations,)
        Median regret of random search by its law, drawn as a thin dashed line.
    title : str
    metric : str
        What regret is measured in, in words.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown and not tied to a window; pass it to ``style.save``.

    Notes
    -----
    The axis of regret is logarithmic. Regret is 0 once the best entry is found, which has no place
    there: it is drawn at the foot of the axis, on a line labeled 0, half the smallest positive
    regret that any quartile has.
    """
    evaluations = np.arange(1, len(exact) + 1)
    curves = {
        name: np.quantile(trials, _QUARTILES, axis=0) for name, trials in _by_trial(steps).items()
    }
    figure, [[axes]] = panels(1, 1, width=7.2, height=_height(curves))
    top = float(np.max(exact))
    foot = _regret_axis(axes, list(curves.values()), top)
    for i, (name, quartiles) in enumerate(curves.items()):
        _curve(axes, evaluations, quartiles.clip(foot), i, name)
    axes.plot(
        evaluations,
        np.clip(exact, foot, None),
        color=GRAY,
        linewidth=0.9,
        linestyle=(0, (4, 3)),
        label="random, exact median",
    )
    axes.set_xlim(1, max(len(exact), 2))
    axes.set_xlabel("evaluations")
    _finish(axes, title, metric)
    return figure


def regret_time(request: Request) -> Figure:
    """Draw regret against simulated time; see :func:`regret_time_figure`."""
    found = read_results(request)
    return regret_time_figure(found.steps, found.title, found.metric, found.clock_is_lower_bound)


def regret_time_figure(
    steps: pl.DataFrame,
    title: str,
    metric: str = "validation accuracy",
    clock_is_lower_bound: bool = False,
) -> Figure:
    """Draw regret against the time that one waits for a search, on its simulated clock.

    Median and interquartile range, from the moment at which half of the trials have a first result
    to that at which half of them have ended. Parameters as for :func:`regret_figure`; where the
    clock is a lower bound, the axis says so.

    Raises
    ------
    FigureError
        No training's time is known.
    """
    columns = {name: _by_trial(steps, name) for name in ("regret", "elapsed_s")}
    ends = [float(np.median(times[:, -1])) for times in columns["elapsed_s"].values()]
    end = max(ends)
    if min(ends) <= 0:
        raise FigureError(
            "the table does not say what its trainings took, so there is no time to draw regret "
            "against: draw the figure regret"
        )
    unit, seconds = next((name, unit_s) for name, unit_s, least_s in _UNITS if end >= least_s)
    curves, spans = {}, {}
    for name, regrets in columns["regret"].items():
        times = columns["elapsed_s"][name]
        start, stop = np.median(times[:, 0]), np.median(times[:, -1])
        span = np.geomspace(max(start, stop * 1e-4), stop, _TIMES)
        # What is the best so far at each time; before its first result a trial has its first one.
        now = np.stack(
            [
                regrets[i][np.maximum(np.searchsorted(times[i], span, side="right") - 1, 0)]
                for i in range(len(times))
            ]
        )
        curves[name], spans[name] = np.quantile(now, _QUARTILES, axis=0), span / seconds
    figure, [[axes]] = panels(1, 1, width=7.2, height=_height(curves))
    foot = _regret_axis(axes, list(curves.values()), 0.0)
    for i, (name, quartiles) in enumerate(curves.items()):
        _curve(axes, spans[name], quartiles.clip(foot), i, name)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    bound = "; a lower bound: not all are known" if clock_is_lower_bound else ""
    axes.set_xlabel(f"simulated {unit} of training and features{bound}")
    _finish(axes, title, metric)
    return figure


def finals(request: Request) -> Figure:
    """Draw the regret at the end of each search; see :func:`finals_figure`."""
    steps, _, title, *_ = read_results(request)
    return finals_figure(steps, title)


def finals_figure(steps: pl.DataFrame, title: str) -> Figure:
    """Draw the regret at the end of each trial as a point, optimizers from best to worst.

    The bar is the median. Parameters as for :func:`regret_figure`.
    """
    last = {name: trials[:, -1] for name, trials in _by_trial(steps).items()}
    order = sorted(last, key=lambda name: (np.median(last[name]), last[name].mean()))
    figure, [[axes]] = panels(1, 1, width=7.2, height=1.3 + 0.34 * len(order))
    foot = _regret_axis(axes, [np.concatenate(list(last.values()))], 0.0, along="x")
    for row, name in enumerate(order):
        values = np.sort(last[name]).clip(foot)
        # Spread over the height of the row in order, so that equal points can be counted.
        heights = row + 0.6 * (np.arange(len(values)) / max(1, len(values) - 1) - 0.5)
        axes.scatter(values, heights, s=7, color=OKABE_ITO[0], alpha=0.5, linewidths=0)
        middle = float(np.median(values))
        axes.plot([middle, middle], [row - 0.36, row + 0.36], color=OKABE_ITO[1], linewidth=2)
    axes.set_yticks(range(len(order)), order)
    axes.invert_yaxis()
    evaluations = steps["evaluation"].n_unique()
    axes.set_xlabel(f"regret after {evaluations} evaluations; bar: median")
    axes.set_title(title, loc="left", fontsize=11)
    bare(axes)
    return figure


def significance(request: Request) -> Figure:
    """Draw which optimizers differ; see :func:`significance_figure`."""
    command = "simulate TABLE"
    pairs = read_frame(
        results_folder(request, SIGNIFICANCE_FILE, command), SIGNIFICANCE_FILE, command
    )
    return significance_figure(pairs, read_results(request).title)


def significance_figure(pairs: pl.DataFrame, title: str) -> Figure:
    """Draw how often a trial of one optimizer ends better than one of another.

    Parameters
    ----------
    pairs : polars.DataFrame
        As from ``surrogates.significance.pairwise``.
    title : str

    Notes
    -----
    Optimizers stand from best to worst. A number without a dot is a difference that may be chance
    after Holm's correction.
    """
    names = list(dict.fromkeys([*pairs["first"], *pairs["second"]]))
    if not names:
        raise FigureError("which differ: expected searches by two optimizers or more, found one")
    wins: dict[tuple[str, str], float] = {(name, name): 0.5 for name in names}
    sure = set()
    for row in pairs.iter_rows(named=True):
        first, second = row["first"], row["second"]
        wins[first, second], wins[second, first] = row["superiority"], 1 - row["superiority"]
        if row["significant"]:
            sure |= {(first, second), (second, first)}
    order = sorted(names, key=lambda name: -sum(wins[name, other] for other in names))
    matrix = np.array([[wins[a, b] for b in order] for a in order])
    size = 1.9 + 0.42 * len(order)
    figure, [[axes]] = panels(1, 1, width=size + 1.6, height=size)
    # From light to dark, not from one color over white to another: both ends would be one gray.
    shown = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
    for i, a in enumerate(order):
        for j, b in enumerate(order):
            if a != b:
                text = f"{100 * wins[a, b]:.0f}{'•' if (a, b) in sure else ''}"
                dark = matrix[i, j] > 0.6
                axes.text(
                    j, i, text, ha="center", va="center", fontsize=7, color="w" if dark else GRAY
                )
    axes.set_xticks(range(len(order)), order, rotation=50, ha="right", fontsize=8)
    axes.set_yticks(range(len(order)), order, fontsize=8)
    axes.set_xlabel("•  significant at 0.05 after Holm's correction", fontsize=8)
    axes.set_title(title, loc="left", fontsize=9)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="probability that the row ends better")
    return figure


_UNITS: Final = (("hours", 3600.0, 7200.0), ("minutes", 60.0, 600.0), ("seconds", 1.0, 0.0))
"""Units of time: name, seconds, and from how many seconds on."""


def _by_trial(steps: pl.DataFrame, column: str = "regret") -> dict[str, Floats]:
    """Return a column as (trials, evaluations) for each optimizer."""
    found = {}
    for (name,), rows in steps.group_by("optimizer", maintain_order=True):
        ordered = rows.sort("trial", "evaluation")
        found[str(name)] = ordered[column].to_numpy().reshape(rows["trial"].n_unique(), -1)
    return found


def _height(curves: dict[str, Floats]) -> float:
    return 4.5 + 0.2 * max(0, len(curves) - 6)


def _curve(axes: Axes, x: NDArray[np.number], quartiles: Floats, i: int, name: str) -> None:
    """Draw a median and its quartiles, (3, points), in steps: a best holds until the next."""
    low, middle, high = quartiles
    color = OKABE_ITO[i % len(OKABE_ITO)]
    axes.fill_between(x, low, high, step="post", color=color, alpha=0.12, linewidth=0)
    for edge in (low, high):
        axes.step(x, edge, where="post", color=color, linewidth=0.6, alpha=0.5)
    dashes = DASHES[(i + i // len(OKABE_ITO)) % len(DASHES)]  # of a color a second time, others
    axes.step(x, middle, where="post", color=color, linestyle=dashes, linewidth=2.0, label=name)


def _regret_axis(axes: Axes, drawn: Sequence[Floats], top: float, along: str = "y") -> float:
    """Make an axis logarithmic with a place for 0; return where that is."""
    values = np.concatenate([np.ravel(each) for each in drawn])
    positive = values[values > 0]
    foot = float(positive.min()) / 2 if positive.size else 1e-3
    reaches_zero = bool((values <= 0).any())
    top = max(float(values.max(initial=foot)), top)
    bottom = (foot if reaches_zero else foot * 2) / 1.15
    candidates = [m * 10.0**k for k in range(-6, 1) for m in (1, 2, 5)]
    ticks = [tick for tick in candidates if bottom * 1.6 < tick <= top * 1.15]
    if along == "x":  # labels side by side need room
        ticks = [tick for tick in ticks if f"{tick:e}"[0] != "2"]
    labels = [f"{tick:g}" for tick in ticks]
    if reaches_zero:
        ticks, labels = [foot, *ticks], ["0", *labels]
    limits = bottom, max(top * 1.15, bottom * 2)
    if along == "y":
        axes.set(yscale="log", ylim=limits)
        axes.set_yticks(ticks, labels)
    else:
        axes.set(xscale="log", xlim=limits)
        axes.set_xticks(ticks, labels)
    axes.minorticks_off()
    axes.grid(axis="y" if along == "y" else "x", which="major", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    return foot


def _finish(axes: Axes, title: str, metric: str) -> None:
    axes.set_ylabel(f"regret in {metric}")
    axes.set_title(title, loc="left", fontsize=11)
    bare(axes)
    axes.legend(
        frameon=False,
        fontsize=8,
        title="median, shaded between the quartiles",
        title_fontsize=8,
        handlelength=HANDLE,
        ncols=2 if len(axes.get_legend_handles_labels()[1]) > 8 else 1,
    )
