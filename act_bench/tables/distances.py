"""Distances between activation functions: by their outputs and by their Fisher spectra.

Equations are those of Bingham and Miikkulainen, *Efficient Activation Function Optimization through
Surrogate Modeling* (NeurIPS 2023, arXiv 2301.05785), as the poster numbers them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Final, Literal, TypeGuard, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_bench.errors import ArgumentError
from act_bench.functions.catalogue import read
from act_bench.functions.expression import Expression
from act_bench.functions.named import NamedFunction
from act_bench.spaces.distances import all_pairs, spectrum_vectors
from act_bench.spaces.paper import finite_outputs, load_space
from act_bench.tables.registry import EDITIONS, table_info
from act_bench.tables.schema import one_of
from act_bench.tables.spectra import QUANTILES, load_spectra

if TYPE_CHECKING:
    from act_bench.spaces.protocol import Asked

Feature = Literal["outputs", "fim"]
Weighting = Literal["reference_code", "uniform", "inverse_size"]
Floats = NDArray[np.float64]

DEFAULT_WEIGHTING: Final[Weighting] = "inverse_size"
"""Of the layers of a Fisher spectrum, wherever no other is asked for: Eq. 2 to the letter."""

CDF_RANGE: Final = (-100.0, 100.0)
"""Log eigenvalues that the reference code's bins cover."""


def distance(
    a: Asked | ArrayLike,
    b: Asked | ArrayLike,
    feature: Feature = "outputs",
    *,
    table: str | None = None,
    weighting: Weighting | None = None,
    edition: str = "regenerated",
) -> float:
    """Return the distance between two activation functions.

    Parameters
    ----------
    a, b
        Functions, by expression, name or number of the entry; or features: outputs (points,) of
        both at the same points, or quantile functions (layers, 128) of both in the same network,
        or, of the edition ``upstream``, CDF vectors (bins,).
    feature
        ``outputs``: :func:`output_distances` at the 80 points of the space. ``fim``:
        :func:`fim_distances` in a table's network, or :func:`cdf_distances` of the edition
        ``upstream``.
    table
        Whose network; needed for ``fim``, and must have embedded spectra if ``a`` or ``b`` is an
        expression. Table, weighting and edition make no difference to ``outputs``.
    weighting
        Of the layers, for ``fim``; see :func:`layer_weights`. Default: :data:`DEFAULT_WEIGHTING`;
        for the edition ``upstream``, ``reference_code``, the only one that needs no sizes of the
        layers.
    edition
        ``regenerated``, or ``upstream``: the authors' CDF vectors, where they are imported.

    Returns
    -------
    float
        NaN if one of the spectra is not valid.

    Raises
    ------
    ValueError
        If ``fim`` comes without a table, or features have different shapes.
    NotInSpaceError
        If ``feature`` is ``fim`` and an expression is not in the space.
    ParseError
        If a text is no expression.

    Examples
    --------
    >>> import act_bench
    >>> round(act_bench.distance("relu", "swish"), 4)
    0.2055
    >>> act_bench.distance("relu(x)", "max(x,zero(x))", "fim", table="mlp")
    0.0
    """
    one_of("edition", edition, EDITIONS)
    one_of("weighting", weighting or DEFAULT_WEIGHTING, get_args(Weighting))
    if table is not None:
        table_info(table)
    if one_of("feature", feature, ("outputs", "fim")) == "outputs":
        return float(output_distances(_outputs(a)[None], _outputs(b)[None])[0, 0])
    if table is None:
        raise ArgumentError("distance(..., feature='fim') needs a table's network: table='mlp'")
    if edition == "upstream":
        vectors = [_cdf(function, table) for function in (a, b)]
        if any(np.isnan(vector).any() for vector in vectors):
            return float("nan")
        first, second = (vector[None] for vector in vectors)
        return float(cdf_distances(first, second, weighting=weighting or "reference_code")[0, 0])
    weighting = weighting or DEFAULT_WEIGHTING
    weights = layer_weights([layer.weights for layer in load_spectra(table).layers], weighting)
    return float(fim_distances(_spectrum(a, table)[None], _spectrum(b, table)[None], weights)[0, 0])


