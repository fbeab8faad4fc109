"""Fisher spectra of a user's own network, computed into the search's folder; resumable."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final, cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from torch import Tensor, nn

from act_bench.errors import ArgumentError
from act_bench.files.resumable import read_part, write_part
from act_bench.functions.expression import Expression, parse
from act_bench.tables.distances import layer_weights, quantile_function
from act_bench.tables.spectra import QUANTILES
from regenerate.fisher import FisherConvention, InvalidSpectrumError, Labels, fisher_spectrum
from regenerate.fisher.coverage import EXCLUDED_NAMES
from regenerate.runs.store import SearchFolderError
from surrogates.features import spectrum_part

SPECTRA: Final = "spectra.parquet"
_PARTS: Final = "spectra"
_CHUNK: Final = 64
Float = NDArray[np.float64]


def network_spectrum(
    network: nn.Module, images: Tensor, labels: Tensor, table: str
) -> tuple[NDArray[np.float32], list[int]] | None:
    """Return the quantile functions (layers, 128) of a network and its layers' sizes, or None.

    Labels are drawn from the network's prediction, one per image, by fixed numbers.

    Raises
    ------
    regenerate.fisher.coverage.UnsupportedLayerError
        The network has parameters of which the block is not known; the message names the layer.
    """
    convention = FisherConvention(
        table=table, batch=(0, len(images)), labels=Labels.PREDICTED_SAMPLE, dtype="float32"
    )
    try:
        layers = fisher_spectrum(network, images, convention, labels)
    except InvalidSpectrumError:
        return None
    quantiles = np.stack([quantile_function(layer.log_eigenvalues) for layer in layers])
    return quantiles, [layer.weights for layer in layers]


def compute_spectra(
    folder: Path,
    expressions: Sequence[str],
    spectrum: Callable[[Expression], tuple[NDArray[np.float32], list[int]] | None],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Compute the spectra of functions into ``folder/spectra.parquet``, if it is not there.

    The file's metadata state which kinds of layers have no part in them (``excluded``).

    Parameters
    ----------
    folder
        The search's own; parts that are finished stay there until all are.
    expressions
        The functions, in the order of the space.
    spectrum
        Computes one, see :func:`network_spectrum`.
    progress
        Told how many functions are done, and of how many.

    Raises
    ------
    regenerate.runs.store.SearchFolderError
        If a part is damaged, or the folder cannot be written to.
    """
    target, parts = folder / SPECTRA, folder / _PARTS
    if target.exists():
        return
    parts.mkdir(exist_ok=True)
    finished = []  # by name: a killed process may have left a draft beside them
    for start in range(0, len(expressions), _CHUNK):
        part = parts / f"{start:06d}.parquet"
        finished.append(part)
        if not part.exists():
            rows = []
            for text in expressions[start : start + _CHUNK]:
                begun = perf_counter()
                found = spectrum(parse(text))
                rows.append(
                    {
                        "expression": text,
                        "quantiles": None if found is None else found[0].ravel().tolist(),
                        "weights": None if found is None else found[1],
                        "seconds": perf_counter() - begun,
                    }
                )
            write_part(part, pa.Table.from_pylist(rows, schema=_SCHEMA), SearchFolderError)
        if progress is not None:
            progress(min(start + _CHUNK, len(expressions)), len(expressions))
    whole = pa.concat_tables([_read(part) for part in finished])
    whole = whole.replace_schema_metadata({"excluded": json.dumps(EXCLUDED_NAMES)})
    write_part(target, whole, SearchFolderError)
    shutil.rmtree(parts)


_SCHEMA: Final = pa.schema(
    [
        ("expression", pa.string()),
        ("quantiles", pa.list_(pa.float32())),
        ("weights", pa.list_(pa.int64())),
        ("seconds", pa.float64()),
    ]
)


def _read(path: Path) -> pa.Table:
    """Read spectra, also those of older versions, which had other types of the same values."""
    table, _ = read_part(path, SearchFolderError)
    try:
        return table.select(_SCHEMA.names).cast(_SCHEMA)
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise SearchFolderError(f"{path} holds no spectra ({error}); delete it") from error


def seconds_each(path: Path) -> float:
    """Return what the spectrum of a function took, on average."""
    return float(_read(path).column("seconds").to_numpy().mean())


def read_spectra(path: Path) -> tuple[Float, NDArray[np.bool_]]:
    """Return the spectra as vectors for the Manhattan distance, and which are valid.

    A vector that is not valid holds zeros, which no model is shown.

    Raises
    ------
    ValueError
        No function has a valid spectrum.
    regenerate.runs.store.SearchFolderError
        The file is damaged.
    """
    rows = cast("pl.DataFrame", pl.from_arrow(_read(path)))
    valid = rows["quantiles"].is_not_null().to_numpy()
    if not valid.any():
        raise ArgumentError(
            f"{path}: no function has a valid spectrum in this network; use features=outputs"
        )
    kept = rows.filter(pl.col("quantiles").is_not_null())
    weights = layer_weights(kept["weights"][0].to_list())
    quantiles = np.zeros((len(rows), len(weights), QUANTILES), np.float32)
    found = np.array(kept["quantiles"].to_list(), dtype=np.float32)
    quantiles[valid] = found.reshape(len(kept), len(weights), QUANTILES)
    return spectrum_part(quantiles, weights).vectors, valid
