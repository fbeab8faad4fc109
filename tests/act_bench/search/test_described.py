"""A benchmark that can be asked about itself, and asked by number, name or in batches."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import act_bench
from act_bench.errors import ArgumentError
from act_bench.functions.expression import ParseError, parse
from act_bench.search.benchmark import Benchmark, data_behind
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Partial
from act_bench.search.refusals import MissingRunError, SealedError
from act_bench.search.verify import verify
from act_bench.spaces.paper import NotInSpaceError, load_space
from act_bench.spaces.protocol import Asked, PartOfSpace
from act_bench.tables.schema import UnknownNameError

MakeData = Callable[..., BenchmarkData]


@pytest.fixture(scope="module")
def data(make_data: MakeData) -> BenchmarkData:
    return make_data(missing=(7, 11))


def test_a_number_a_name_and_a_spelling_are_one_entry(tmp_path: Path) -> None:
    bench = Benchmark("mlp")
    spelled = parse("relu(x)")
    asked: list[Asked] = [20, np.int32(20), "relu", "ReLU", "max(relu(x),elu(x))", spelled]
    results = [bench.query(each) for each in asked]
    assert {each.entry for each in results} == {20}
    assert [each.repeated for each in results] == [False] + [True] * 5
    assert results[0].how_resolved == "exact"
    # A number of a spelling is still a constant: it is a text of the grammar.
    assert bench.query("1").entry == load_space().entry_of["add(zero(x),one(x))"]
    part = bench.query(Partial(np.int64(3), 2))  # type: ignore[arg-type]
    assert (part.entry, part.epochs) == (3, 2)
    bench.trace.save(tmp_path / "trace.jsonl")
    assert all(check.passed for check in verify(tmp_path / "trace.jsonl"))


@pytest.mark.parametrize("bad", [2913, -1, True, 2.5, None, [], float("nan"), b"relu(x)"])
def test_what_names_no_function_is_refused_and_costs_nothing(bad: object) -> None:
    bench = Benchmark("mlp")
    with pytest.raises(ArgumentError, match=r"number of an entry from 0 to 2,912, got "):
        bench.query(bad)  # type: ignore[arg-type]
    assert bench.events == ()
    assert bad not in bench.space


def test_a_batch_is_queries_one_after_the_other(data: BenchmarkData) -> None:
    one, many = Benchmark(data), Benchmark(data)
    asked: list[Asked | Partial] = ["relu", 265, Partial("tanh"), "add(tanh(x),relu(x))", 7]
    assert many.query_many(iter(asked)) == [one.query(each) for each in asked]
    assert many.events == one.events


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (["relu", "nosuch(x)"], ParseError),
        (["relu", "sinh(sinh(x))"], NotInSpaceError),
        (["relu", Partial("relu", 99)], ArgumentError),
        (["relu", Partial("relu", None, 77.0)], UnknownNameError),
        ("relu", ArgumentError),
        (Partial("relu"), ArgumentError),
        (20, ArgumentError),
    ],
)
def test_a_batch_with_a_mistake_is_asked_nothing(bad: object, error: type[Exception]) -> None:
    bench = Benchmark("mlp")
    with pytest.raises(error):
        bench.query_many(bad)  # type: ignore[arg-type]
    assert (bench.clock_s, bench.events) == (0.0, ())


def test_a_batch_knows_of_a_missing_run_before_it_asks(data: BenchmarkData) -> None:
    bench = Benchmark(replace(data, without_run=frozenset({5}), seed=1))
    with pytest.raises(MissingRunError):
        bench.query_many([3, 5])
    assert bench.evaluations == 0


def test_loss_is_what_a_minimizer_may_use(data: BenchmarkData) -> None:
    bench = Benchmark(data)
    ok, missing = bench.query(data.outcome.index("ok")), bench.query(7)
    assert ok.loss == -ok.score
    assert missing.loss is None
    by_loss = Benchmark(replace(data, validation_loss=[0.5] * 2913, floor=-2.3))
    result = by_loss.query(data.outcome.index("ok"))
    assert (result.score, result.loss) == (-0.5, 0.5)
    assert by_loss.metric == ("validation_loss", False, -2.3)
    assert by_loss.metric.direction == "minimize"


def test_the_space_holds_what_the_table_can_answer(data: BenchmarkData) -> None:
    whole = Benchmark("mlp").space
    assert whole is load_space()
    space = Benchmark(data).space
    assert isinstance(space, PartOfSpace)
    assert len(space) == len(list(space)) == 2911
    assert (7 in space, 8 in space) == (False, True)
    gone = whole.representatives[7]
    assert gone not in space
    assert not {space.entry_of.get(text) for text in space.expressions} & {7, 11}
    assert set(space.operators[1]) == set(whole.operators[1])
    drawn = {space.sample(rng) for rng in [np.random.default_rng(0)] for _ in range(300)}
    assert len(drawn) > 250
    assert drawn <= set(space)
    # What a part lacks is nobody's neighbour in it.
    beside = next(text for text in whole.neighbours(gone) if text in space)
    assert gone in whole.neighbours(beside)
    assert gone not in space.neighbours(beside)
    assert list(pickle.loads(pickle.dumps(space))) == list(space)  # noqa: S301


def test_neighbours_are_those_of_the_search_space() -> None:
    space = load_space()
    search_space = act_bench.SearchSpace.of(Benchmark("mlp"))
    for entry in (20, 265, 2912):
        positions = search_space.neighbours(entry)
        assert space.neighbours(entry) == tuple(search_space.expressions[p] for p in positions)


def test_epochs_and_rates(data: BenchmarkData) -> None:
    assert (Benchmark("mlp").epochs, Benchmark("mlp", rate="tuned").epochs) == (8, None)
    assert Benchmark(data).rates == ()


def test_the_optimum_is_sealed_until_the_end() -> None:
    bench = Benchmark("mlp")
    bench.query("tanh")
    for name in ("optimum", "regret"):
        with pytest.raises(SealedError, match=r"act_bench\.optimum\('mlp'\)"):
            getattr(bench, name)
    revealed = bench.reveal()
    table = act_bench.load_table("mlp", rate="own").sort(
        "validation_accuracy", descending=True, nulls_last=True
    )
    best = table.row(0, named=True)
    assert bench.optimum == act_bench.optimum("mlp")
    assert bench.optimum[:3] == (best["entry"], best["expression"], best["validation_accuracy"])
    assert bench.regret == best["validation_accuracy"] - revealed.validation_accuracy


def test_the_optimum_of_a_search_over_rates_is_that_at_any_rate() -> None:
    bench = Benchmark("mlp")
    bench.query("tanh", rate=0.8)
    bench.reveal()
    data = data_behind(bench)
    assert isinstance(data, BenchmarkData)
    scores = [data.at_rate(rate).score(e) for rate in data.rates for e in data.covered]
    assert bench.optimum.score == max(score for score in scores if score is not None)
    assert bench.optimum == act_bench.optimum("mlp", any_rate=True)
    assert bench.optimum.learning_rate in bench.rates


def test_data_that_are_not_complete_have_no_optimum(data: BenchmarkData) -> None:
    class Live(BenchmarkData):
        covered = tuple(range(2913))

    bench = Benchmark(Live(**{name: getattr(data, name) for name in data.__dataclass_fields__}))
    bench.query(20)
    bench.reveal()
    with pytest.raises(UnknownNameError, match=r"2 of 2,913 functions were not trained"):
        bench.optimum  # noqa: B018


def test_nobody_imports_surrogates_to_run_a_search() -> None:
    bench = Benchmark("mlp", seed=3)
    found = act_bench.simulate(bench, "random,knn:neighbours=5", trials=1, evaluations=2)
    assert list(found.seconds) == ["random", "knn:neighbours=5"]
    assert bench.evaluations == 0
    optimizer = act_bench.optimizers.find_optimizer("local")(act_bench.SearchSpace.of(bench), 0)
    optimizer.tell(bench.query(optimizer.ask()))
    assert bench.evaluations == 1
    with pytest.raises(ArgumentError, match="no optimizer is named"):
        act_bench.simulate("mlp", [], trials=1, evaluations=2)
    assert act_bench.load_fisher("mlp").valid.sum() == 2356
    tables = {each["table"] for each in act_bench.list_tables()}
    assert {"mlp", "cnn", "resnet", "vit"} <= tables
