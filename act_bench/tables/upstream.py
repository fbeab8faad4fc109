"""The upstream edition: the authors' own measurements, imported on the user's machine.

The licence of the authors' files (an academic public licence: noncommercial, share-alike) keeps
everything that derives from them out of this package. ``act-bench import-upstream`` reads them on
your machine and writes three Parquet files per table to the cache folder; this module reads those.

Source of the data: Bingham and Miikkulainen (2023), *Efficient Activation Function Optimization
through Surrogate Modeling*, arXiv 2301.05785.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, NoReturn

from act_bench.files.cache import cache_folder
from act_bench.files.folders import recover
from act_bench.files.manifest import MANIFEST, AbsentDataError, DataError, verified
from act_bench.tables.registry import TABLES, UpstreamTable
from act_bench.tables.schema import one_of

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import pyarrow as pa
    from numpy.typing import NDArray

Kind = Literal["entries", "recorded", "fisher"]


BASE_URL: Final = "https://act-bench.s3.us-west-2.amazonaws.com"
"""Where the authors publish their files."""


UPSTREAM: Final[Mapping[str, UpstreamTable]] = {
    name: info.upstream for name, info in TABLES.items() if info.upstream is not None
}
"""Table -> what the authors published of it."""


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
        If it is not imported, was damaged since, or has another schema, rows or order than this
        version imports; the message says how to import it.
    """
    folder = upstream_folder(table)
    recover(folder)  # what an import that was killed had moved away
    fix = f"run `act-bench import-upstream {table} --accept-licence`"
    if not (folder / MANIFEST).exists():
        raise AbsentDataError(
            f"the upstream edition of the table {table} is not imported: the authors' licence "
            f"keeps it out of this package; {fix}, which reads their file on your machine, or "
            "use edition='regenerated'"
        )
    path = verified(upstream_name(table, kind), folder, fix)
    _check_content(path, table, kind, fix)
    return path


def _check_content(path: Path, table: str, kind: Kind, fix: str) -> None:
    """Refuse a file of another schema, rows or order, though it is whole: it is no such import.

    Raises
    ------
    DataError
        The message says what differs.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from act_bench.spaces.paper import load_space

    def refuse(what: str) -> NoReturn:
        raise DataError(f"{path} is no import by this version of act-bench: {what}; {fix}")

    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            expected = _schema(kind)
            for field in expected:
                if field.name not in schema.names:
                    refuse(f"it has no column {field.name}")
                if schema.field(field.name).type != field.type:
                    got = schema.field(field.name).type
                    refuse(f"its column {field.name} is {got}, expected {field.type}")
            if kind == "entries":
                if schema.names != expected.names:
                    refuse(f"its columns are {', '.join(schema.names)[:200]}")
                space = load_space()
                known = file.read(columns=["entry", "expression"])
                if known["entry"].to_pylist() != list(range(len(space.representatives))):
                    refuse(f"its {rows} rows are not the {len(space.representatives)} in order")
                if known["expression"].to_pylist() != list(space.representatives):
                    refuse("its expressions are not those of the entries")
                return
        if kind == "fisher":
            beside = path.with_name(upstream_name(table, "recorded"))
            keys = pq.read_metadata(beside).num_rows
            if rows != keys:
                refuse(f"it has {rows} vectors for the {keys} keys of {beside.name}")
    except (pa.ArrowException, OSError) as error:
        refuse(str(error))


def _schema(kind: Kind) -> pa.Schema:
    """Return the columns that a file must have, with their types."""
    import pyarrow as pa

    from act_bench.tables.schema import ENTRY_COLUMNS, arrow_schema

    if kind == "entries":
        return arrow_schema(ENTRY_COLUMNS)
    if kind == "fisher":
        return pa.schema([("cdf", pa.list_(pa.float32()))])
    flags = [("used", pa.bool_()), ("fim_valid", pa.bool_())]
    return pa.schema([("expression", pa.string()), ("entry", pa.int32()), *flags])


def load_recorded(table: str) -> pl.DataFrame:
    """Load what the authors' file says, one row per key of it, non-finite numbers kept.

    Returns
    -------
    polars.DataFrame
        See ``docs/reference/upstream.md`` for its columns.

    Raises
    ------
    DataError
        As ``upstream_file``.
    """
    import polars as pl

    return pl.read_parquet(upstream_file(table, "recorded"))


def load_cdfs(table: str, entries: Collection[int] | None = None) -> FisherCdfs:
    """Load the authors' Fisher CDF vectors of the entries that have valid ones.

    The distance of two is :func:`act_bench.tables.distances.cdf_distances`.

    Parameters
    ----------
    table
        A key of ``UPSTREAM``.
    entries
        Only these entries, which is faster than all; None for all.

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
    valid = np.flatnonzero(
        recorded["used"].to_numpy(zero_copy_only=False)
        & recorded["fim_valid"].to_numpy(zero_copy_only=False)
    )
    if not len(valid):
        raise DataError(f"no entry of the upstream edition of {table} has a valid Fisher vector")
    found = recorded["entry"].take(valid).to_numpy().astype(np.int32)
    if entries is not None:
        wanted = np.isin(found, list(entries))
        valid, found = valid[wanted], found[wanted]
    order = np.argsort(found)
    place = {int(row): rank for rank, row in enumerate(valid[order])}
    values = np.empty((len(place), 0), np.float32)
    with pq.ParquetFile(upstream_file(table, "fisher")) as file:
        first = 0
        for group in range(file.num_row_groups):
            rows = range(first, first + file.metadata.row_group(group).num_rows)
            first = rows.stop
            ours = [row for row in rows if row in place]
            if not ours:
                continue
            vectors = file.read_row_group(group, columns=["cdf"])["cdf"].combine_chunks()
            for row in ours:
                cdf = vectors[row - rows.start].values.to_numpy()
                if not values.shape[1]:
                    values = np.empty((len(place), len(cdf)), np.float32)
                values[place[row]] = cdf
    return FisherCdfs(found[order], values)


def cdf_vectors(
    table: str, entries: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the CDF vectors of entries as features: what models of scores are shown.

    Bins in which all of them are equal change no distance and are left out: most are, far from
    the eigenvalues.

    Parameters
    ----------
    table
        A key of ``UPSTREAM``.
    entries
        Ascending.

    Returns
    -------
    vectors : ndarray
        Shape (len(entries), bins that differ); their Manhattan distance is
        :func:`act_bench.tables.distances.cdf_distances`. Zeros where there is no valid vector.
    valid : ndarray
        Shape (len(entries),), bool.

    Raises
    ------
    DataError
        As ``load_cdfs``.
    """
    import numpy as np

    cdfs = load_cdfs(table, entries)
    valid = np.isin(entries, cdfs.entries)
    differ = (cdfs.values != cdfs.values[:1]).any(axis=0)
    vectors = np.zeros((len(entries), np.count_nonzero(differ)))
    vectors[valid] = cdfs.values[:, differ]
    return vectors, valid
