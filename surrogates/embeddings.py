"""Other views of the features: standardized, their principal components, and UMAP.

UMAP (McInnes, Healy and Melville 2018, arXiv 1802.03426) is used as the reference search uses it
(Bingham and Miikkulainen, NeurIPS 2023): with its defaults on outputs, with three neighbours and
the Manhattan distance on Fisher spectra, and for the union with umap-learn's ``+``, which joins the
two fuzzy graphs and lays out the sum. With a fixed seed and one thread it gives the same places
each time, but not in each version of its libraries; so the maps of the embedded tables are stored
(:mod:`act_bench.tables.maps`) and others are kept in the user's cache. A layout is one random draw
of many; :class:`Maps` makes any number of them from one graph.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from act_bench.arguments import plain_fields
from act_bench.errors import ActBenchError, ArgumentError, ExitCode, missing_extra
from act_bench.files import sealed
from act_bench.files.cache import cache_folder, warn_damaged
from act_bench.spaces.distances import Metric
from surrogates.features import Features, Float, Part

COMPONENTS: Final = 10
"""Principal components that are kept."""
LIBRARIES: Final = ("umap-learn", "pynndescent", "numba", "numpy", "scipy", "scikit-learn")
"""Whose versions may change the places."""


class UncachedError(ActBenchError, RuntimeError):
    """A library needs a folder for compiled code, and none can be written to."""

    exit_code = ExitCode.DATA


@dataclass(frozen=True)
class UmapSettings:
    """Settings of UMAP; those not named here are its defaults.

    Parameters
    ----------
    euclidean_neighbours : int
        For outputs: UMAP's default.
    manhattan_neighbours : int
        For Fisher spectra: as in the reference search.
    dimensions : int
        Of the map.
    seed : int
        Of the draws for a single feature. The union's are fixed in umap-learn.
    """

    euclidean_neighbours: int = 15
    manhattan_neighbours: int = 3
    dimensions: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        """Turn the numbers into those of Python: they are part of a file's name."""
        plain_fields(self)

    def neighbours(self, metric: Metric) -> int:
        """Return the neighbours for features that are compared by a metric."""
        return self.euclidean_neighbours if metric == "euclidean" else self.manhattan_neighbours


UMAP: Final = UmapSettings()


def standardized(features: Features) -> Features:
    """Return the features with mean 0 and variance 1 a column, as one part.

    Each part is divided by the square root of its number of columns that vary, so that in a union
    both weigh as much. Functions without the features count for nothing and get zeros.

    Examples
    --------
    >>> part = Part(np.array([[0.0, 7.0], [2.0, 7.0], [9.0, 9.0]]), "euclidean")
    >>> known = np.array([True, True, False])
    >>> standardized(Features((part,), known)).vectors().tolist()
    [[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    """
    blocks = []
    for part in features.parts:
        known = part.vectors[features.known]
        spread = known.std(axis=0)
        # Rounding gives a constant column a deviation that is not quite 0.
        varies = spread > 1e-12 * np.abs(known).max(axis=0, initial=0.0)
        scale = np.where(varies, spread, np.inf) * np.sqrt(max(1, varies.sum()))
        blocks.append((part.vectors - known.mean(axis=0)) / scale)
    vectors = np.where(features.known[:, None], np.hstack(blocks), 0.0)
    return Features((Part(vectors, "euclidean"),), features.known)


def principal_components(features: Features, count: int = COMPONENTS) -> Features:
    """Return the first principal components of the standardized features.

    The sign of each is such that its largest loading is positive.

    Examples
    --------
    >>> part = Part(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]), "euclidean")
    >>> found = principal_components(Features((part,), np.ones(3, dtype=bool)), count=1)
    >>> found.vectors().round(3).ravel().tolist()
    [-1.225, 0.0, 1.225]
    """
    plain = standardized(features).vectors()
    known = plain[features.known]
    # Eigenvectors of the covariance, ascending: far cheaper than the singular values of all rows.
    _, vectors = np.linalg.eigh(known.T @ known)
    loadings = vectors[:, ::-1][:, :count]
    largest = np.abs(loadings).argmax(axis=0)
    signs = np.sign(loadings[largest, np.arange(loadings.shape[1])])
    return Features((Part(plain @ (loadings * signs), "euclidean"),), features.known)


def umap_places(parts: Sequence[Part], settings: UmapSettings = UMAP) -> Float:
    """Return where UMAP puts functions, by one part or by the union of two.

    Parameters
    ----------
    parts : sequence of Part
        Of the same functions, all of them valid.
    settings : UmapSettings

    Returns
    -------
    array of shape (functions, dimensions)
        Centered; no unit.

    Raises
    ------
    act_bench.errors.ArgumentError
        There are fewer than four functions, which UMAP cannot place; a ValueError.
    ImportError
        umap-learn is not installed.
    UncachedError
        It cannot store compiled code anywhere.
    """
    if not parts:
        raise ArgumentError("expected one part or more, got none")
    fewest = settings.dimensions + 2
    if any(len(part.vectors) < fewest for part in parts):
        few = min(len(part.vectors) for part in parts)
        raise ArgumentError(
            f"UMAP needs at least {fewest} functions for a map, got {few}: use the features "
            "without umap-"
        )
    with _in_pieces():
        first, *others = _fitted(parts, settings)
        for model in others:
            first = first + model
    return _centered(first.embedding_)


