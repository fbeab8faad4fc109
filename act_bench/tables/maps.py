"""The stored maps: where UMAP puts the functions in a plane.

``embedding.parquet`` is the map by outputs. ``{table}-embedding.parquet`` has two more for each
table with Fisher spectra: by spectra, and by the union of both. They are stored so that nobody has
to wait for UMAP or wonder about its draws, which differ between versions
(``python -m builders.embedding`` makes them).

A function without a valid spectrum has no place on the last two: its coordinates are null. The
reference search drops such functions too, as failures that are known beforehand (Bingham and
Miikkulainen, NeurIPS 2023).
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from act_bench.files.manifest import EMBEDDING_FILE, DataError, metadata_of, verified
from act_bench.tables.distances import DEFAULT_WEIGHTING
from act_bench.tables.files import file_of_some
from act_bench.tables.registry import table_info
from act_bench.tables.schema import Column, one_of
from act_bench.tables.spectra import load_spectra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from act_bench.tables.spectra import Spectra

Feature = Literal["outputs", "fim", "union"]
FEATURES: Final = ("outputs", "fim", "union")

MAP_COLUMNS: Final = (
    Column("entry", "int32", "", "Number of the function, 0 to 2912; the row number."),
    Column(
        "fim_x",
        "float32",
        "",
        "First coordinate in the map by Fisher spectra, no unit; null without a valid spectrum.",
    ),
    Column("fim_y", "float32", "", "Second coordinate."),
    Column(
        "union_x",
        "float32",
        "",
        "First coordinate in the map by outputs and spectra; null without a valid spectrum.",
    ),
    Column("union_y", "float32", "", "Second coordinate."),
)


class Map(NamedTuple):
    """Where the functions are.

    Attributes
    ----------
    places
        (2913, 2) float32, in entry order; NaN for a function that is not on the map. No unit.
    known
        (2913,) bool: which functions are on it.
    """

    places: NDArray[np.float32]
    known: NDArray[np.bool_]


def map_name(table: str) -> str:
    """Return the name of the file with the maps by a table's Fisher spectra."""
    return f"{table}-embedding.parquet"


def spectra_sha(spectra: Spectra) -> str:
    """Return 12 hex digits of the SHA-256 of the quantiles: what a map was made from."""
    digest = hashlib.sha256(spectra.quantiles.tobytes())
    digest.update(spectra.valid.tobytes())
    return digest.hexdigest()[:12]


@cache
def load_map(table: str, feature: Feature = "union") -> Map:
    """Return a stored map, read once per process; the arrays are read-only.

    Parameters
    ----------
    table
        A key of ``act_bench.tables.registry.TABLES``. The map by outputs is the same for all.
    feature
        ``outputs``, ``fim`` or ``union``.

    Raises
    ------
    UnknownNameError
        If there is no such table or feature.
    DataError
        If this version embeds no such map, or one of other spectra than those it embeds, or with
        other weights of their layers than the default.

    Examples
    --------
    >>> places, known = load_map("mlp", "fim")
    >>> places.shape, bool(known.all())
    ((2913, 2), False)
    """
    import numpy as np
    import pyarrow.parquet as pq

    table_info(table)
    if one_of("feature", feature, FEATURES) == "outputs":
        columns, path = ("x", "y"), verified(EMBEDDING_FILE)
    else:
        columns, path = (f"{feature}_x", f"{feature}_y"), _present(table)
        about = metadata_of(path)
        made_from = about["spectra_sha"], about["method"]["weighting"]
        if made_from != (spectra_sha(load_spectra(table)), DEFAULT_WEIGHTING):
            raise DataError(
                f"{path.name} was made from other Fisher spectra than those of the table {table}, "
                f"or with other weights of layers than {DEFAULT_WEIGHTING}; "
                f"`python -m builders.embedding --table {table}` makes it again"
            )
    rows = pq.read_table(path, columns=list(columns))
    places = np.column_stack([rows[name].to_numpy() for name in columns]).astype(np.float32)
    known = np.asarray(np.isfinite(places).all(axis=1))
    for array in (places, known):
        array.setflags(write=False)
    return Map(places, known)


def _present(table: str) -> Path:
    making = f"`python -m builders.embedding --table {table}` makes one"
    otherwise = f"{making} where the spectra are embedded"
    return file_of_some(table, map_name, "map by the Fisher spectra", otherwise)
