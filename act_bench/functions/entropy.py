"""The entropy of what an activation function passes on, and the correction that lowers it.

Sun et al. (*A Method on Searching Better Activation Functions*, 2024, arXiv 2405.12954) take an
invertible activation f with inverse y, and pre-activations of density p. What f passes on has the
density p(y) y', hence the entropy::

    H = -∫ p(y(u)) y'(u) log(p(y(u)) y'(u)) du = -∫ p(x) log(p(x) / |f'(x)|) dx,

a functional of f. It is largest for f = C1 CDF(x) + C2, the worst function between two bounds
(Eq. 5). From any other f the entropy falls fastest along the correction term of the inverse,
eta = -[p(y) y''/y' + p'(y) y'] (Eq. 7). With y' = 1/f' and y'' = -f''/f'^3 it is of x::

    eta = p f''/f'^2 - p'/f',

and an inverse of y + t eta is, to first order in t, f - t f' eta. Where f falls, ``|y'|`` takes the
place of y', and eta its opposite sign.

Each stretch on which f is monotone counts by itself, as the paper does for ReLU; where f is flat it
has no inverse, and passes nothing to H. For the Gaussian, f' eta of ReLU is
x exp(-x^2/2) / sqrt(2 pi), which the paper adds to both of its sides: CRReLU (Eq. 10). There it has
the sign that *raises* the entropy while eps > 0, as it starts; eps is learned and may turn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_bench.errors import ArgumentError

if TYPE_CHECKING:
    from act_bench.functions.numeric import ArrayFunction

Array = NDArray[np.float64]


POINTS: Final = 4096
"""Points of an integral, at equal steps of probability."""

_ROOT_TWO_PI: Final = math.sqrt(2 * math.pi)
_STEP: Final = 1e-5
"""Of the difference that gives f'' from f': its error is about 1e-10."""


class Activation(Protocol):
    """What has values and a derivative: an Expression or a NamedFunction."""

    def to_numpy(self) -> ArrayFunction:
        """Return f."""
        ...

    def derivative(self) -> ArrayFunction:
        """Return f'."""
        ...


class Density(Protocol):
    """A density of pre-activations."""

    def pdf(self, x: Array) -> Array:
        """Return p(x)."""
        ...

    def slope(self, x: Array) -> Array:
        """Return p'(x)."""
        ...

    def cdf(self, x: Array) -> Array:
        """Return the probability of at most x."""
        ...

    def quantile(self, probability: Array) -> Array:
        """Return the inverse of :meth:`cdf`."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """The normal density.

    Examples
    --------
    >>> bool(Gaussian(std=2.0).cdf(np.array([0.0]))[0] == 0.5)
    True
    """

    mean: float = 0.0
    std: float = 1.0

    def pdf(self, x: Array) -> Array:
        """Return p(x)."""
        return np.exp(-np.square(self._standard(x)) / 2) / (self.std * _ROOT_TWO_PI)

    def slope(self, x: Array) -> Array:
        """Return p'(x)."""
        return -self._standard(x) / self.std * self.pdf(x)

    def cdf(self, x: Array) -> Array:
        """Return the probability of at most x."""
        from scipy import special  # a fifth of a second to import

        return np.asarray(special.ndtr(self._standard(x)))

    def quantile(self, probability: Array) -> Array:
        """Return the inverse of :meth:`cdf`."""
        from scipy import special

        return self.mean + self.std * np.asarray(special.ndtri(probability))

    def _standard(self, x: Array) -> Array:
        return (x - self.mean) / self.std


@dataclass(frozen=True, eq=False)
class Measured:
    """The density of a sample: a histogram smoothed by a Gaussian of Silverman's width.

    A histogram itself has no slope; the width is 0.9 min(std, interquartile range / 1.34) n^(-1/5)
    (Silverman 1986, Eq. 3.31).

    Parameters
    ----------
    sample : ndarray
        Pre-activations, any shape; what is not finite is left out.
    bins : int
        Of the histogram, over the range of the sample and four widths more on both sides.

    Raises
    ------
    ValueError
        Fewer than two different finite values.

    Examples
    --------
    >>> sample = np.random.default_rng(0).normal(size=20_000)
    >>> float(Measured(sample).pdf(np.array([0.0]))[0].round(1))
    0.4
    """

    sample: Array
    bins: int = 2048

    @cached_property
    def _grid(self) -> tuple[Array, Array, Array, Array]:
        """Centers of the bins, p, p' and the distribution function there."""
        values = self.sample[np.isfinite(self.sample)].ravel()
        spread = float(np.std(values)) if values.size else 0.0
        if spread == 0:
            raise ArgumentError(
                f"expected a sample with two different finite values, got {self.sample.size} "
                f"values of spread {spread}: is the network's output constant?"
            )
        low, high = np.quantile(values, [0.25, 0.75])
        robust = min(spread, (high - low) / 1.34) or spread
        width = 0.9 * robust * values.size**-0.2
        edges = np.linspace(values.min() - 4 * width, values.max() + 4 * width, self.bins + 1)
        step = edges[1] - edges[0]
        share = np.histogram(values, edges)[0] / values.size
        offsets = (np.arange(2 * self.bins - 1) - (self.bins - 1)) * step
        kernel = np.exp(-np.square(offsets / width) / 2) / (width * _ROOT_TWO_PI)
        pdf = np.convolve(share, kernel)
        slope = np.convolve(share, -offsets / width**2 * kernel)
        inner = slice(self.bins - 1, 2 * self.bins - 1)
        cdf = np.cumsum(pdf[inner])
        return (edges[:-1] + edges[1:]) / 2, pdf[inner], slope[inner], cdf / cdf[-1]

    def pdf(self, x: Array) -> Array:
        """Return p(x)."""
        centers, pdf, _, _ = self._grid
        return np.interp(x, centers, pdf, left=0, right=0)

    def slope(self, x: Array) -> Array:
        """Return p'(x)."""
        centers, _, slope, _ = self._grid
        return np.interp(x, centers, slope, left=0, right=0)

    def cdf(self, x: Array) -> Array:
        """Return the probability of at most x."""
        centers, _, _, cdf = self._grid
        return np.interp(x, centers, cdf, left=0, right=1)

    def quantile(self, probability: Array) -> Array:
        """Return the inverse of :meth:`cdf`."""
        centers, _, _, cdf = self._grid
        return np.interp(probability, cdf, centers)