def output_distances(a: ArrayLike, b: ArrayLike | None = None) -> Floats:
    r"""Return the distances between functions by outputs (Eq. 3), all pairs.

    .. math:: d(f, g) = \sqrt{\frac{1}{n} \sum_{i=1}^n (f(x_i) - g(x_i))^2}

    Parameters
    ----------
    a, b
        (functions, points) outputs at the same points; ``b`` is ``a`` if None. Outputs that are not
        finite are replaced as :func:`act_bench.spaces.paper.finite_outputs` says.

    Returns
    -------
    ndarray
        (functions of a, functions of b) float64.

    Examples
    --------
    >>> output_distances([[0.0, 0.0]], [[3.0, 1.0]]).round(4)
    array([[2.2361]])
    """
    first = finite_outputs(np.asarray(a))
    second = None if b is None else finite_outputs(np.asarray(b))
    return all_pairs(first, second) / float(np.sqrt(first.shape[1]))


def layer_weights(sizes: Sequence[int], weighting: Weighting = DEFAULT_WEIGHTING) -> Floats:
    """Return what each layer's distance is multiplied by in Eq. 2.

    Parameters
    ----------
    sizes
        Weights and biases of each layer.
    weighting
        ``uniform``: 1. ``inverse_size``: 1 / w for a layer with w weights, Eq. 2 to the letter, if
        its w_l is the layer's size. ``reference_code``: one over the width of the bins that the
        reference code gives the layer, (floor(w / 100) - 1) / 200; so large layers weigh more.

    Returns
    -------
    ndarray
        (layers,) float64.

    Examples
    --------
    >>> layer_weights([4160, 650], "reference_code")
    array([0.2  , 0.025])
    """
    w = np.asarray(sizes, dtype=np.float64)
    rules: dict[str, Callable[[], Floats]] = {
        "uniform": lambda: np.ones_like(w),
        "inverse_size": lambda: 1.0 / w,
        "reference_code": lambda: (
            np.array([cdf_bins(size) for size in sizes], np.float64) / np.ptp(CDF_RANGE)
        ),
    }
    weights: Floats = rules[one_of("weighting", weighting, rules)]()
    return weights


def fim_distances(a: ArrayLike, b: ArrayLike | None = None, weights: ArrayLike = 1.0) -> Floats:
    r"""Return the distances between functions by Fisher spectra (Eq. 2), all pairs.

    .. math:: d(f, g) = \sum_l c_l \, W_1(\mu_l, \nu_l)

    with the 1-Wasserstein distance of each layer's log eigenvalues: the mean absolute difference of
    their quantile functions.

    Parameters
    ----------
    a, b
        (functions, layers, values) quantile functions; ``b`` is ``a`` if None.
    weights
        c_l of each layer, (layers,); see :func:`layer_weights`.

    Returns
    -------
    ndarray
        (functions of a, functions of b) float64; NaN where a quantile function is.

    Examples
    --------
    >>> fim_distances([[[0.0, 1.0], [0.0, 0.0]]], [[[0.5, 1.5], [0.0, 2.0]]], weights=[1.0, 0.5])
    array([[1.]])
    """
    second = None if b is None else spectrum_vectors(b, weights)
    return all_pairs(spectrum_vectors(a, weights), second, "manhattan")


def cdf_distances(
    a: ArrayLike,
    b: ArrayLike | None = None,
    sizes: Sequence[int] | None = None,
    weighting: Weighting = "reference_code",
) -> Floats:
    """Return the distances between functions by the reference code's CDF vectors, all pairs.

    Parameters
    ----------
    a, b
        (functions, bins) CDF vectors, all layers one after the other; ``b`` is ``a`` if None.
        :func:`act_bench.tables.upstream.load_cdfs` gives the authors' own.
    sizes
        Weights and biases of each layer. Not needed for the weighting ``reference_code``, which is
        the Manhattan distance of the vectors.
    weighting
        As for :func:`layer_weights`.

    Returns
    -------
    ndarray
        (functions of a, functions of b) float64.

    Raises
    ------
    ValueError
        If the sizes are missing or do not give as many bins as the vectors have.

    Examples
    --------
    >>> sizes = [500]  # bins of width 50, edges -100, -50, 0, 50, 100
    >>> low, high = reference_cdf([[-75.0]], sizes), reference_cdf([[25.0]], sizes)
    >>> cdf_distances([low], [high]), cdf_distances([low], [high], sizes, "uniform")
    (array([[2.]]), array([[100.]]))
    """
    first = np.asarray(a, dtype=np.float64)
    second = None if b is None else np.asarray(b, dtype=np.float64)
    if weighting != "reference_code" or sizes is not None:
        if sizes is None:
            raise ArgumentError(f"weighting {weighting!r} needs the sizes of the layers, got None")
        bins = [cdf_bins(size) for size in sizes]
        if sum(bins) != first.shape[1]:
            raise ArgumentError(f"sizes give {sum(bins)} bins, the vectors have {first.shape[1]}")
        relative = layer_weights(sizes, weighting) / layer_weights(sizes, "reference_code")
        scale = np.repeat(relative, bins)
        first, second = first * scale, None if second is None else second * scale
    return all_pairs(first, second, "manhattan")


