"""The embedded Fisher spectra: for each entry and layer the quantile function of log eigenvalues.

``{table}-fisher.parquet`` has one row per entry. How the spectra are defined and made is told in
docs/explanation/fisher.md and, as JSON, in the file's metadata.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from act_bench.files.cache import cache_folder
from act_bench.files.manifest import ABOUT, AbsentDataError, DataError
from act_bench.tables.files import file_of_some
from act_bench.tables.schema import Column, one_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

Labels = Literal["predicted", "true"]
"""Labels of the Fisher information: by the model's prediction, or those of the data."""

QUANTILES: Final = 128
"""Values kept of each layer's quantile function."""
FLOOR: Final = -100.0
"""Log of a zero eigenvalue."""
RESOLUTION: Final = 2.0**-8
"""Embedded values are multiples of this, so that a value takes one byte of a file, not two and a
half. The mean absolute difference of two spectra moves by less than that."""


class LayerSize(NamedTuple):
    """A layer with weights: its name in the network, and how many weights and biases it has."""

    name: str
    weights: int


class Spectra(NamedTuple):
    """The Fisher spectra of all entries of a table.

    Attributes
    ----------
    layers
        The network's layers with weights, in the order of the forward pass.
    quantiles
        (2913, layers, 128) float32, in entry order: log eigenvalues of each layer's block,
        ascending. Value k is the mean of the quantile function between the probabilities k/128 and
        (k + 1)/128, to the nearest multiple of :data:`RESOLUTION`. NaN for an entry without a valid
        spectrum.
    valid
        (2913,) bool.
    reason
        Why a spectrum is not valid; empty where it is.
    """

    layers: tuple[LayerSize, ...]
    quantiles: NDArray[np.float32]
    valid: NDArray[np.bool_]
    reason: tuple[str, ...]


def fisher_name(table: str) -> str:
    """Return the name of the file with a table's spectra."""
    return f"{table}-fisher.parquet"


def fisher_columns(layers: int) -> tuple[Column, ...]:
    """Return the columns of the spectra of a network with so many layers."""
    return (
        Column("entry", "int32", "", "Number of the function, 0 to 2912; the row number."),
        Column(
            "fim_quantiles",
            f"float32[{layers * QUANTILES}]",
            "log eigenvalue",
            f"Quantile function of each layer's log eigenvalues, {QUANTILES} values per layer, "
            f"multiples of 1/{round(1 / RESOLUTION)}; names and sizes of layers are in the file's "
            "metadata. NaN if not valid.",
        ),
        Column(
            "fim_valid",
            "bool_",
            "",
            "Whether both passes were finite and every factor had a positive eigenvalue.",
        ),
        Column("fim_reason", "string", "", "Why the spectrum is not valid; null if it is."),
    )


def nan_for_null(lists: pa.Array, length: int) -> pa.FixedSizeListArray:
    """Return lists of floats, all of one length or null, as vectors: NaN throughout for null.

    Files hold vectors without nulls, because pyarrow up to 25 cannot read a null vector from
    Parquet; ``fim_valid`` says which of them mean something.

    Examples
    --------
    >>> import pyarrow as pa
    >>> nan_for_null(pa.array([[1.0, 2.0], None], pa.list_(pa.float32())), 2).to_pylist()
    [[1.0, 2.0], [nan, nan]]
    """
    import numpy as np
    import pyarrow as pa

    there = lists.is_valid()
    vectors = np.full((len(lists), length), np.nan, np.float32)
    known = lists.filter(there).flatten().to_numpy()
    vectors[there.to_numpy(zero_copy_only=False)] = known.reshape(-1, length)
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), length)


def true_label_file(table: str) -> Path:
    """Return where ``python -m builders.fisher TABLE --labels true`` puts its spectra.

    They are not embedded: they lie in the user's cache.
    """
    return cache_folder() / "spectra" / f"{table}-true.parquet"


def fisher_file(table: str) -> Path:
    """Return the path of a table's spectra, checked against the manifest.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    DataError
        If this version embeds no spectra of it, or the file is missing or damaged.
    """
    otherwise = f"`act-bench features EXPRESSION --table {table}` computes one"
    return file_of_some(table, fisher_name, "Fisher spectra", otherwise)


@cache
def load_spectra(table: str, labels: Labels = "predicted") -> Spectra:
    """Return the Fisher spectra of a table, read once per process; the arrays are read-only.

    Parameters
    ----------
    table
        A key of ``act_bench.tables.registry.TABLES``.
    labels
        ``predicted``: the embedded spectra. ``true``: the empirical Fisher information, as in the
        published code, where this computer has them (:func:`true_label_file`).

    Raises
    ------
    UnknownNameError
        If there is no such table.
    DataError
        If this version embeds no spectra of it, or the file is missing or damaged.

    Examples
    --------
    >>> spectra = load_spectra("mlp")
    >>> spectra.quantiles.shape, [layer.weights for layer in spectra.layers]
    ((2913, 3, 128), [4160, 4160, 650])
    """
    if one_of("labels", labels, get_args(Labels)) == "predicted":
        return read_spectra(fisher_file(table))
    path = true_label_file(table)
    if not path.exists():
        raise AbsentDataError(
            f"Fisher spectra of {table} with true labels are not embedded, and {path} does not "
            f"exist: `python -m builders.fisher {table} --labels true` computes them"
        )
    return read_spectra(path)


def read_spectra(path: Path) -> Spectra:
    """Read spectra from a Parquet file with the columns of :func:`fisher_columns`.

    Raises
    ------
    DataError
        If the file is damaged, which the checksum of those of ``act-bench features`` tells, or is
        another.
    """
    import numpy as np

    from act_bench.files import sealed

    content = path.read_bytes()
    try:
        table, _ = sealed.decode(content)
        about = json.loads((table.schema.metadata or {})[ABOUT])
        layers = tuple(LayerSize(**layer) for layer in about["layers"])
    except (sealed.SealError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}): make it again") from error
    valid = table["fim_valid"].to_numpy()
    column = table["fim_quantiles"].filter(table["fim_valid"]).combine_chunks()
    quantiles = np.full((table.num_rows, len(layers), QUANTILES), np.nan, np.float32)
    quantiles[valid] = column.flatten().to_numpy().reshape(valid.sum(), len(layers), QUANTILES)
    for array in (valid, quantiles):
        array.setflags(write=False)
    reason = tuple(reason or "" for reason in table["fim_reason"].to_pylist())
    return Spectra(layers, quantiles, valid, reason)
