"""The upstream edition: the authors' own measurements, imported on the user's machine.

The licence of the authors' files (an academic public licence: noncommercial, share-alike) keeps
everything that derives from them out of this package. ``act-bench import-upstream`` reads them on
your machine and writes three Parquet files a table to the cache folder; this module reads those.

Source of the data: Bingham and Miikkulainen (2023), *Efficient Activation Function Optimization
through Surrogate Modeling*, arXiv 2301.05785.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from act_bench.cache import cache_folder
from act_bench.manifest import MANIFEST, DataError, verified
from act_bench.schema import one_of

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

Kind = Literal["entries", "recorded", "fisher"]


BASE_URL: Final = "https://act-bench.s3.us-west-2.amazonaws.com"
"""Where the authors publish their files."""


class UpstreamTable(NamedTuple):
    """What is known of one of the authors' files.

    Attributes
    ----------
    name
        The table.
    runs
        Trainings behind each value: medians of three, or one.
    bins
        Length of its Fisher CDF vectors as far as known, else None. It follows from the reference
        code and the layers' sizes; the import takes the length that most entries have.
    validation_is_test
        Whether validation and test were measured on the same images.
    """

    name: str
    runs: int
    bins: int | None
    validation_is_test: bool


UPSTREAM: Final[dict[str, UpstreamTable]] = {
    "cnn": UpstreamTable("cnn", runs=3, bins=13_683, validation_is_test=False),
    "resnet": UpstreamTable("resnet", runs=3, bins=None, validation_is_test=False),
    "vit": UpstreamTable("vit", runs=1, bins=10_948, validation_is_test=True),
}


class FisherCdfs(NamedTuple):
    """The authors' Fisher features of the entries that have valid ones.

    Attributes
    ----------
    entries
        Shape (n,), int32, ascending: whose they are.
    values
        Shape (n, bins), float32: distribution functions of the log eigenvalues of the Fisher
        information matrix, one after the other for all layers, on the authors' bins over
        [-100, 100].
    """

    entries: NDArray[np.int32]
    values: NDArray[np.float32]


def source_name(table: str) -> str:
    """Return the name of the authors' file of a table.

    Examples
    --------
    >>> source_name("cnn")
    'act-bench-cnn.json'
    """
    return f"act-bench-{one_of('upstream table', table, UPSTREAM)}.json"


def upstream_folder(table: str) -> Path:
    """Return the folder of an imported table, which need not exist.

    Raises
    ------
    UnknownNameError
        If the authors have no such table.
    """
    return cache_folder() / "upstream" / one_of("upstream table", table, UPSTREAM)


def upstream_name(table: str, kind: Kind) -> str:
    """Return the name of a file of an imported table.

    Examples
    --------
    >>> upstream_name("cnn", "entries"), upstream_name("cnn", "fisher")
    ('cnn-upstream.parquet', 'cnn-upstream-fisher.parquet')
    """
    return f"{table}-upstream.parquet" if kind == "entries" else f"{table}-upstream-{kind}.parquet"


def upstream_file(table: str, kind: Kind = "entries") -> Path:
    """Return the path of a file of an imported table, checked against its SHA-256.

    Parameters
    ----------
    table
        A key of ``UPSTREAM``.
    kind
        ``entries``: the columns of every table; ``recorded``: what the authors' file says, one row
        a key of it; ``fisher``: its CDF vectors.

    Raises
    ------
    UnknownNameError
        If the authors have no such table.
    DataError
        If it is not imported, or was damaged since; the message says how to import it.
    """
    folder = upstream_folder(table)
    mend = f"run `act-bench import-upstream {table} --accept-licence`"
    if not (folder / MANIFEST).exists():
        raise DataError(
            f"the upstream edition of the table {table} is not imported: the authors' licence "
            f"keeps it out of this package; {mend}, which reads their file on your machine, or "
            "use edition='regenerated'"
        )
    return verified(upstream_name(table, kind), folder, mend)


def load_recorded(table: str) -> pl.DataFrame:
    """Load what the authors' file says, one row a key of it, non-finite numbers kept.

    Returns
    -------
    polars.DataFrame
        See ``docs/upstream.md`` for its columns.

    Raises
    ------
    DataError
        As ``upstream_file``.
    """
    import polars as pl

    return pl.read_parquet(upstream_file(table, "recorded"))


def load_cdfs(table: str) -> FisherCdfs:
    """Load the authors' Fisher CDF vectors of the entries that have valid ones.

    Raises
    ------
    DataError
        As ``upstream_file``; or no entry has a valid vector.
    """
    import numpy as np
    import pyarrow.parquet as pq

    columns = ["entry", "used", "fim_valid"]
    with pq.ParquetFile(upstream_file(table, "recorded")) as file:
        recorded = file.read(columns)
    chosen = np.flatnonzero(
        recorded["used"].to_numpy(zero_copy_only=False)
        & recorded["fim_valid"].to_numpy(zero_copy_only=False)
    )
    if not len(chosen):
        raise DataError(f"no entry of the upstream edition of {table} has a valid Fisher vector")
    entries = recorded["entry"].take(chosen).to_numpy().astype(np.int32)
    order = np.argsort(entries)
    place = {int(row): rank for rank, row in enumerate(chosen[order])}
    values: NDArray[np.float32] | None = None
    row = 0
    with pq.ParquetFile(upstream_file(table, "fisher")) as file:
        for batch in file.iter_batches(batch_size=64, columns=["cdf"]):
            for vector in batch.column(0):
                if row in place:
                    cdf = vector.values.to_numpy()
                    if values is None:
                        values = np.empty((len(chosen), len(cdf)), np.float32)
                    values[place[row]] = cdf
                row += 1
    assert values is not None  # noqa: S101  (chosen is not empty)
    return FisherCdfs(entries[order], values)


def cdf_distances(cdf: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the Manhattan distances between one CDF vector and others, as the authors use them.

    On layer l with bins of width h_l it is W1(mu_l, nu_l) / h_l, summed over the layers (poster,
    Equation 2, with the weights that the published code implies: larger layers have narrower bins
    and weigh more).

    Parameters
    ----------
    cdf
        Shape (bins,).
    others
        Shape (n, bins).

    Returns
    -------
    ndarray
        Shape (n,), no unit.

    Examples
    --------
    >>> import numpy as np
    >>> others = np.array([[0, 1, 1], [0, 0, 1]], np.float32)
    >>> cdf_distances(others[0], others)
    array([0., 1.])
    """
    import numpy as np

    distances = np.empty(len(others))
    for row, other in enumerate(others):  # a row at a time: no copy of a matrix of 160 MB
        distances[row] = np.abs(other - cdf).sum(dtype=np.float64)
    return distances
