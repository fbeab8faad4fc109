"""When operators are dropped: from 110 to 6, many early and few late."""

from __future__ import annotations

from collections import Counter

import numpy as np

from act_bench.errors import ArgumentError


def drop_stages(stages: int, first: int, drops: int = 104) -> Counter[int]:
    """Return how many operators are dropped before each stage.

    Drop i of ``drops`` comes before stage ``first - 1 + int(l_i)`` with l_i spaced evenly on a
    logarithmic scale from 1 to ``stages - first`` (Strack et al. 2024, Figure 2, and their code,
    where a stage is an epoch).

    Parameters
    ----------
    stages
        Stages of the search, counted from 0.
    first
        The stage before which dropping begins, at least 1 and below ``stages``.
    drops
        How many operators there are to drop.

    Raises
    ------
    ValueError
        If ``first`` is not in its range.

    Examples
    --------
    >>> counts = drop_stages(stages=100, first=10)
    >>> sum(counts.values()), min(counts), max(counts), counts[10]
    (104, 10, 99, 16)
    """
    if not 1 <= first < stages:
        raise ArgumentError(f"first must lie in 1..{stages - 1}, got {first}")
    spaced = np.logspace(0, np.log10(stages - first), drops)
    # 10^log10(90) may fall short of 90 by a rounding error.
    return Counter((first - 1 + np.floor(spaced + 1e-9).astype(int)).tolist())