class Entropy(NamedTuple):
    """The entropy of what a function passes on.

    Attributes
    ----------
    nats : float
        ``-∫ p log(p / |f'|)`` over where f rises or falls; NaN where that is nowhere.
    flat : float
        Probability of the inputs at which f is constant, or does not exist.
    """

    nats: float
    flat: float


def entropy(function: Activation, density: Density | None = None, points: int = POINTS) -> Entropy:
    """Return the entropy functional of Sun et al. (Section 4.1.2), stretch by stretch.

    Parameters
    ----------
    function : Expression or NamedFunction
    density : Density
        Of its inputs; the standard Gaussian if not given.
    points : int
        Of the integral, at the middles of equal steps of probability.

    Examples
    --------
    The standard Gaussian has the entropy log(2 pi e) / 2 = 1.4189, and each half of it half:

    >>> from act_bench import parse
    >>> for name in ("x", "relu(x)", "mul(2,x)"):
    ...     nats, flat = entropy(parse(name))
    ...     print(f"{name}: {nats:.3f} nats, flat {flat:.2f}")
    x: 1.419 nats, flat 0.00
    relu(x): 0.709 nats, flat 0.50
    mul(2,x): 2.112 nats, flat 0.00
    """
    density = density or Gaussian()
    x = density.quantile((np.arange(points) + 0.5) / points)
    slope = np.abs(function.derivative()(x))
    steep = np.isfinite(function.to_numpy()(x)) & np.isfinite(slope) & (slope > 0)
    if not steep.any():
        return Entropy(math.nan, 1.0)
    parts = np.log(slope[steep]) - np.log(density.pdf(x[steep]))
    return Entropy(float(parts.sum() / points), float(1 - steep.mean()))


def worst(density: Density, low: float = 0.0, high: float = 1.0) -> ArrayFunction:
    """Return the function of largest entropy between two bounds: C1 CDF(x) + C2 (Eq. 5).

    Examples
    --------
    >>> worst(Gaussian(), -1, 1)([0.0, 9.0]).tolist()
    [0.0, 1.0]
    """

    def function(x: ArrayLike) -> Array:
        return low + (high - low) * density.cdf(np.asarray(x, np.float64))

    return function


def inverse_correction(function: Activation, density: Density, x: ArrayLike) -> Array:
    """Return eta of Eq. 7 at the outputs f(x): NaN where f is flat.

    Examples
    --------
    >>> from act_bench import parse
    >>> eta = inverse_correction(parse("relu(x)"), Gaussian(), [-1.0, 1.0])
    >>> eta.round(4).tolist()  # x exp(-x^2/2) / sqrt(2 pi)
    [nan, 0.242]
    """
    at = np.asarray(x, np.float64)
    first, second = _slopes(function, at)
    with np.errstate(all="ignore"):
        raw = density.pdf(at) * second / np.square(first) - density.slope(at) / first
        return np.where(first == 0, np.nan, np.sign(first) * raw)


def correction(function: Activation, density: Density, x: ArrayLike, bound: float = 1.0) -> Array:
    """Return the term that EAFO adds to a function, at the inputs x.

    It is ``sqrt(2 pi) |f'| eta``, scaled so that ReLU and the Gaussian give x exp(-x^2/2), the term
    of CRReLU. ``f - t * correction`` lowers the entropy for small t > 0; the paper writes
    ``f + eps * correction``.

    Parameters
    ----------
    function : Expression or NamedFunction
    density : Density
    x : array_like
    bound : float
        Largest magnitude: where f' vanishes, between two stretches, the term has a pole.

    Returns
    -------
    ndarray
        Of the shape of ``x``. Where f is flat it has no inverse; as the paper does for the negative
        side of ReLU, the term there is that of a straight line, -sqrt(2 pi) p'.

    Examples
    --------
    >>> from act_bench import parse
    >>> correction(parse("relu(x)"), Gaussian(), [-1.0, 1.0]).round(4).tolist()
    [-0.6065, 0.6065]
    """
    at = np.asarray(x, np.float64)
    first, second = _slopes(function, at)
    with np.errstate(all="ignore"):
        bend = np.where(first == 0, 0.0, second / first)
        sign = np.where(first == 0, 1.0, np.sign(first))
        term = _ROOT_TWO_PI * sign * (density.pdf(at) * bend - density.slope(at))
    return np.where(np.isfinite(term), np.clip(term, -bound, bound), 0.0)


def _slopes(function: Activation, x: Array) -> tuple[Array, Array]:
    """Return f' and f'': central differences, one-sided where a kink lies between."""
    derivative = function.derivative()
    first = derivative(x)
    right = (derivative(x + _STEP) - first) / _STEP
    left = (first - derivative(x - _STEP)) / _STEP
    middle = (right + left) / 2
    # A jump of f' looks like a second derivative of 1/step on one of the sides.
    smaller = np.where(np.abs(right) < np.abs(left), right, left)
    kinked = np.abs(right - left) > np.sqrt(1 / _STEP)
    return first, np.where(kinked, smaller, middle)
