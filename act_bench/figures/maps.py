"""Figures of maps: where UMAP puts the functions, and how good they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from act_bench.figures import FigureError, Request
from act_bench.figures.labels import name_points
from act_bench.figures.style import FAINT, OKABE_ITO, PALE, SCALE, panels
from act_bench.figures.tables import read_accuracies, tables_with_data
from act_bench.functions.operators import BASELINES
from act_bench.tables.maps import FEATURES, Feature, load_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

CORNERS: Final = ("softplus(x)", "sigmoid(x)", "tanh(x)", "relu(x)")
"""Between these the map is read: lower left, lower right, upper left, upper right."""
STEPS: Final = 7
NAMED: Final = ("elu(x)", "relu(x)", "sigmoid(x)", "softplus(x)", "swish(x)", "tanh(x)")
TITLES: Final = {
    "outputs": "outputs",
    "fim": "Fisher eigenvalues",
    "union": "union of both",
}
NEIGHBOURS: Final = 3


def functions(request: Request) -> Figure:
    """Draw the map by outputs and what lies between named functions, after Figure 3 of the poster.

    Between four functions the places of a grid are weighted means of theirs; at each, the entry
    that is nearest on the map is drawn. (The poster reconstructs functions there by UMAP's inverse;
    here every function shown is one of the space.)
    """
    from matplotlib.figure import Figure

    from act_bench.functions.expression import parse
    from act_bench.spaces.paper import load_space

    del request  # the map by outputs is the same for all tables
    space = load_space()
    places = load_map("mlp", "outputs").places.astype(np.float64)
    corners = np.array([places[space.resolve(text).entry] for text in CORNERS])
    u, v = np.meshgrid(np.linspace(0, 1, STEPS), np.linspace(0, 1, STEPS))
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v], axis=-1)
    grid = weights @ corners
    nearest = [[_nearest(places, place) for place in row] for row in grid]

    figure = Figure(figsize=(6.2, 8.8), dpi=120, layout="constrained")
    parts = figure.add_gridspec(2, 1, height_ratios=[1.3, 1])
    above, below = figure.add_subfigure(parts[0]), figure.add_subfigure(parts[1])
    axes = above.subplots()
    axes.scatter(places[:, 0], places[:, 1], s=3, color=OKABE_ITO[0], alpha=0.35, linewidths=0)
    axes.scatter(grid[..., 0], grid[..., 1], s=14, marker="x", color="black", linewidths=0.8)
    axes.set_title("UMAP of the outputs of 2,913 functions", loc="left", fontsize=10)
    _unmarked(axes)
    x = np.linspace(-5, 5, 101)
    rows = below.subplots(STEPS, STEPS)
    for row, entries in zip(rows, reversed(nearest), strict=True):
        for small, entry in zip(row, entries, strict=True):
            with np.errstate(all="ignore"):
                values = parse(space.representatives[entry]).to_numpy()(x)
            small.plot(x, values, color=OKABE_ITO[0], linewidth=1.2)
            small.axhline(0, color=PALE, linewidth=0.5, zorder=0)
            small.axvline(0, color=PALE, linewidth=0.5, zorder=0)
            small.set(xlim=(-5, 5), ylim=(-3, 5))
            _unmarked(small)
    for text, place in zip(CORNERS, ((-1, 0), (-1, -1), (0, 0), (0, -1)), strict=True):
        rows[place].set_title(text.removesuffix("(x)"), fontsize=8, pad=2)
    below.suptitle(
        "the function nearest to each cross, in the same order", fontsize=10, x=0.02, ha="left"
    )
    figure.draw_without_rendering()  # labels are placed on the axes as they are laid out
    _label(axes, places, BASELINES)
    return figure


def maps(request: Request) -> Figure:
    """Draw maps by outputs, spectra and both, colored by score, after Figure 4 of the poster.

    One row per table, one column per feature. The title of a panel says how continuous the areas of
    like performance are: the rank correlation of a function's score with the mean of its three
    nearest on the map, over the functions that have a valid spectrum, so that rows can be compared.
    """
    tables = tables_with_data(request)
    mapped = [table for table in tables if _has_map(table)]
    if not mapped:
        raise FigureError(
            f"none of the tables {', '.join(tables)} has maps by Fisher spectra: `python -m "
            "builders.embedding --table TABLE` makes them where spectra are embedded"
        )
    figure, rows = panels(len(mapped), len(FEATURES), width=3.7, height=3.4)
    figure.set_dpi(88)
    for row, table in zip(rows, mapped, strict=True):
        found = read_accuracies(table, request)
        chosen = load_map(table, "union").known & np.isfinite(found.score)
        shades = np.quantile(found.score[chosen & ~found.diverged], [0.05, 0.98])
        for axes, feature in zip(row, FEATURES, strict=True):
            places = load_map(table, feature).places.astype(np.float64)
            known = np.isfinite(places).all(axis=1) & np.isfinite(found.score)
            lost, trained = known & found.diverged, known & ~found.diverged
            axes.scatter(
                places[lost, 0], places[lost, 1], s=6, marker="x", color=FAINT, linewidths=0.4
            )
            # The best are drawn last, so that they are seen.
            order = np.flatnonzero(trained)[np.argsort(found.score[trained], kind="stable")]
            drawn = axes.scatter(
                places[order, 0],
                places[order, 1],
                s=4,
                c=found.score[order],
                vmin=shades[0],
                vmax=shades[1],
                cmap=SCALE,
                linewidths=0,
            )
            rank = continuity(places[chosen], found.score[chosen])
            title = f"{table}, {TITLES[feature]}: {rank:.3f}"
            axes.set_title(title, loc="left", fontsize=9)
            _unmarked(axes)
        figure.colorbar(drawn, ax=row, label=found.info.score_in_words, shrink=0.8, extend="both")
    figure.supxlabel(
        "crosses: diverged. The number: Spearman correlation of a function's score with the "
        "mean of its three nearest, over functions with a valid spectrum, a diverged one at chance",
        fontsize=8,
    )
    figure.draw_without_rendering()
    for row, table in zip(rows, mapped, strict=True):
        for axes, feature in zip(row, FEATURES, strict=True):
            _label(axes, load_map(table, feature).places.astype(np.float64), NAMED)
    return figure


def continuity(places: Floats, score: Floats) -> float:
    """Return the rank correlation of scores with the mean of the three nearest on a map.

    Parameters
    ----------
    places : array of shape (functions, dimensions)
    score : array of shape (functions,)

    Examples
    --------
    >>> places = np.arange(9.0)[:, None]
    >>> continuity(places, places[:, 0]) > 0.9
    True
    """
    from scipy.spatial import cKDTree
    from scipy.stats import spearmanr

    near = np.asarray(cKDTree(places).query(places, k=NEIGHBOURS + 1)[1])
    # The first is the function itself, or one at the same place: drop itself wherever it stands.
    itself = near == np.arange(len(places))[:, None]
    itself[~itself.any(axis=1), -1] = True
    others = near[~itself].reshape(len(places), NEIGHBOURS)
    return float(spearmanr(score, score[others].mean(axis=1)).statistic)


def _has_map(table: str) -> bool:
    from act_bench.tables.files import table_files
    from act_bench.tables.maps import map_name

    return map_name(table) in table_files(table)


def _nearest(places: Floats, place: Floats) -> int:
    return int(np.argmin(((places - place) ** 2).sum(axis=1)))


def _label(axes: Axes, places: Floats, names: tuple[str, ...]) -> None:
    """Mark functions by triangles with their names."""
    from act_bench.spaces.paper import load_space

    entries = {text: load_space().resolve(text).entry for text in names}
    name_points(
        axes,
        {
            text.removesuffix("(x)"): (float(places[entry, 0]), float(places[entry, 1]))
            for text, entry in entries.items()
        },
    )


def _unmarked(axes: Axes) -> None:
    """Take away ticks: the axes of a map mean nothing."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(PALE)


__all__ = ["Feature", "continuity", "functions", "maps"]
