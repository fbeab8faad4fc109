"""The special functions of the operators by NumPy and the standard library, without SciPy.

Importing ``scipy.special`` takes longer than all else that a first query does. These values are
SciPy's to twelve digits or more: enough to tell functions apart (:mod:`act_bench.spaces.matching`),
and used for nothing else. The names are SciPy's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy import expm1

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from act_bench.functions.operators.record import Array

__all__ = ["erf", "erfc", "expit", "expm1", "i0e", "i1e", "log_expit", "ndtr"]

_REACH: Final = 60.0
"""Where the Bessel functions are a sum over :data:`_ANGLES`; beyond, they are SciPy's."""
_ANGLES: Final = 48


def expit(x: ArrayLike) -> Array:
    """Return 1 / (1 + exp(-x))."""
    below = np.exp(-np.abs(x))
    return np.asarray(np.where(np.greater(x, 0), 1.0, below) / (1.0 + below))


def log_expit(x: ArrayLike) -> Array:
    """Return log(1 / (1 + exp(-x)))."""
    return np.asarray(-np.logaddexp(0.0, np.negative(x)))


def erf(x: ArrayLike) -> Array:
    """Return 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return _each(math.erf, x)


def erfc(x: ArrayLike) -> Array:
    """Return 1 - erf(x), without cancellation."""
    return _each(math.erfc, x)


def ndtr(x: ArrayLike) -> Array:
    """Return the probability of a standard normal number below x."""
    return 0.5 * erfc(np.multiply(x, -math.sqrt(0.5)))


def i0e(x: Array) -> Array:
    r"""Return exp(-|x|) I_0(x).

    It is the mean of :math:`\exp(|x| (\cos\theta - 1))` over the circle (Abramowitz and Stegun
    9.6.16), and the mean over 2n equal angles is off by 2 exp(-|x|) I_{2n}(x): below 1e-30 here.
    """
    size = np.abs(x)
    if not _within_reach(size):
        from scipy import special

        return np.asarray(special.i0e(x))
    cosines, weights = _circle()
    return np.asarray(np.exp(size[..., None] * (cosines - 1.0)) @ weights)


def i1e(x: Array) -> Array:
    r"""Return exp(-|x|) I_1(x): the mean of exp(-|x|) cos(t) (exp(|x| cos(t)) - 1) for x > 0.

    Without the 1, whose part is 0, it would cancel near 0 (Abramowitz and Stegun 9.6.19).
    """
    size = np.abs(x)
    if not _within_reach(size):
        from scipy import special

        return np.asarray(special.i1e(x))
    cosines, weights = _circle()
    mean = np.expm1(size[..., None] * cosines) @ (cosines * weights)
    return np.asarray(np.sign(x) * np.exp(-size) * mean)


def _within_reach(size: Array) -> bool:
    return bool((np.isnan(size) | (size <= _REACH)).all())


def _circle() -> tuple[Array, Array]:
    """Return the cosines of equal angles from 0 to pi, and the share of the circle of each."""
    weights = np.full(_ANGLES + 1, 1.0 / _ANGLES)
    weights[[0, -1]] /= 2
    return np.cos(np.linspace(0.0, np.pi, _ANGLES + 1)), weights


def _each(function: Callable[[float], float], x: ArrayLike) -> Array:
    """Return a function of one number at each of many."""
    inputs = np.asarray(x, np.float64)
    return np.fromiter(map(function, inputs.ravel().tolist()), np.float64, inputs.size).reshape(
        inputs.shape
    )
