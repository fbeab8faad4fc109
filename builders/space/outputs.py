"""The outputs of the space: the points of Figure 3 and the values of the 5,103 expressions there.

The points are those of Bingham and Miikkulainen (NeurIPS 2023): standard normal draws, clipped to
[-5, 5]; 80 of them in the poster's Figure 3. The draws are those of NumPy's legacy generator with
seed 0, a stream that NumPy keeps frozen, rounded to float32.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.equality import space_values
from act_bench.tables.schema import OUTPUT_POINTS

CLIP: Final = 5.0
SEED: Final = 0


def figure_points(count: int = OUTPUT_POINTS, seed: int = SEED) -> NDArray[np.float64]:
    """Return the points at which outputs are taken, in the order in which they are drawn.

    Parameters
    ----------
    count : int
        Number of points; 80 in Figure 3, 1,000 in the reference code.
    seed : int
        Seed of the legacy generator.

    Returns
    -------
    ndarray, shape (count,)
        float64 numbers that are float32 numbers as well.

    Examples
    --------
    >>> figure_points()[:3].round(6).tolist()
    [1.764052, 0.400157, 0.978738]
    """
    draws = np.random.RandomState(seed).standard_normal(count)
    return np.clip(draws, -CLIP, CLIP).astype(np.float32).astype(np.float64)


def space_outputs(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the outputs of the 5,103 expressions: float64 values, rounded once.

    Parameters
    ----------
    points : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (5103, n)
        float32. Infinite or NaN where the function is (``div(one(x),zero(x))``, a negative base of
        ``pow``), and infinite beyond the range of float32.

    Examples
    --------
    >>> space_outputs(np.array([2.0]))[6].tolist()  # add(zero(x),square(x))
    [4.0]
    """
    with np.errstate(over="ignore"):
        return space_values(points).value.astype(np.float32)
