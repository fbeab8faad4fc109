"""Imported entries without a runtime cost an unknown time; imports of another kind are refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from act_bench.cli import main
from act_bench.files.manifest import DataError
from act_bench.search.benchmark import Benchmark
from act_bench.search.loading import load_data
from act_bench.search.trace import read_trace
from act_bench.search.verify import verify
from act_bench.tables import upstream
from builders.embedded import write_manifest
from builders.upstream.convert import import_file
from builders.upstream.rows import RUNTIME_KEY
from surrogates.optimizers import OPTIMIZERS
from surrogates.simulation import simulate
from tests.builders.upstream_files import write_upstream


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Import a file of which every other key has no runtime; return the cache."""
    folder = tmp_path_factory.mktemp("unknown")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACT_BENCH_CACHE", str(folder / "cache"))
        document = write_upstream(folder / "act-bench-cnn.json", seed=4, count=60)
        for values in list(document.values())[::2]:
            values.pop(RUNTIME_KEY, None)
        (folder / "act-bench-cnn.json").write_text(json.dumps(document), encoding="utf-8")
        import_file(folder / "act-bench-cnn.json", "cnn")
        yield folder / "cache"


@pytest.fixture(scope="module")
def data(cache):
    return load_data("cnn", edition="upstream")


def test_an_unknown_cost_is_none_and_the_clock_a_lower_bound(data, tmp_path):
    unknown = [entry for entry in data.covered if data.cost_s[entry] is None]
    known = [entry for entry in data.covered if data.cost_s[entry] is not None]
    assert len(unknown) > 10
    assert len(known) > 10
    bench = Benchmark(data)
    names = data.space.representatives
    first = bench.query(names[known[0]])
    assert first.cost_s == bench.clock_s > 0
    assert not bench.clock_is_lower_bound
    assert not bench.trace.clock_is_lower_bound
    assert "clock at least" not in repr(bench)
    second = bench.query(names[unknown[0]])
    assert second.cost_s is None
    assert bench.query(names[unknown[0]]).cost_s == 0.0  # a repeat
    assert bench.clock_s == first.cost_s
    assert bench.clock_is_lower_bound
    assert "clock at least" in repr(bench)
    bench.trace.save(tmp_path / "trace.jsonl")
    assert read_trace(tmp_path / "trace.jsonl").clock_is_lower_bound
    assert all(check.passed for check in verify(tmp_path / "trace.jsonl", data=data))
    assert not bench.restart().clock_is_lower_bound


def test_simulations_and_figures_say_it(data, cache, tmp_path):
    simulation = simulate(
        data, {"random": OPTIMIZERS["random"]}, trials=2, evaluations=5, workers=2
    )
    assert simulation.clock_is_lower_bound
    assert not simulate(
        load_data("mlp"), {"random": OPTIMIZERS["random"]}, trials=1, evaluations=1
    ).clock_is_lower_bound
    from act_bench.figures.searches import regret_time_figure

    figure = regret_time_figure(simulation.steps, "title", clock_is_lower_bound=True)
    assert "lower bound" in figure.axes[0].get_xlabel()
    name = data.space.representatives[next(e for e in data.covered if data.cost_s[e] is None)]
    done = CliRunner().invoke(main, ["query", name, "--table", "cnn", "--edition", "upstream"])
    assert done.exit_code == 0, done.output
    assert "unknown" in done.output
    assert "Clock: at least 0.00 s" in done.output


def changed(table, kind, change):
    if change == "column":
        return table.drop_columns([table.column_names[-1]])
    if change == "type":
        name = "entry" if kind != "fisher" else "cdf"
        other = pa.array(np.zeros(len(table)), pa.float64())
        return table.set_column(table.column_names.index(name), name, other)
    if change == "rows":
        return table.slice(0, len(table) - 1)
    return table.take(pa.array(np.arange(len(table))[::-1]))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("entries", "column"), ("entries", "type"), ("entries", "rows"), ("entries", "order"),
        ("recorded", "type"), ("fisher", "column"), ("fisher", "type"), ("fisher", "rows"),
    ],
)  # fmt: skip
def test_imports_of_another_schema_rows_or_order_are_refused(
    cache, tmp_path, monkeypatch, kind, change
):
    shutil.copytree(cache, tmp_path / "cache")
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))
    folder = upstream.upstream_folder("cnn")
    path = folder / upstream.upstream_name("cnn", kind)
    table = pq.read_table(path)
    pq.write_table(changed(table, kind, change), path)
    write_manifest(folder)  # its SHA-256 is right, and still it is no import
    with pytest.raises(DataError, match=r"no import by this version.*import-upstream cnn"):
        upstream.upstream_file("cnn", kind)


def test_expressions_must_be_those_of_the_entries(cache, tmp_path, monkeypatch):
    shutil.copytree(cache, tmp_path / "cache")
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))
    folder = upstream.upstream_folder("cnn")
    path = folder / upstream.upstream_name("cnn", "entries")
    table = pq.read_table(path)
    names = pc.binary_replace_slice(table["expression"], 0, 1, "z")
    pq.write_table(table.set_column(0, table.schema.field("expression"), names), path)
    write_manifest(folder)
    with pytest.raises(DataError, match="its expressions are not those of the entries"):
        load_data("cnn", edition="upstream")
