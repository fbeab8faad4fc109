"""Write the embedded data as a Hugging Face dataset repository.

The folder has a README.md (the dataset card under a YAML head with the configurations and their
features), the Parquet files under ``data/``, the manifest with their SHA-256, and Croissant
metadata. The entries of a table in its default view and their Fisher spectra are joined into
``{table}.parquet``; every other file is the embedded one. Plain ``datasets.load_dataset`` reads it,
on the Hub or from disk, with nothing of this package installed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from act_bench.errors import ActBenchError, ExitCode
from act_bench.files.folders import filling, is_draft
from act_bench.files.manifest import (
    FIX,
    MANIFEST,
    DataError,
    FileRecord,
    metadata_of,
    sha256,
    write_records,
)
from act_bench.publishing.croissant import NAME as CROISSANT
from act_bench.publishing.croissant import croissant
from act_bench.tables.configurations import Configuration, configurations, exported_files
from act_bench.tables.schema import Column, names, split_dtype

CARD: Final = "DATASET_CARD.md"
MADE: Final = "act-bench export"
TRACES: Final = "traces.parquet"
_TRACES_HEAD: Final = f"""\
- config_name: traces
  data_files:
  - split: train
    path: data/{TRACES}
"""
# In a wheel the card lies in the package, in a source tree above it.
_PACKAGE = Path(__file__).parent.parent
_CARD_FOLDERS = (_PACKAGE, _PACKAGE.parent)

_HEAD: Final = """\
license: cc-by-4.0
pretty_name: Act-Bench
task_categories:
- tabular-regression
tags:
- activation-functions
- automl
- benchmark
- learning-curves
- neural-architecture-search
- tabular-benchmark
"""


class NotEmptyError(ActBenchError, FileExistsError):
    """A folder to export to that has other files."""

    exit_code = ExitCode.USAGE


def export(
    folder: Path, *, force: bool = False, url: str | None = None, traces: Path | None = None
) -> list[Path]:
    """Write the dataset repository to ``folder``.

    All files are written to a draft inside the folder first and moved into place when they are
    complete; so the folder may lie anywhere, and its parent need not be writable.

    Parameters
    ----------
    folder
        Where to; made if it does not exist. Called ``act-bench``, it is what
        ``datasets.load_dataset("act-bench", "mlp")`` finds from the folder above it.
    force
        Write into a folder that is not empty: files of the same names are replaced, all others
        are left alone.
    url
        Where the dataset will be, for its Croissant metadata.
    traces
        A folder with traces of searches, ``DATA/OPTIMIZER.parquet`` as ``act-bench simulate
        --protocol`` writes them; they become the configuration ``traces``, one row per search.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    NotEmptyError
        If the folder is not empty and ``force`` is not set, or is a file.
    DataError
        If an embedded file is missing or damaged.
    OSError
        If the folder cannot be written to, or the disk is full; it names the folder.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     files = export(pathlib.Path(parent) / "act-bench")
    >>> files[-1].name
    'README.md'
    """
    if folder.exists() and (not folder.is_dir() or (_holds_files(folder) and not force)):
        raise NotEmptyError(
            f"{folder} is not an empty folder; choose another, or --force to replace the files of "
            "an earlier export in it"
        )
    sources = exported_files()
    for each in sources.values():
        each.verify()  # all of them, before anything is written
    text = card()
    # The README names the other files, so it is moved last.
    with filling(folder, last="README.md") as draft:
        (draft / "data").mkdir()
        written = {
            name: _write(each, draft / "data" / name) for name, each in sorted(sources.items())
        }
        records = {name: each.record for name, each in written.items()}
        write_records(records, draft / "data" / MANIFEST)
        metadata = json.dumps(croissant(records, datetime.now(UTC).date(), url), indent=2)
        (draft / CROISSANT).write_text(f"{metadata}\n", encoding="utf-8")
        head = front_matter(written)
        if traces is not None:
            _write_traces(traces, draft / "data" / TRACES)
            head = head.replace("dataset_info:\n", _TRACES_HEAD + "dataset_info:\n", 1)
        readme = f"---\n{head}---\n\n{text}"
        (draft / "README.md").write_text(readme, encoding="utf-8")
    others = (MANIFEST,) if traces is None else (MANIFEST, TRACES)
    data = sorted(folder / "data" / name for name in (*written, *others))
    return [*data, folder / CROISSANT, folder / "README.md"]


def _write_traces(folder: Path, path: Path) -> None:
    """Write the traces of all files of a folder as one file; they are read first, and so checked.

    Raises
    ------
    DataError
        There are none.
    act_bench.search.trace.TraceError
        One is no search of the data that it names.
    """
    from act_bench.search.trace_table import read_traces, write_traces

    found = [trace for each in sorted(folder.rglob("*.parquet")) for trace in read_traces(each)]
    if not found:
        raise DataError(
            f"{folder} has no traces; make them with act-bench simulate TABLE --protocol 1 "
            f"--output {folder}/TABLE"
        )
    write_traces(path, found)


def _holds_files(folder: Path) -> bool:
    """Say whether there is anything in a folder but what a killed export left."""
    return any(not is_draft(path) for path in folder.iterdir())


class Written(NamedTuple):
    """A file of an export.

    Attributes
    ----------
    record
        For the manifest.
    memory
        Bytes of each column as Arrow, by its name.
    """

    record: FileRecord
    memory: dict[str, int]


def _write(configuration: Configuration, path: Path) -> Written:
    """Write the file of a configuration, joined if others stand beside it."""
    rows = configuration.read()
    memory = {name: int(rows.column(name).nbytes) for name in rows.column_names}
    if not configuration.beside:
        # Not copyfile: of a full disk its error would name the file that is read.
        path.write_bytes(configuration.verify()[0].read_bytes())
        return Written(configuration.record, memory)
    from act_bench.publishing.parquet import write_table

    entries, *others = (metadata_of(file) for file in configuration.verify())
    beside = zip((each.name for each in configuration.beside), others, strict=True)
    about = {**entries, "beside": dict(beside), "made": MADE}
    write_table(rows, configuration.columns, path, about)
    record = configuration.record._replace(
        name=path.name, sha256=sha256(path), bytes=path.stat().st_size, made=MADE
    )
    return Written(record, memory)


def card() -> str:
    """Return the text of the dataset card, Markdown without a head.

    Raises
    ------
    DataError
        If its file is missing.
    """
    for folder in _CARD_FOLDERS:
        if (folder / CARD).exists():
            return (folder / CARD).read_text(encoding="utf-8")
    raise DataError(f"{_CARD_FOLDERS[0] / CARD} is missing; {FIX}")


def front_matter(written: Mapping[str, Written]) -> str:
    """Return the YAML head of the card: licence, tags, configurations, features, sizes.

    The first configuration is the default one, as in ``act_bench.load_dataset``.

    Parameters
    ----------
    written
        The files of the export, by name.
    """
    chosen = list(configurations().values())
    if not chosen:
        raise DataError(f"there is no data to export; {FIX}")
    rows = sum(each.record.rows for each in written.values())
    whole = exported_files()
    lines = [_HEAD.rstrip(), "size_categories:", f"- {size_category(rows)}", "configs:"]
    for configuration in chosen:
        lines += [f"- config_name: {configuration.name}"]
        lines += ["  default: true"] if configuration is chosen[0] else []
        lines += ["  data_files:", "  - split: train", f"    path: data/{configuration.exported}"]
        if configuration.columns != whole[configuration.exported].columns:
            lines += ["  columns:", *(f"  - {name}" for name in names(configuration.columns))]
    lines += ["dataset_info:"]
    for configuration in chosen:
        record, memory = written[configuration.exported]
        size = sum(memory[name] for name in names(configuration.columns))
        lines += [f"- config_name: {configuration.name}", "  features:"]
        lines += _features(configuration.columns)
        # datasets compares the rows that it reads with these, so a short file is noticed there too.
        lines += ["  splits:", "  - name: train"]
        lines += [f"    num_bytes: {size}", f"    num_examples: {record.rows}"]
        lines += [f"  download_size: {record.bytes}", f"  dataset_size: {size}"]
    return "\n".join(lines) + "\n"


def _features(columns: Iterable[Column]) -> list[str]:
    """Return YAML lines of the features; lists as ``sequence``, which old datasets read too."""
    lines = []
    for column in columns:
        item, kind, length = split_dtype(column.dtype)
        item = {"bool_": "bool"}.get(item, item)  # pyarrow's name for it, and that of datasets
        lines += [f"  - name: {column.name}"]
        lines += [f"    {'sequence' if kind == 'list' else 'dtype'}: {item}"]
        lines += [f"    length: {length}"] if length is not None else []
    return lines


def size_category(rows: int) -> str:
    """Return the Hub's size category of a dataset.

    Examples
    --------
    >>> size_category(500), size_category(37146), size_category(10**6)
    ('n<1K', '10K<n<100K', '1M<n<10M')
    """
    bounds = {10**3: "n<1K", 10**4: "1K<n<10K", 10**5: "10K<n<100K", 10**6: "100K<n<1M"}
    return next((word for bound, word in bounds.items() if rows < bound), "1M<n<10M")


def markdown_columns(columns: Iterable[Column]) -> str:
    """Return a Markdown table of columns: name, type, unit, meaning.

    Examples
    --------
    >>> print(markdown_columns([Column("runs", "int32", "runs", "Number of runs.")]))
    | column | type | unit | meaning |
    |---|---|---|---|
    | `runs` | `int32` | runs | Number of runs. |
    """
    lines = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{column.name}` | `{column.dtype}` | {column.unit} | {column.meaning} |"
        for column in columns
    ]
    return "\n".join(lines)