def cdf_bins(size: int) -> int:
    """Return the bins that the reference code gives a layer with so many weights and biases.

    Its edges are ``linspace(-100, 100, floor(size / 100))``.

    Examples
    --------
    >>> cnn = [2688, 83040, 83040, 166080, 331968, 331968, 331968, 37056, 1930]
    >>> sum(cdf_bins(size) for size in cnn)  # the length of the authors' vectors
    13683
    """
    return size // 100 - 1


def reference_cdf(log_eigenvalues: Sequence[ArrayLike], sizes: Sequence[int]) -> Floats:
    """Return the reference code's CDF vector of a spectrum.

    Parameters
    ----------
    log_eigenvalues
        Of each layer, any number of them: all eigenvalues, or its quantile function.
    sizes
        Weights and biases of each layer, which give its bins.

    Returns
    -------
    ndarray
        (bins of all layers,) float64: the share of the layer's log eigenvalues in [-100, 100] that
        lie in this bin or below; 0 if none lies there.

    Examples
    --------
    >>> reference_cdf([[-75.0, 25.0, 25.0, 75.0]], [500])
    array([0.25, 0.25, 0.75, 1.  ])
    """
    layers = []
    for values, size in zip(log_eigenvalues, sizes, strict=True):
        counts, _ = np.histogram(np.asarray(values), cdf_bins(size), CDF_RANGE)
        layers.append(np.cumsum(counts) / max(1, counts.sum()))
    return np.concatenate(layers)


def quantile_function(ascending: ArrayLike, count: int = QUANTILES) -> NDArray[np.float32]:
    r"""Return the quantile function of a sample, averaged over equal cells of probability.

    Value k is :math:`n \int_{k/n}^{(k+1)/n} Q(p) \, dp` of the step function Q. Averages, and not
    values at the mid-points, because the mean absolute difference of two such vectors is then
    W1 itself wherever the two quantile functions do not cross within a cell, also at jumps.

    Parameters
    ----------
    ascending
        (values,) sorted.
    count
        Number of cells n.

    Returns
    -------
    ndarray
        (count,) float32, ascending.

    Examples
    --------
    >>> quantile_function([0.0, 1.0, 5.0, 7.0], count=2)
    array([0.5, 6. ], dtype=float32)
    """
    values = np.asarray(ascending, dtype=np.float64)
    # The integral of Q from 0 to p is piecewise linear in p, with knots at i / len(values).
    integral = np.concatenate([[0.0], np.cumsum(values)])
    knots = np.linspace(0.0, len(values), count + 1)
    at_knots = np.interp(knots, np.arange(len(values) + 1), integral)
    means: Floats = np.diff(at_knots) * (count / len(values))
    return means.astype(np.float32)


def _outputs(function: Asked | ArrayLike) -> Floats:
    if _is_function(function):
        return read(load_space().spelling(function)).to_numpy()(load_space().points)
    return np.asarray(function, dtype=np.float64)


def _spectrum(function: Asked | ArrayLike, table: str) -> Floats:
    if _is_function(function):
        function = load_spectra(table).quantiles[load_space().resolve(function).entry]
    return np.asarray(function, dtype=np.float64)


def _cdf(function: Asked | ArrayLike, table: str) -> Floats:
    from act_bench.tables.upstream import load_cdfs

    if _is_function(function):
        known = load_cdfs(table, [load_space().resolve(function).entry]).values
        return known[0].astype(np.float64) if len(known) else np.array([np.nan])
    return np.asarray(function, dtype=np.float64)


def _is_function(function: object) -> TypeGuard[Asked]:
    """Return whether it stands for a function, and is no vector of features."""
    return isinstance(function, str | Expression | NamedFunction | Integral)
