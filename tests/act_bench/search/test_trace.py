"""Traces: round trip, and that verification finds every kind of change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData, SearchData
from act_bench.search.events import Searcher
from act_bench.search.trace import Trace, TraceError, read_trace
from act_bench.search.verify import Check, verify

MakeData = Callable[..., BenchmarkData]

SEARCHER = Searcher("by-hand", {"depth": 2, "rate": 0.1, "name": "a", "on": True, "off": None}, 3)


@pytest.fixture(scope="module")
def data(make_data: MakeData) -> BenchmarkData:
    return make_data(missing=(5,))


@pytest.fixture
def path(data: BenchmarkData, tmp_path: Path) -> Path:
    """A trace with every kind of event and outcome."""
    bench = Benchmark(data, searcher=SEARCHER)
    diverged = data.space.representatives[data.outcome.index("diverged")]
    missing = data.space.representatives[5]
    for text in ("relu(x)", "max(x, zero(x))", diverged, missing, "max(relu(x),elu(x))"):
        bench.query(text)
    bench.charge(1.25, "features")
    bench.query("tanh(x)")
    bench.reveal()
    bench.trace.save(tmp_path / "search.jsonl")
    return tmp_path / "search.jsonl"


def change(path: Path, line: int, **fields: Any) -> None:
    lines = path.read_text().splitlines()
    lines[line - 1] = json.dumps({**json.loads(lines[line - 1]), **fields})
    path.write_text("\n".join(lines) + "\n")


def failed(checks: list[Check]) -> list[tuple[str, int | None]]:
    return [(check.name, check.line) for check in checks if check.passed is False]


def test_a_trace_comes_back_as_it_was(data: BenchmarkData, path: Path) -> None:
    trace = read_trace(path)
    assert trace.header.optimizer == SEARCHER
    assert trace.header.data_sha256 == data.sha256
    assert set(trace.header.versions) == {"act-bench", "numpy", "python"}
    assert list(trace.lines()) == path.read_text().splitlines()
    again = path.with_name("again.jsonl")
    trace.save(again)
    assert again.read_bytes() == path.read_bytes()
    assert sorted(file.name for file in path.parent.iterdir()) == ["again.jsonl", "search.jsonl"]


def test_a_true_trace_passes(data: BenchmarkData, path: Path) -> None:
    checks = verify(path, data=data)
    assert [(check.name, check.passed) for check in checks] == [
        ("format", True),
        ("data", True),
        ("answers", True),
    ]


# Lines: 1 header, 2 relu, 3 its repeat, 4 diverged, 5 missing, 6 max, 7 charge, 8 tanh, 9 reveal.
@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (2, {"validation_accuracy": 0.99}),
        (2, {"score": 0.99}),
        (2, {"cost_s": 0.0}),
        (2, {"entry": 21}),
        (2, {"how_resolved": "exact"}),
        (2, {"expression": "elu(x)"}),
        (3, {"repeated": False}),
        (3, {"clock_s": 0.0}),
        (4, {"outcome": "ok"}),
        (5, {"outcome": "diverged"}),
        (7, {"clock_s": 0.5}),
        (9, {"test_accuracy": 0.99}),
        (9, {"evaluations": 5}),
        (9, {"entry": 0}),
    ],
)
def test_any_changed_answer_is_found_at_its_line(
    data: BenchmarkData, path: Path, line: int, fields: dict[str, object]
) -> None:
    change(path, line, **fields)
    assert failed(verify(path, data=data)) == [("answers", line)]


def test_one_bit_is_found(data: BenchmarkData, path: Path) -> None:
    import math

    clock = json.loads(path.read_text().splitlines()[1])["clock_s"]
    change(path, 2, clock_s=math.nextafter(clock, 2 * clock))
    assert failed(verify(path, data=data)) == [("answers", 2)]


def test_a_line_taken_out_is_found(data: BenchmarkData, path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:1] + lines[2:]))
    assert failed(verify(path, data=data)) == [("answers", 2)]


def test_an_expression_that_does_not_parse_is_a_failure(data: BenchmarkData, path: Path) -> None:
    change(path, 8, expression="tan(x)")
    assert failed(verify(path, data=data)) == [("answers", 8)]


def test_other_data_are_found(data: BenchmarkData, path: Path) -> None:
    assert failed(verify(path, data=replace(data, sha256="f" * 64))) == [("data", 1)]


def test_a_byte_order_mark_is_skipped(data: BenchmarkData, path: Path) -> None:
    trace = read_trace(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_trace(path) == trace
    assert failed(verify(path, data=data)) == []


def test_the_own_rate_was_called_default_at_first(data: BenchmarkData, path: Path) -> None:
    trace = read_trace(path)
    change(path, 1, rate="default")
    assert read_trace(path) == trace
    assert trace.header.rate == "own"
    assert failed(verify(path, data=data)) == []


def test_an_unknown_table_fails_the_data(path: Path) -> None:
    change(path, 1, table="mpl")
    checks = verify(path)
    assert failed(checks) == [("data", 1)]
    assert "mlp" in checks[-1].detail


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (1, {"type": "query"}),
        (1, {"format": 3}),
        (1, {"format": True}),
        (1, {"rate": None}),
        (1, {"rate": "best"}),
        (1, {"rate": -0.1}),
        (1, {"run_seed": "0"}),
        (1, {"optimizer": {"name": "knn"}}),
        (2, {"type": "test"}),
        (2, {"surplus": 1}),
        (3, {"repeated": 1}),
        (4, {"clock_s": None}),
        (6, {"entry": True}),
        (8, {"clock_s": float("nan")}),
    ],
)
def test_what_is_no_trace_is_refused_at_its_line(
    data: BenchmarkData, path: Path, line: int, fields: dict[str, object]
) -> None:
    change(path, line, **fields)
    with pytest.raises(TraceError, match=f"^line {line}: "):
        read_trace(path)
    assert failed(verify(path, data=data)) == [("format", line)]


@pytest.mark.parametrize(
    ("content", "line"), [(b"", 1), (b"[1]\n", 1), (b"\xff\xfe", 1), (b"not json\n", 1)]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, line: int) -> None:
    path = tmp_path / "other.jsonl"
    path.write_bytes(content)
    assert failed(verify(path)) == [("format", line)]


def test_nothing_may_follow_the_reveal(data: BenchmarkData, path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-2]]))
    assert failed(verify(path, data=data)) == [("format", 10)]


def test_a_search_cut_short_is_still_a_trace(data: BenchmarkData, path: Path) -> None:
    path.write_text("\n".join(path.read_text().splitlines()[:4]))
    assert failed(verify(path, data=data)) == []


def test_the_rerun_is_compared(data: BenchmarkData, path: Path) -> None:
    def same(trace: Trace, data: SearchData) -> Trace:
        return trace

    def shorter(trace: Trace, data: SearchData) -> Trace:
        return trace._replace(events=trace.events[:-1])

    def unable(trace: Trace, data: SearchData) -> Trace:
        raise TypeError("no setting 'depth'")

    assert verify(path, data=data, rerun=same)[-1].passed is True
    assert failed(verify(path, data=data, rerun=shorter)) == [("rerun", 9)]
    assert failed(verify(path, data=data, rerun=unable)) == [("rerun", 1)]
    unknown = verify(path, data=data, rerun=lambda trace, data: None)[-1]
    assert (unknown.name, unknown.passed) == ("rerun", None)


def test_a_difference_of_versions_is_named(data: BenchmarkData, path: Path) -> None:
    header = json.loads(path.read_text().splitlines()[0])
    change(path, 1, versions={**header["versions"], "numpy": "1.0.0"})
    changed = verify(path, data=data, rerun=lambda t, d: t._replace(events=t.events[:3]))[-1]
    assert changed.passed is False
    assert "numpy 1.0.0 then" in changed.detail


def test_a_failed_write_leaves_the_old_file(
    data: BenchmarkData, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    trace = Trace(read_trace(path).header, ["no event"])  # type: ignore[list-item]
    with pytest.raises(KeyError):
        trace.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
