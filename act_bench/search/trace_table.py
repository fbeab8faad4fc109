"""Traces of many searches in one Parquet file: one row per search, without the answers.

What a table answers is in the table, which a row names by its SHA-256. So a row has what was asked,
and what was charged besides; reading it asks the data again, and compares the end with the end on
record. A file of 100 searches of 100 evaluations has some ten kilobytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq

from act_bench.errors import ArgumentError, excerpt
from act_bench.files.atomic import replacing
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import SearchData
from act_bench.search.events import Charge, Event, Query, Revealed, Searcher
from act_bench.search.loading import load_data
from act_bench.search.refusals import SearchOverError
from act_bench.search.trace import Header, Json, Trace, TraceError, view_of

SCHEMA: Final = pa.schema(
    [
        ("table", pa.string()),
        ("edition", pa.string()),
        ("fidelity", pa.string()),
        ("run_seed", pa.int64()),
        ("rate", pa.string()),  # a number, or the name of a view
        ("data_sha256", pa.string()),
        ("optimizer", pa.string()),
        ("settings", pa.string()),  # JSON
        ("seed", pa.uint64()),
        ("workers", pa.int32()),
        ("versions", pa.string()),  # JSON; has the version of the protocol
        ("expressions", pa.list_(pa.string())),  # what was asked, in order
        ("epochs", pa.list_(pa.int32())),  # of each question; null: all
        ("rates", pa.list_(pa.float64())),  # of each question; null: the benchmark's own
        ("charged_before", pa.list_(pa.int32())),  # the question before which each charge came
        ("charged_s", pa.list_(pa.float64())),
        ("charged_for", pa.list_(pa.string())),
        ("evaluations", pa.int32()),
        ("clock_s", pa.float64()),
        ("found", pa.string()),  # the best by validation, and its metrics
        ("validation_accuracy", pa.float64()),
        ("test_accuracy", pa.float64()),
        ("test_loss", pa.float64()),
    ]
)


def write_traces(path: Path, traces: Iterable[Trace]) -> None:
    """Write the traces of searches that a named optimizer made and that ended with a reveal.

    Raises
    ------
    ValueError
        One of them did not.
    """
    rows = pa.Table.from_pylist([_row(trace) for trace in traces], SCHEMA)
    with replacing(path) as draft:
        pq.write_table(rows, draft, compression="zstd", compression_level=15)


def _row(trace: Trace) -> Json:
    header, end = trace.header, trace.events[-1]
    if header.optimizer is None or not isinstance(end, Revealed):
        raise ArgumentError("expected the trace of an optimizer that ends with a reveal")
    queries = [event for event in trace.events if isinstance(event, Query)]
    row = header._asdict() | header.optimizer._asdict()
    charges, asked = [], 0
    for event in trace.events:
        if isinstance(event, Charge):
            charges.append((asked, event))
        asked += isinstance(event, Query)
    return {
        **{name: row[name] for name in SCHEMA.names if name in row},
        "optimizer": header.optimizer.name,
        "rate": str(header.rate),
        "settings": json.dumps(dict(header.optimizer.settings)),
        "versions": json.dumps(header.versions),
        "expressions": [query.expression for query in queries],
        "epochs": [query.result.epochs for query in queries],
        "rates": [query.rate for query in queries],
        "charged_before": [before for before, _ in charges],
        "charged_s": [charge.cost_s for _, charge in charges],
        "charged_for": [charge.reason for _, charge in charges],
        **_end(end),
    }


def _end(end: Revealed) -> Json:
    fields = end._asdict()
    del fields["entry"]
    return {"found" if name == "expression" else name: each for name, each in fields.items()}


def read_traces(path: Path) -> list[Trace]:
    """Read the traces of a file, with the answers of the data that are here.

    Raises
    ------
    TraceError
        A row is no search of the data that it names, or does not end as it says; the message says
        which, and ``line`` is its number from 1.
    """
    try:
        rows = pq.read_table(path).cast(SCHEMA).to_pylist()
    except (pa.ArrowInvalid, ValueError) as error:
        raise TraceError(1, f"expected a Parquet file of traces: {excerpt(str(error))}") from None
    known: dict[str, SearchData] = {}
    return [_trace(row, number, known) for number, row in enumerate(rows, start=1)]


def _trace(row: dict[str, Any], number: int, known: dict[str, SearchData]) -> Trace:
    try:
        header = _header(row)
        key = f"{header.table} {header.fidelity} {header.edition} {header.run_seed} {header.rate}"
        if key not in known:
            known[key] = load_data(
                header.table, header.fidelity, header.edition, header.run_seed, header.rate
            )
        events = _replayed(row, known[key], cast("Searcher", header.optimizer))
    except (ValueError, LookupError, TypeError, SearchOverError) as error:
        raise TraceError(number, str(error)) from None
    end = _end(cast("Revealed", events[-1]))
    differing = [name for name, value in end.items() if row[name] != value]
    if differing:
        raise TraceError(
            number,
            f"the search does not end as the row says: {differing[0]} is "
            f"{excerpt(end[differing[0]])}, not {excerpt(row[differing[0]])}",
        )
    return Trace(header, events)


def _header(row: dict[str, Any]) -> Header:
    rate: str = row["rate"]
    return Header(
        **{name: row[name] for name in ("table", "edition", "fidelity", "run_seed")},
        data_sha256=row["data_sha256"],
        optimizer=Searcher(
            row["optimizer"], json.loads(row["settings"]), row["seed"], row["workers"]
        ),
        versions=json.loads(row["versions"]),
        rate=view_of(rate if rate.isalpha() else float(rate)),
    )


def _replayed(row: dict[str, Any], data: SearchData, searcher: Searcher) -> tuple[Event, ...]:
    bench = Benchmark(data, searcher=searcher)
    charges = zip(row["charged_before"], row["charged_s"], row["charged_for"], strict=True)
    waiting = list(charges)
    questions = zip(row["expressions"], row["epochs"], row["rates"], strict=True)
    for place, (expression, epochs, rate) in enumerate(questions):
        while waiting and waiting[0][0] <= place:
            bench.charge(*waiting.pop(0)[1:])
        bench.query(expression, epochs, rate)
    for _, seconds, reason in waiting:
        bench.charge(seconds, reason)
    bench.reveal()
    return tuple(bench.events)
