"""Parts of trainings: medians and costs against plain loops, and what the clock charges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Partial
from act_bench.search.loading import load_data
from act_bench.search.trace import read_trace
from act_bench.search.verify import verify
from act_bench.tables.learning_curves import combine
from act_bench.tables.schema import UnknownNameError

MakeData = Callable[..., BenchmarkData]


@pytest.fixture(scope="module")
def data(make_data: MakeData) -> BenchmarkData:
    return make_data(missing=(5,))


ACCURACIES = st.integers(0, 2**24).map(lambda steps: steps / 2**24)
"""As they are stored, in float32: the mean of two of them is exact in float64."""


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.lists(ACCURACIES, min_size=0, max_size=4),
            st.floats(0.1, 9),
        ),
        max_size=12,
    )
)
def test_combining_is_the_rule_of_the_tables(runs: list[tuple[int, list[float], float]]) -> None:
    """A run with fewer than four epochs diverged; at least half diverged: the entry did."""
    runs = [*runs, (2, [0.125, 0.25, 0.375, 0.5], 1.0)]
    found = combine(
        [entry for entry, _, _ in runs],
        [curve for _, curve, _ in runs],
        [len(curve) < 4 for _, curve, _ in runs],
        [seconds for _, _, seconds in runs],
        4,
    )
    assert found.epochs == 4
    for entry in range(4):
        mine = [(curve, seconds) for e, curve, seconds in runs if e == entry]
        for epoch in range(1, 5):
            alive = [curve[epoch - 1] for curve, _ in mine if len(curve) >= epoch]
            lost = len(mine) - len(alive)
            expected = None
            if mine and 2 * lost < len(mine):
                expected = median([*([-1.0] * lost), *alive])
            assert found.validation_accuracy[entry][epoch - 1] == expected
            cost = sum(s * min(1, epoch / min(len(curve) + 1, 4)) for curve, s in mine)
            assert found.cost_s[entry][epoch - 1] == pytest.approx(cost)


@given(asked=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=25))
def test_each_epoch_is_charged_once(data: BenchmarkData, asked: list[tuple[int, int]]) -> None:
    bench = Benchmark(data)
    furthest: dict[int, int] = {}
    for entry, epochs in asked:
        result = bench.query(data.space.representatives[entry], epochs)
        assert result.epochs == (None if epochs == 4 else epochs)
        if entry == 5:
            assert (result.outcome, result.score, result.cost_s) == ("missing", None, 0.0)
            continue
        assert result.validation_accuracy == data.curves.validation_accuracy[entry][epochs - 1]
        assert result.outcome == ("ok" if result.validation_accuracy is not None else "diverged")
        assert result.score == (result.validation_accuracy or data.chance)
        fresh = max(0, epochs - furthest.get(entry, 0))
        assert result.repeated == (not fresh)
        assert result.cost_s == pytest.approx(data.cost_s[entry] * fresh / 4)
        furthest[entry] = max(furthest.get(entry, 0), epochs)
    assert bench.trainings == sum(furthest.values()) / 4
    assert bench.evaluations == sum(epochs == 4 for epochs in furthest.values())
    assert bench.clock_s == pytest.approx(sum(data.cost_s[e] * n / 4 for e, n in furthest.items()))


def test_what_an_optimizer_asks_for_can_be_queried_as_it_is(data: BenchmarkData) -> None:
    asked = Benchmark(data).query(Partial("relu(x)", 3))
    assert asked == Benchmark(data).query("relu(x)", epochs=3)
    assert asked.epochs == 3


def test_only_what_was_trained_to_the_end_is_revealed(data: BenchmarkData) -> None:
    ok = [e for e, v in enumerate(data.validation_accuracy) if v is not None]
    best = max(ok, key=lambda e: data.validation_accuracy[e] or 0.0)
    bench = Benchmark(data)
    bench.query(data.space.representatives[best], epochs=3)
    with pytest.raises(ValueError, match="trained to the end"):
        bench.reveal()
    other = next(e for e in ok if e != best)
    bench.query(data.space.representatives[other])
    assert bench.reveal().entry == other


@pytest.mark.parametrize("epochs", [0, 5, -1])
def test_epochs_out_of_range_are_refused(data: BenchmarkData, epochs: int) -> None:
    bench = Benchmark(data)
    with pytest.raises(ValueError, match=f"expected 1 to 4, got {epochs}"):
        bench.query("relu(x)", epochs)
    assert not bench.events


def test_without_curves_there_are_no_parts(data: BenchmarkData) -> None:
    bench = Benchmark(replace(data, read_curves=None))
    with pytest.raises(UnknownNameError, match="without epochs"):
        bench.query("relu(x)", epochs=1)


def test_traces_hold_the_epochs(data: BenchmarkData, tmp_path: Path) -> None:
    bench = Benchmark(data)
    for epochs in (1, 3, None):
        bench.query("relu(x)", epochs)
    bench.reveal()
    path = tmp_path / "search.jsonl"
    bench.trace.save(path)
    assert [e.result.epochs for e in read_trace(path).events[:3]] == [1, 3, None]  # type: ignore[union-attr]
    assert all(check.passed for check in verify(path, data=data))
    path.write_text(path.read_text().replace('"epochs": 3', '"epochs": 2'))
    assert [check.name for check in verify(path, data=data) if not check.passed] == ["answers"]


@pytest.mark.parametrize("seed", [None, 3])
def test_the_embedded_curves_end_where_the_table_says(seed: int | None) -> None:
    data = load_data("mlp", seed=seed)
    curves = data.curves
    assert curves.epochs == 8
    for entry in range(0, 2913, 7):
        last = curves.validation_accuracy[entry][-1]
        if data.outcome[entry] == "ok":
            assert last == pytest.approx(data.validation_accuracy[entry], abs=1e-7)
        else:
            assert last is None
        assert curves.cost_s[entry][-1] == pytest.approx(data.cost_s[entry])


def test_one_run_is_read_as_its_row_says() -> None:
    curves = load_data("mlp", seed=3).curves
    from act_bench.tables.runs import load_runs

    runs = load_runs("mlp").filter(pl.col("seed") == 3, pl.col("outcome") == "ok")
    for row in runs[::300].iter_rows(named=True):
        assert curves.validation_accuracy[row["entry"]] == row["validation_accuracy_curve"]
