"""Runs in Parquet: the parts that a sweep writes, and their merging into one table."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from act_bench.schema import RUN_COLUMNS, arrow_schema
from regenerate.run import Run

KEY = ("expression", "fidelity", "seed")
"""What a run is known by; there is one of each in a table."""

RESULTS = (
    "recipe_sha", "outcome", "train_accuracy", "validation_accuracy", "test_accuracy",
    "train_loss", "validation_loss", "test_loss", "images_seen",
)  # fmt: skip
"""What two records of the same run must agree on; time and place may differ."""


class PartError(RuntimeError):
    """A part that cannot be read, or parts that contradict each other."""


def to_table(runs: Iterable[Run]) -> pa.Table:
    """Return runs as an Arrow table with the run columns of ``act_bench.schema``.

    Examples
    --------
    >>> to_table([]).column_names[:3]
    ['expression', 'entry', 'fidelity']
    """
    rows = [dataclasses.asdict(run) for run in runs]
    return pa.Table.from_pylist(rows, schema=arrow_schema(RUN_COLUMNS))


def write(path: Path, table: pa.Table) -> None:
    """Write a table as Parquet so that after a kill at any moment it is there whole or not at all.

    The draft has another suffix than ``.parquet``: what a kill leaves behind is no part.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("wb") as file:
            pq.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read(folder: Path, columns: Sequence[str] | None = None) -> list[pa.Table]:
    """Read all parts in a folder.

    Raises
    ------
    PartError
        If a part is damaged; the message names it.
    """
    tables = []
    for path in sorted(folder.glob("*.parquet")):
        try:
            tables.append(pq.ParquetFile(path).read(columns=columns))
        except (pa.ArrowException, OSError) as error:
            raise PartError(
                f"{path} is damaged ({error}); delete it and run the sweep again: "
                "it trains what the file held and nothing else"
            ) from error
    return tables


def merge(folders: Iterable[Path]) -> pa.Table:
    """Return the runs of all parts in some folders as one table, sorted by entry and seed.

    A run that is there twice with the same results is kept once.

    Raises
    ------
    PartError
        If there are no parts, one is damaged, or two records of the same run contradict.
    """
    folders = list(folders)
    tables = [table for folder in folders for table in read(folder)]
    if not tables:
        raise PartError(f"no parts in {', '.join(map(str, folders))}; run the sweep first")
    order = [("entry", "ascending"), ("expression", "ascending"), ("seed", "ascending")]
    merged = pa.concat_tables(tables).sort_by(order)
    distinct = merged.select([*KEY, *RESULTS]).group_by([*KEY, *RESULTS]).aggregate([])
    counts = distinct.group_by(list(KEY)).aggregate([([], "count_all")])
    contradicting = counts.filter(pc.greater(counts["count_all"], 1))
    if contradicting.num_rows:
        first = contradicting.slice(0, 1).to_pylist()[0]
        raise PartError(
            f"{contradicting.num_rows} runs are recorded twice with different results, the first "
            f"is {first['expression']} with seed {first['seed']}: were the folders made with "
            "different versions or machines? Merge them apart"
        )
    rows = pa.array(range(merged.num_rows))
    firsts = merged.append_column("row", rows).group_by(list(KEY)).aggregate([("row", "min")])
    return merged.take(pc.take(firsts["row_min"], pc.sort_indices(firsts["row_min"])))