def _fitted(parts: Sequence[Part], settings: UmapSettings) -> list[Any]:
    """Return a UMAP model of each part."""
    _need_umap()
    try:
        import umap
    except RuntimeError as error:  # of numba, which its libraries let compile into a cache
        raise UncachedError(
            f"umap-learn cannot be imported ({error}); fix: let NUMBA_CACHE_DIR name a folder that "
            "can be written to"
        ) from error

    return [
        umap.UMAP(
            n_neighbors=settings.neighbours(part.metric),
            n_components=settings.dimensions,
            metric=part.metric,
            random_state=settings.seed,
            n_jobs=1,  # with a seed UMAP uses one anyway, and warns if it is not told so
        ).fit(part.vectors)
        for part in parts
    ]


@contextmanager
def _in_pieces() -> Iterator[None]:
    """Ignore what UMAP says of graphs in pieces, which spectra with three neighbours make."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(not connected|not fully connected)")
        yield


def _centered(places: ArrayLike) -> Float:
    wide = np.asarray(places, dtype=np.float64)
    centered: Float = wide - wide.mean(axis=0)
    return centered


class Maps:
    """Draws of a map: UMAP's graph is made once, and each draw lays it out with another seed.

    umap-learn lays a union out with a fixed seed, so it gives one draw of it only. The graph and
    the layout are its own; what is new is the seed. Draws are kept in the user's cache.

    Parameters
    ----------
    parts : sequence of Part
        One, or for the union two; of the same functions, all of them valid.
    settings : UmapSettings
    """

    def __init__(self, parts: Sequence[Part], settings: UmapSettings = UMAP) -> None:
        self._parts, self._settings = tuple(parts), settings
        self._key = _key(self._parts, settings)

    def places(self, draw: int) -> Float:
        """Return where a draw puts the functions: (functions, dimensions), centered, no unit.

        Parameters
        ----------
        draw : int
            Seed of the layout, from 1.
        """
        return _cached(f"{self._key}-{draw}", lambda: self._laid_out(draw))

    def _laid_out(self, draw: int) -> Float:
        data, graph, metric, start = self._graph  # before umap, whose import may fail
        from umap.umap_ import find_ab_params, simplicial_set_embedding

        a, b = find_ab_params(spread=1.0, min_dist=0.1)  # UMAP's defaults, as all that follow
        seed = np.random.RandomState(draw)
        with _in_pieces():
            places, _ = simplicial_set_embedding(
                data, graph, self._settings.dimensions, 1.0, a, b, 1.0, 5, None, start, seed,
                metric, {}, False, {}, False,
            )  # fmt: skip
        return _centered(places)

    @cached_property
    def _graph(self) -> tuple[Float | None, Any, str, str]:
        """The data, the graph, the metric and how the layout starts, as umap-learn has them."""
        with _in_pieces():
            graphs = [model.graph_ for model in _fitted(self._parts, self._settings)]
        if len(graphs) == 1:
            return self._parts[0].vectors, graphs[0], self._parts[0].metric, "spectral"
        from scipy.sparse.csgraph import connected_components
        from umap.umap_ import general_simplicial_set_union, reset_local_connectivity

        joined = reset_local_connectivity(general_simplicial_set_union(*graphs), True)
        pieces, _ = connected_components(joined)
        return None, joined, "euclidean", "spectral" if pieces == 1 else "random"


def _need_umap() -> None:
    if find_spec("umap") is None:
        raise missing_extra("a map of these functions is not stored, and a new one", "umap")


def cached_places(parts: Sequence[Part], settings: UmapSettings = UMAP) -> Float:
    """Return :func:`umap_places`, from the user's cache where it was computed before.

    The file's name is a hash of the vectors, the metrics, the settings and the versions of the
    libraries, so that it is never that of anything else. A damaged file is made again, with a
    UserWarning; a cache that cannot be written to costs the
    next call its time and nothing else.
    """
    return _cached(_key(parts, settings), lambda: umap_places(parts, settings))


def _cached(name: str, make: Callable[[], Float]) -> Float:
    path = cache_folder() / "umap" / f"{name}.parquet"
    if path.exists():
        try:
            table, is_sealed = sealed.read(path)
            if not is_sealed:
                raise sealed.SealError("it has no SHA-256")
            found: Float = np.column_stack([each.to_numpy() for each in table.columns])
            return found
        except (sealed.SealError, OSError) as error:
            warn_damaged(path, error)
    places = make()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        sealed.write(path, pa.table({f"x{n}": axis for n, axis in enumerate(places.T)}))
    return places


def _key(parts: Sequence[Part], settings: UmapSettings) -> str:
    _need_umap()  # or the versions of what is not installed would be asked for
    versions = {name: version(name) for name in LIBRARIES}
    about = {"settings": asdict(settings), "versions": versions}
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for part in parts:
        digest.update(f"{part.metric} {part.vectors.shape}".encode())
        digest.update(np.ascontiguousarray(part.vectors).tobytes())
    return digest.hexdigest()[:24]
