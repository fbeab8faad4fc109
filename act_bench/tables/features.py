"""A table as the matrices that a model of it learns from: features, targets, groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Generic, Literal, NamedTuple, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from act_bench.errors import ArgumentError
from act_bench.files.manifest import DataError
from act_bench.spaces.distances import output_vectors, spectrum_vectors
from act_bench.spaces.paper import finite_outputs, load_space
from act_bench.tables.distances import layer_weights
from act_bench.tables.loaders import load_table
from act_bench.tables.maps import FEATURES, Feature, load_map
from act_bench.tables.registry import TableInfo, table_info
from act_bench.tables.schema import METRICS, one_of
from act_bench.tables.spectra import QUANTILES, load_spectra

if TYPE_CHECKING:
    import polars as pl

    from act_bench.tables.rates import View

Floats = NDArray[np.float64]
Matrix = TypeVar("Matrix")
Vector = TypeVar("Vector")
Name = Literal["outputs", "fim", "union", "umap-outputs", "umap-fim", "umap-union"]

_UMAP: Final = "umap-"
NAMES: Final = (*FEATURES, *(_UMAP + feature for feature in FEATURES))
"""Features that :func:`load_features` knows."""
TARGETS: Final = (*METRICS, "runtime_s")
"""Columns that it predicts."""


class TableFeatures(NamedTuple, Generic[Matrix, Vector]):
    """What a model learns from: one row per entry, in entry order, without a value that is missing.

    Attributes
    ----------
    X
        (entries, features) float64, finite.
    y
        (entries,) float64, finite; (entries, targets) if a list of targets was asked for.
    ok
        (entries,) bool: the function was trained to the end. Elsewhere ``y`` is what a network has
        that learned nothing.
    groups
        (entries,) int64: the canonical class. Entries of one class are the same function but for
        rounding, so a test of a model keeps each class together.
    entries
        (entries,) int64: the number of the entry, 0 to 2,912.
    """

    X: Matrix
    y: Matrix | Vector
    ok: Vector
    groups: Vector
    entries: Vector


@overload
def load_features(
    table: str,
    features: Name = ...,
    targets: str | Iterable[str] | None = ...,
    *,
    fidelity: str | None = ...,
    edition: str = ...,
    rate: View | None = ...,
    library: Literal["numpy"] = ...,
) -> TableFeatures[Floats, NDArray[np.generic]]: ...


@overload
def load_features(
    table: str,
    features: Name = ...,
    targets: str | Iterable[str] | None = ...,
    *,
    fidelity: str | None = ...,
    edition: str = ...,
    rate: View | None = ...,
    library: Literal["polars"],
) -> TableFeatures[pl.DataFrame, pl.Series]: ...


def load_features(
    table: str,
    features: Name = "outputs",
    targets: str | Iterable[str] | None = None,
    *,
    fidelity: str | None = None,
    edition: str = "regenerated",
    rate: View | None = None,
    library: Literal["numpy", "polars"] = "numpy",
) -> TableFeatures[Floats, NDArray[np.generic]] | TableFeatures[pl.DataFrame, pl.Series]:
    """Load what a model of a table learns from: finite features and targets, and groups.

    Parameters
    ----------
    table
        A key of ``act_bench.tables.registry.TABLES``.
    features
        - ``"outputs"``: 80 values of the function, clipped to ±10 and NaN as 0
          (`act_bench.spaces.paper.finite_outputs`), over sqrt(80): their Euclidean distance is
          that of Eq. 3.
        - ``"fim"``: 128 quantiles of the log eigenvalues of each layer's block of the Fisher
          information, over 128 and over the size of the layer: their Manhattan distance is that
          of Eq. 2.
        - ``"union"``: both side by side, the outputs first.
        - ``"umap-outputs"``, ``"umap-fim"``, ``"umap-union"``: the place in the stored map
          (`act_bench.tables.maps.load_map`), two values.

        Entries without a valid Fisher spectrum have no row, but for those of the outputs.
    targets
        What to predict: accuracies, losses or ``"runtime_s"``. A name, or several; None takes the
        table's own metric. Where an entry diverged, an accuracy is the table's level of chance and
        a loss that of the uniform distribution, -log(chance): the mask ``ok`` tells them apart.
        Entries that were not trained have no row.
    fidelity, edition, rate
        As for `act_bench.load_table`. Features are this package's own in either edition.
    library
        ``"numpy"``, or ``"polars"``: a DataFrame with a name for each feature, and Series.

    Returns
    -------
    TableFeatures
        ``X, y, ok, groups, entries``.

    Raises
    ------
    UnknownNameError
        If there is no such table, feature, target, fidelity or edition.
    DataError
        If the table has no such data here, or lacks a target of an entry that was trained.

    Notes
    -----
    Features and metric are those of Bingham and Miikkulainen (NeurIPS 2023); the equations are
    numbered as on its poster.

    Examples
    --------
    Cross-validation in which no function stands on both sides:

    >>> import act_bench
    >>> from sklearn.model_selection import GroupKFold, cross_val_score
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> X, y, ok, groups, entries = act_bench.load_features("mlp", "outputs")
    >>> X.shape, y.shape, int(ok.sum())
    ((2913, 80), (2913,), 1719)
    >>> model = KNeighborsRegressor(n_neighbors=3)
    >>> scores = cross_val_score(model, X[ok], y[ok], groups=groups[ok], cv=GroupKFold(5))
    >>> len(scores)
    5
    """
    info = table_info(table)
    matrix, names, known = _features(table, one_of("feature", features, NAMES))
    one = targets is None or isinstance(targets, str)
    asked = info.metric if targets is None else targets
    wanted = [asked] if isinstance(asked, str) else list(dict.fromkeys(map(str, asked)))
    if not wanted:
        raise ArgumentError(f"targets: expected a name of {', '.join(TARGETS)}, or several")
    for name in wanted:
        one_of("target", name, TARGETS)
    rows = load_table(
        table, edition=edition, fidelity=fidelity, rate=rate, columns=["entry", "outcome", *wanted]
    )
    outcome = rows["outcome"].to_numpy()
    chosen = np.flatnonzero(known[rows["entry"].to_numpy()] & (outcome != "missing"))
    entries = rows["entry"].to_numpy()[chosen].astype(np.int64)
    ok = outcome[chosen] == "ok"
    y = np.stack([_target(rows, name, info)[chosen] for name in wanted], axis=1)
    if not np.isfinite(y).all():
        lacking = [name for name, values in zip(wanted, y.T, strict=True) if not _finite(values)]
        raise DataError(
            f"{table}, edition {edition}: {', '.join(lacking)} of some entries that were trained "
            "is not known or not finite; choose other targets"
        )
    groups = np.array(load_space().canonical_class, np.int64)[entries]
    found = TableFeatures(matrix[entries], y[:, 0] if one else y, ok, groups, entries)
    if one_of("library", library, ("numpy", "polars")) == "numpy":
        return found
    import polars as pl

    return TableFeatures(
        pl.DataFrame(found.X, schema=names, orient="row"),
        pl.Series(wanted[0], y[:, 0]) if one else pl.DataFrame(y, schema=wanted, orient="row"),
        pl.Series("ok", ok),
        pl.Series("canonical_class", groups),
        pl.Series("entry", entries),
    )


def _finite(values: Floats) -> bool:
    return bool(np.isfinite(values).all())


def _target(rows: pl.DataFrame, name: str, info: TableInfo) -> Floats:
    """Return a column, with the value of a network that learned nothing where a run diverged."""
    values = rows[name].cast(float).fill_null(float("nan")).to_numpy().copy()
    if name != "runtime_s":
        diverged = rows["outcome"].to_numpy() == "diverged"
        values[diverged] = info.chance if name.endswith("accuracy") else -np.log(info.chance)
    return values


def _features(table: str, name: str) -> tuple[Floats, list[str], NDArray[np.bool_]]:
    """Return the features of every entry, their names, and which entries have them."""
    if name.startswith(_UMAP):
        found = load_map(table, cast("Feature", name.removeprefix(_UMAP)))
        return found.places.astype(np.float64), [f"{name}_x", f"{name}_y"], found.known
    outputs = output_vectors(finite_outputs(load_space().outputs))
    output_names = [f"output_{point}" for point in range(outputs.shape[1])]
    if name == "outputs":
        return outputs, output_names, np.ones(len(outputs), bool)
    spectra = load_spectra(table)
    weights = layer_weights([layer.weights for layer in spectra.layers])
    vectors = spectrum_vectors(spectra.quantiles, weights)
    spectrum_names = [
        f"fim_{layer.name}_{value}" for layer in spectra.layers for value in range(QUANTILES)
    ]
    if name == "fim":
        return vectors, spectrum_names, spectra.valid
    return np.hstack([outputs, vectors]), [*output_names, *spectrum_names], spectra.valid
