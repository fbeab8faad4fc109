"""The rules of the benchmark: the clock, repeats, spellings, outcomes and the seal."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, median
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from act_bench.errors import ArgumentTypeError
from act_bench.files.manifest import DataError
from act_bench.functions.expression import ParseError, parse
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.loading import load_data
from act_bench.search.refusals import (
    BesideSpaceError,
    MissingRunError,
    SearchOverError,
)
from act_bench.spaces import paper as space_module
from act_bench.spaces.paper import NotInSpaceError
from act_bench.spaces.protocol import Resolution
from act_bench.tables.schema import UnknownNameError

MakeData = Callable[..., BenchmarkData]


@pytest.fixture(scope="module")
def data(make_data: MakeData) -> BenchmarkData:
    return make_data(missing=(7, 11))


@given(queries=st.lists(st.integers(0, 5102), max_size=40))
def test_clock_evaluations_and_repeats_are_those_of_the_set_of_entries(
    data: BenchmarkData, queries: list[int]
) -> None:
    bench = Benchmark(data)
    seen: set[int] = set()
    for number in queries:
        text = data.space.expressions[number]
        entry = data.space.entry_of[text]
        result = bench.query(text)
        assert result.entry == entry
        assert result.outcome == data.outcome[entry]
        assert result.validation_accuracy == data.validation_accuracy[entry]
        if entry in (7, 11):
            assert (result.outcome, result.score, result.cost_s) == ("missing", None, 0.0)
            continue
        assert result.repeated == (entry in seen)
        assert result.cost_s == (0.0 if entry in seen else data.cost_s[entry])
        seen.add(entry)
    assert bench.evaluations == len(seen)
    assert bench.clock_s == pytest.approx(sum(data.cost_s[entry] for entry in seen))


def test_any_spelling_is_one_entry_and_says_how(data: BenchmarkData) -> None:
    bench = Benchmark(data)
    first = bench.query("add(relu(x),tanh(x))")
    again = [
        bench.query(other)
        for other in (
            "add(tanh(x),relu(x))",
            " add( relu(x), tanh(x) )",
            "add(tanh(x),max(x,zero(x)))",
        )
    ]
    assert {result.entry for result in again} == {first.entry}
    assert [result.repeated for result in again] == [True] * 3
    assert {first.how_resolved, again[0].how_resolved} == {"exact", "commuted"}
    assert again[2].how_resolved == "numerical"
    assert bench.evaluations == 1
    assert bench.clock_s == first.cost_s


def test_an_expression_is_as_good_as_its_text(data: BenchmarkData) -> None:
    text = "max(relu(x),elu(x))"
    assert Benchmark(data).query(parse(text)) == Benchmark(data).query(text)


def test_a_diverged_entry_scores_at_chance_and_never_wins(data: BenchmarkData) -> None:
    bench = Benchmark(data)
    diverged = data.outcome.index("diverged")
    result = bench.query(data.space.representatives[diverged])
    assert (result.outcome, result.validation_accuracy, result.score) == ("diverged", None, 0.1)
    assert result.cost_s == data.cost_s[diverged] > 0
    better = next(e for e, v in enumerate(data.validation_accuracy) if v is not None and v > 0.1)
    bench.query(data.space.representatives[better])
    assert bench.reveal().entry == better


def test_what_trained_wins_over_what_diverged_even_below_chance(data: BenchmarkData) -> None:
    bench = Benchmark(data)
    known = [v if v is not None and v <= data.chance else -1.0 for v in data.validation_accuracy]
    low = int(np.argmax(known))
    assert known[low] >= 0
    for entry in (data.outcome.index("diverged"), low):
        bench.query(data.space.representatives[entry])
    revealed = bench.reveal()
    assert (revealed.entry, revealed.test_accuracy) == (low, data.test_accuracy[low])


def test_a_result_cannot_be_changed(data: BenchmarkData) -> None:
    result = Benchmark(data).query("relu(x)")
    with pytest.raises(AttributeError):
        result.validation_accuracy = 1.0  # type: ignore[misc]


def test_test_is_revealed_once_for_the_best_by_validation(data: BenchmarkData) -> None:
    bench = Benchmark(data)
    asked = [0, 300, 900, 1500, 2100]
    for entry in asked:
        bench.query(data.space.representatives[entry])
    best = max(asked, key=lambda e: data.validation_accuracy[e] or data.chance)
    revealed = bench.reveal()
    assert revealed.entry == best
    assert revealed.test_accuracy == data.test_accuracy[best]
    assert revealed.test_loss == data.test_loss[best]
    assert (revealed.evaluations, revealed.clock_s) == (5, bench.clock_s)
    with pytest.raises(SearchOverError, match="restart"):
        bench.reveal()
    with pytest.raises(SearchOverError, match="restart"):
        bench.query("relu(x)")
    with pytest.raises(SearchOverError, match="clock"):
        bench.charge(1.0, "features")


def test_of_equals_the_first_queried_is_revealed(data: BenchmarkData) -> None:
    diverged = [e for e, o in enumerate(data.outcome) if o == "diverged"][:3]
    bench = Benchmark(data)
    for entry in reversed(diverged):
        bench.query(data.space.representatives[entry])
    revealed = bench.reveal()
    assert revealed.entry == diverged[-1]
    assert revealed.test_accuracy is None


def test_a_search_shows_no_test_metric_before_the_reveal(data: BenchmarkData) -> None:
    bench = Benchmark(data)
    result = bench.query("relu(x)")
    hidden = data.test_accuracy[result.entry]
    assert hidden is not None
    assert str(hidden) not in repr(bench) + repr(result) + repr(bench.events)
    assert str(hidden) not in "".join(bench.trace.lines())


def test_restart_is_a_fresh_search(data: BenchmarkData) -> None:
    bench = Benchmark(data)
    first = bench.query("relu(x)")
    bench.reveal()
    fresh = bench.restart()
    assert (fresh.evaluations, fresh.clock_s, fresh.events) == (0, 0.0, ())
    assert fresh.query("relu(x)") == first
    assert bench.evaluations == 1


def test_charges_are_on_the_clock(data: BenchmarkData) -> None:
    bench = Benchmark(data)
    bench.charge(2.5, "Fisher spectra")
    cost = bench.query("relu(x)").cost_s
    assert bench.clock_s == 2.5 + cost
    for seconds in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="finite number of seconds"):
            bench.charge(seconds, "wrong")


def test_errors_leave_no_trace(data: BenchmarkData) -> None:
    bench = Benchmark(data)
    with pytest.raises(ParseError, match="did you mean"):
        bench.query("relux(x)")
    with pytest.raises(NotInSpaceError, match=r"constant; entry 20 is spelled .*\(x\)\)$"):
        bench.query("20")
    with pytest.raises(NotInSpaceError, match="Nearest"):
        bench.query("sinh(sinh(x))")
    with pytest.raises(ValueError, match="nothing was trained"):
        bench.reveal()
    assert bench.events == ()


def test_repr_says_what_is_asked_and_what_it_cost(data: BenchmarkData) -> None:
    bench = Benchmark(data)
    bench.query("relu(x)")
    text = repr(bench)
    for part in ("regenerated", "full", "2,911 of 2,913", "1 evaluations", "s of training"):
        assert part in text


def test_columns_of_another_length_than_the_space_are_refused(data: BenchmarkData) -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="2912 rows"):
        replace(data, outcome=data.outcome[1:])


# The files: a small table of four entries, of which 1 has no run, 3 diverged, and run 2 of each
# other diverged.


@pytest.fixture
def small(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    names = pl.read_parquet(data_folder / "mlp-full.parquet")["expression"].to_list()
    known = SimpleNamespace(
        representatives=names, resolve=lambda text: Resolution(names.index(text), "exact")
    )
    monkeypatch.setattr(space_module, "load_space", lambda: known)
    return pl.read_parquet(data_folder / "mlp-runs.parquet")


def test_without_a_seed_values_are_medians_and_all_runs_are_charged(small: pl.DataFrame) -> None:
    data = load_data("mlp")
    for entry in (0, 2, 3):
        runs = small.filter(pl.col("entry") == entry)
        assert data.cost_s[entry] == pytest.approx(sum(runs["runtime_s"]))
    first = small.filter(pl.col("entry") == 0)
    scores = first["validation_accuracy"].fill_null(-1.0).to_list()
    # The diverged run ranks below the three others: the median is the mean of the lower two.
    assert data.validation_accuracy[0] == pytest.approx(fmean(sorted(scores)[1:3]))
    assert data.validation_accuracy[0] == pytest.approx(median(scores))
    assert data.outcome == ["ok", "missing", "ok", "diverged"]
    assert data.covered == (0, 2, 3)
    assert data.fidelity == "full"


def test_with_a_seed_values_are_those_of_one_run(small: pl.DataFrame) -> None:
    for seed in (0, 2):
        data = load_data("mlp", seed=seed)
        for row in small.filter(pl.col("seed") == seed).iter_rows(named=True):
            entry = row["entry"]
            assert data.outcome[entry] == row["outcome"]
            assert data.validation_accuracy[entry] == row["validation_accuracy"]
            assert data.test_accuracy[entry] == row["test_accuracy"]
            assert data.cost_s[entry] == row["runtime_s"]
        assert data.outcome[1] == "missing"
        assert data.sha256 != load_data("mlp").sha256


def test_an_absent_seed_is_an_error_that_lists_what_there_is(small: pl.DataFrame) -> None:
    with pytest.raises(UnknownNameError, match="its seeds: 0, 1, 2, 3"):
        Benchmark("mlp", seed=4)


@pytest.mark.parametrize(
    "options", [{"fidelity": "full"}, {"edition": "upstream"}, {"seed": 1}, {"rate": "tuned"}]
)
def test_data_in_memory_have_their_own_view(options: dict[str, str | int]) -> None:
    with pytest.raises(ValueError, match="have their own fidelity"):
        Benchmark(load_data("mlp"), **options)  # type: ignore[arg-type]


def test_an_absent_run_is_never_taken_from_another_seed(
    small: pl.DataFrame, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gap = small.filter(~((pl.col("entry") == 2) & (pl.col("seed") == 1)))
    path = data_folder / "gap.parquet"
    gap.write_parquet(path)
    monkeypatch.setattr("act_bench.search.loading.runs_file", lambda *args: path)
    monkeypatch.setattr(
        "act_bench.search.loading.read_manifest",
        lambda *folder: {path.name: SimpleNamespace(sha256="0" * 64)},
    )
    bench = Benchmark("mlp", seed=1)
    names = pl.read_parquet(data_folder / "mlp-full.parquet")["expression"].to_list()
    assert bench.query(names[0]).outcome == "ok"
    assert bench.query(names[1]).outcome == "missing"
    with pytest.raises(MissingRunError, match=r"entry 2.* with seed 1"):
        bench.query(names[2])
    assert bench.covered == (0, 3)
    assert bench.evaluations == 1


def test_a_damaged_file_is_named(small: pl.DataFrame, data_folder: Path) -> None:
    path = data_folder / "mlp-full.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"mlp-full\.parquet is damaged"):
        Benchmark("mlp")


def test_a_named_function_outside_the_space_is_answered_beside_it():
    bench = Benchmark("mlp")
    with pytest.raises(BesideSpaceError, match=r"GELU is trained beside.*0\.8: 0\.\d{4} \(best by"):
        bench.query("gelu(x)")
    with pytest.raises(BesideSpaceError) as caught:
        bench.query("CRReLU")
    rows = caught.value.rows
    assert [row["learning_rate"] for row in rows] == sorted(row["learning_rate"] for row in rows)
    assert pickle.loads(pickle.dumps(caught.value)).rows == rows  # noqa: S301
    assert (bench.evaluations, bench.clock_s, bench.events) == (0, 0.0, ())
    with pytest.raises(NotInSpaceError) as unknown:
        bench.query("sin(x)")
    assert not isinstance(unknown.value, BesideSpaceError)


def test_a_name_means_its_function():
    bench = Benchmark("mlp")
    assert bench.query("ReLU").entry == bench.query("relu(x)").entry
    assert bench.evaluations == 1
    with pytest.raises(ParseError, match="did you mean 'crrelu'"):
        bench.query("crelu")


@pytest.mark.parametrize("table", [None, 3, b"mlp", ["mlp"], object()])
def test_what_is_no_table_is_named(table):
    with pytest.raises(ArgumentTypeError, match="expected the name of a table"):
        Benchmark(table)
