"""How the runs of one function become one value: the median, in which a diverged run ranks last.

This is the one place that says so. The tables, the learning curves, live searches, certificates and
reports ask here, so that none of them needs a number that stands for "diverged".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def is_diverged(runs: int, diverged: int) -> bool:
    """Return whether a function counts as diverged: at least half of its runs did.

    Then a middle value of its runs is that of a diverged run, which has none.

    Examples
    --------
    >>> is_diverged(runs=2, diverged=1), is_diverged(runs=3, diverged=1)
    (True, False)
    """
    return 2 * diverged >= runs


def median(values: Sequence[float | None], *, lower_is_better: bool = False) -> float | None:
    """Return the median over the runs of a function.

    Parameters
    ----------
    values : sequence of float or None
        One per run. None is a run that diverged: it ranks after every number.
    lower_is_better : bool
        Whether it ranks above every number, as of a loss, and not below, as of an accuracy.

    Returns
    -------
    float or None
        None if the function counts as diverged, see :func:`is_diverged`, or has no run.

    Examples
    --------
    >>> median([0.5, None, 0.25]), median([0.5, None])
    (0.25, None)
    >>> median([0.5, None, 0.25], lower_is_better=True)
    0.5
    >>> median([0.25, 0.75])
    0.5
    """
    ascending = sorted(value for value in values if value is not None)
    diverged = len(values) - len(ascending)
    if is_diverged(len(values), diverged):
        return None
    before = 0 if lower_is_better else diverged  # how many diverged runs come before all numbers
    low = ascending[(len(values) - 1) // 2 - before]
    high = ascending[len(values) // 2 - before]
    # The embedded tables have these bits; (low + high) / 2 may differ in the last one.
    return low + (high - low) * 0.5


def medians(values: ArrayLike, ran: ArrayLike = True) -> NDArray[np.float64]:
    """Return :func:`median` of each row; NaN stands for None.

    Parameters
    ----------
    values : array of shape (functions, runs)
        The higher the better; NaN where a run diverged.
    ran : array of bool of the same shape
        Whether there is a run. Default: there are all.

    Examples
    --------
    >>> nan = float("nan")
    >>> medians([[0.5, nan, 0.25], [0.5, nan, nan]], [[True] * 3, [True, False, False]]).tolist()
    [0.25, 0.5]
    """
    import numpy as np

    rows = np.asarray(values, dtype=np.float64)
    there = np.broadcast_to(np.asarray(ran), rows.shape)
    known = (row[where].tolist() for row, where in zip(rows, there, strict=True))
    found = [median([None if value != value else value for value in row]) for row in known]
    return np.array(found, dtype=np.float64)


def ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Return ascending ranks in which everything that diverged, NaN, shares rank 0.

    Parameters
    ----------
    values : array of shape (n,)
        The higher the better.

    Examples
    --------
    >>> ranks([0.5, float("nan"), 0.25, 0.5, float("nan")]).tolist()
    [2.5, 0.0, 1.0, 2.5, 0.0]
    """
    import numpy as np
    from scipy.stats import rankdata

    found = rankdata(np.asarray(values, dtype=np.float64), nan_policy="omit")
    return np.nan_to_num(found, nan=0.0)
