"""Entries whose formula gives no number at 0 although the function has a limit there.

``div(x,sinh(x))`` at 0 is 0/0 in any floating-point format, though x / sinh(x) tends to 1. In
bfloat16 a pre-activation that is exactly 0 does occur, so nearly all of these entries diverge as
they are written. ``limits.parquet`` says which they are, and what they tend to.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from act_bench.files.manifest import LIMITS_FILE, verified


class Limit(NamedTuple):
    """What an entry tends to at 0.

    Attributes
    ----------
    value
        The limit of the function.
    slope
        The limit of its slope; at a kink the mean of those from the two sides.
    """

    value: float
    slope: float


@cache
def load_limits() -> dict[int, Limit]:
    """Return the limits at 0: entry -> limit, of the entries whose formula gives no number there.

    Raises
    ------
    act_bench.files.manifest.DataError
        If the file is missing or damaged.

    Examples
    --------
    >>> from act_bench.spaces.paper import load_space
    >>> load_limits()[load_space().resolve("mul(reciprocal(x),tanh(x))").entry]
    Limit(value=1.0, slope=0.0)
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(verified(LIMITS_FILE)) as file:
        rows = file.read().to_pylist()
    return {
        row["entry"]: Limit(row["limit_at_zero"], row["slope_at_zero"])
        for row in rows
        if row["limit_at_zero"] is not None
    }
