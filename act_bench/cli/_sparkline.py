"""A curve in one line of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from act_bench.tables.registry import TableInfo

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], low: float, high: float) -> str:
    """Return values as blocks of eight heights between ``low`` and ``high``.

    Examples
    --------
    >>> sparkline([0.0, 0.5, 1.0, 2.0], low=0.0, high=1.0)
    '▁▅██'
    """
    span = (high - low) or 1.0
    heights = [min(max((value - low) / span, 0.0), 1.0) for value in values]
    return "".join(_BLOCKS[int(height * (len(_BLOCKS) - 1) + 0.5)] for height in heights)


def score_line(
    values: Sequence[float], info: TableInfo, curves: Iterable[Sequence[float]] = ()
) -> str:
    """Return a curve of a table's metric, the higher the better, from what guessing reaches up.

    Parameters
    ----------
    values
        The metric, epoch by epoch.
    info
        The table.
    curves
        All that are shown together, which share the upper end; by itself if none.

    Examples
    --------
    >>> from act_bench.tables.registry import TABLES
    >>> score_line([0.1, 0.55, 1.0], TABLES["mlp"]), score_line([4.6, 3.0, 1.5], TABLES["gpt"])
    ('▁▅█', '▁▅█')
    """
    scores = [info.score(value) for value in values]
    shown = [info.score(value) for curve in curves for value in curve] or scores
    return sparkline(scores, info.worst_score, max([info.worst_score, *shown]))
