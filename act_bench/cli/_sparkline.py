"""A curve in one line of text."""

from __future__ import annotations

from collections.abc import Sequence

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
