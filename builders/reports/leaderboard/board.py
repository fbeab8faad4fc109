"""Make leaderboard/leaderboard.csv from the traces beside it.

    python -m builders.reports.leaderboard [TABLE or FILE ...]

A file of traces, ``leaderboard/DATA/OPTIMIZER.parquet``, gives a row if it is complete by the
protocol and each trace is verified as ``act-bench verify --strict`` does: the data are those here,
every answer is theirs, and the optimizer, run again, asks the same. What is not is named, and the
command fails without writing: no row may stand for traces that are refused. With tables or files of
traces named, the other rows stay as they are, but for those whose file is gone.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from act_bench.errors import ActBenchError, ExitCode
from act_bench.files.atomic import replacing
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Query, Revealed
from act_bench.search.loading import load_data
from act_bench.search.optimum import best_of
from act_bench.search.trace import Trace
from act_bench.search.trace_table import read_traces
from act_bench.search.verify import verdict
from builders.reports.results.goals import noise, trainings
from surrogates.exact import random_search_law
from surrogates.reporting import PROTOCOLS, breaches, checked
from surrogates.simulation import TOP_SHARE

FOLDER: Final = Path("leaderboard")
BOARD: Final = "leaderboard.csv"


class RefusedError(ActBenchError, ValueError):
    """A file of traces that gives no row."""

    exit_code = ExitCode.DATA


def row(path: Path) -> dict[str, object]:
    """Return what the traces of a file amount to.

    Raises
    ------
    RefusedError
        They are not all by the protocol, or not all verified.
    """
    traces = read_traces(path)
    if found := breaches(traces):
        raise RefusedError("; ".join(found))
    for number, checks in enumerate(checked(traces), start=1):
        if verdict(checks) != "verified":
            why = "; ".join(check.detail for check in checks if not check.passed)
            raise RefusedError(f"trace {number}: {why}")
    return _summary(traces)


def _summary(traces: list[Trace]) -> dict[str, object]:
    header, protocol = traces[0].header, PROTOCOLS[traces[0].protocol or 0]
    assert header.optimizer is not None  # noqa: S101 - the protocol asks for one
    data = load_data(header.table, header.fidelity, header.edition, rate=header.rate)
    rates = any(e.rate is not None for t in traces for e in t.events if isinstance(e, Query))
    best = best_of(data, any_rate=rates).score
    least = min(_trainings(trace, data) for trace in traces)
    if least < protocol.evaluations:
        raise RefusedError(f"expected {protocol.evaluations} evaluations, got {least:g}")
    curves = [_curve(trace, data.worst_score) for trace in traces]
    final = np.array([best - scores[-1] for scores, _ in curves])
    ends = [trace.events[-1] for trace in traces]
    test = data.metric.replace("validation", "test")
    tests = [getattr(e, test) for e in ends if isinstance(e, Revealed)]
    scores = np.array([data.score(entry) for entry in data.covered], dtype=np.float64)
    law = random_search_law(scores, protocol.evaluations)
    top = np.sort(scores)[-int(np.ceil(TOP_SHARE * scores.size))]
    to_top = [
        clock[np.argmax(np.array(s) >= top)] if max(s) >= top else np.inf for s, clock in curves
    ]
    clock = float(np.quantile(to_top, 0.5, method="inverted_cdf")) / trainings(data)
    low, middle, high = np.quantile(final, [0.25, 0.5, 0.75])
    settings = "".join(f":{k}={v}" for k, v in sorted(header.optimizer.settings.items()))
    return {
        "protocol": protocol.version,
        "table": data.table,
        "fidelity": data.fidelity,
        "rate": str(data.rate),
        "optimizer": header.optimizer.name,
        "settings": settings.lstrip(":"),
        "trials": len(traces),
        "regret_to": "any rate" if rates else "this rate",
        "median_regret": round(float(middle), 6),
        "regret_quartile_1": round(float(low), 6),
        "regret_quartile_3": round(float(high), 6),
        "mean_regret": round(float(final.mean()), 6),
        "random_expected_regret": round(float(law.expected_regret[-1]), 6),
        "noise": round(noise(data).value, 6),
        "clock_to_top": round(clock, 2) if np.isfinite(clock) else None,
        "reached_top": round(float(np.isfinite(to_top).mean()), 3),
        "test": round(float(np.median([t for t in tests if t is not None])), 6),
        "data_sha256": data.sha256,
    }


def _curve(trace: Trace, worst: float) -> tuple[list[float], list[float]]:
    """Return the best score so far and the clock after each training to the end."""
    best, scores, clock = worst, [], []
    for event in trace.events:
        if isinstance(event, Query) and event.result.epochs is None and not event.result.repeated:
            if event.result.score is not None:
                best = max(best, event.result.score)
            scores.append(best)
            clock.append(event.clock_s)
    return scores or [worst], clock or [trace.events[-1].clock_s]


def _trainings(trace: Trace, data: BenchmarkData) -> float:
    """Return to how many whole trainings the epochs of a search amount."""
    bench = Benchmark(data)
    for event in trace.events:
        if isinstance(event, Query):
            bench.query(event.expression, event.result.epochs, event.rate)
    return bench.trainings


def board(folder: Path, named: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows of all files, those of some tables or files made again, and what was refused.

    Parameters
    ----------
    folder
        Of the traces and the board.
    named
        Tables, and files of traces; none: all of them.
    """
    kept = folder / BOARD
    old = pl.read_csv(kept, infer_schema_length=None).to_dicts() if kept.exists() else []
    known = {folder / each["traces"]: each for each in old}
    files = {Path(name).resolve() for name in named}
    rows, refused = [], []
    for path in sorted(folder.glob("*/*.parquet")):
        table = path.parent.name.partition("-")[0]
        if named and table not in named and path.resolve() not in files:
            rows += [known[path]] if path in known else []
            continue
        try:
            rows.append(row(path) | {"traces": path.relative_to(folder).as_posix()})
        except ValueError as error:  # a TraceError is one
            refused.append(f"{path}: {error}")
    order = ["table", "rate", "median_regret", "mean_regret", "optimizer"]
    return (
        pl.DataFrame(rows, infer_schema_length=None).sort(order) if rows else pl.DataFrame()
    ), refused


def main() -> None:
    """Make the file; fail, and leave it as it is, where traces are refused."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("named", nargs="*", metavar="TABLE or FILE")
    arguments.add_argument("--folder", type=Path, default=FOLDER)
    chosen = arguments.parse_args()
    rows, refused = board(chosen.folder, chosen.named)
    if rows.is_empty() and not refused:
        refused = [f"expected traces in folders of {chosen.folder}, found none"]
    if refused:
        raise SystemExit("\n".join([*refused, "the board was not written"]))
    with replacing(chosen.folder / BOARD) as draft:
        rows.write_csv(draft)
    print(rows.select("table", "optimizer", "median_regret", "clock_to_top"))


if __name__ == "__main__":
    main()
