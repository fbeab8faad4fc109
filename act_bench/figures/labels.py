"""Where labels go, so that none covers another, a marker or the edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench.figures.style import GRAY, OKABE_ITO

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_DIRECTIONS: Final = ((1, 0.6), (1, -0.6), (-1, 0.6), (-1, -0.6), (0, 1), (0, -1), (1, 0), (-1, 0))
_RINGS: Final = (5, 13, 24, 36)
"""Distances from a marker, in points, that are tried in each direction, the nearest first."""
_OFFSETS: Final = tuple((ring * x, ring * y) for ring in _RINGS for x, y in _DIRECTIONS)


class Box(NamedTuple):
    """A rectangle in points."""

    left: float
    low: float
    right: float
    high: float

    def overlap(self, other: Box) -> float:
        """Return the area that two have in common."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.high, other.high) - max(self.low, other.low)
        return max(width, 0.0) * max(height, 0.0)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> Floats:
    """Return the places nearest to some, in the same order, that are ``gap`` apart within limits.

    Parameters
    ----------
    places
        Where labels should be, ascending.
    gap
        How far apart they must be; less where there is not so much room.
    low, high
        Limits.

    Notes
    -----
    Least squares under an order: with the gaps taken off, it is isotonic regression.

    Examples
    --------
    >>> spread([0.5, 0.5, 0.9], 0.1, 0.0, 1.0).round(2).tolist()
    [0.45, 0.55, 0.9]
    """
    count = len(places)
    gap = min(gap, (high - low) / max(1, count - 1))
    steps = gap * np.arange(count)
    blocks: list[list[float]] = []  # mean, number
    for value in np.asarray(places, dtype=float) - steps:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (mean, number), (before, more) = blocks.pop(), blocks.pop()
            blocks.append([(mean * number + before * more) / (number + more), number + more])
    level = np.concatenate([np.full(int(number), mean) for mean, number in blocks])
    return np.asarray(np.clip(level, low, max(low, high - steps[-1])) + steps)


def name_points(axes: Axes, places: Mapping[str, tuple[float, float]], fontsize: float = 8) -> None:
    """Mark points by triangles and write their names where these cover least.

    Call it when the limits of the axes are final, and the layout: places are tried on the axes as
    they are then.
    """
    from matplotlib.patheffects import withStroke

    points = {name: place for name, place in places.items() if np.isfinite(place).all()}
    if not points:
        return
    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101  (for mypy: axes of a figure)
    scale = 72 / figure.dpi
    pixels = axes.transData.transform(np.array([*points.values()])) * scale
    frame = axes.get_window_extent()
    edges = Box(*(scale * value for value in (frame.x0, frame.y0, frame.x1, frame.y1)))
    taken = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in pixels]
    for (name, place), (x, y) in zip(points.items(), pixels, strict=True):
        axes.plot(
            *place, marker="^", markersize=6, color=OKABE_ITO[1], markeredgecolor="white", zorder=3
        )
        size = (0.62 * fontsize * len(name), 1.15 * fontsize)
        boxes = [_box(x, y, offset, size) for offset in _OFFSETS]
        cost = [
            sum(box.overlap(other) for other in taken) + 3 * _outside(box, edges) for box in boxes
        ]
        best = int(np.argmin(cost))
        taken.append(boxes[best])
        dx, dy = _OFFSETS[best]
        note = axes.annotate(
            name,
            place,
            xytext=(dx, dy),
            textcoords="offset points",
            ha="left" if dx > 0 else "right" if dx < 0 else "center",
            va="bottom" if dy > 0 else "top" if dy < 0 else "center",
            fontsize=fontsize,
            color=GRAY,
            zorder=4,
            arrowprops={"arrowstyle": "-", "color": GRAY, "linewidth": 0.5, "shrinkA": 0}
            if max(abs(dx), abs(dy)) > 8
            else None,
        )
        note.set_path_effects([withStroke(linewidth=2, foreground="white")])


def name_beside(axes: Axes, places: Mapping[str, tuple[float, float]], fontsize: float = 7) -> None:
    """Mark points by triangles and write their names in a column at the right of the axes.

    Each name stands as near as it can to the height of its point; a line leads there.
    """
    if not places:
        return
    names = sorted(places, key=lambda name: places[name][1])
    low, high = axes.get_ylim()
    heights = [(places[name][1] - low) / (high - low) for name in names]
    for name, level in zip(names, spread(heights, 0.05, 0.02, 0.98), strict=True):
        axes.plot(*places[name], marker="^", markersize=5, color=OKABE_ITO[1], zorder=3)
        axes.annotate(
            name,
            places[name],
            xytext=(1.03, float(level)),
            textcoords="axes fraction",
            va="center",
            fontsize=fontsize,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": GRAY, "linewidth": 0.4, "shrinkA": 1},
        )


def _box(x: float, y: float, offset: tuple[float, float], size: tuple[float, float]) -> Box:
    """Return the rectangle of a text of some size whose near corner or edge is at an offset."""
    (dx, dy), (width, height) = offset, size
    left = x + dx - (0 if dx > 0 else width if dx < 0 else width / 2)
    low = y + dy - (0 if dy > 0 else height if dy < 0 else height / 2)
    return Box(left, low, left + width, low + height)


def _outside(box: Box, edges: Box) -> float:
    """Return the area of a rectangle beyond edges."""
    whole = (box.right - box.left) * (box.high - box.low)
    return whole - box.overlap(edges)
