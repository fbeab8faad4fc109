"""Searches over functions and learning rates together."""

from __future__ import annotations

import numpy as np
import pytest

from act_bench.search.benchmark import Benchmark
from act_bench.search.events import Partial, Query
from act_bench.search.loading import load_data
from act_bench.search.verify import verify
from surrogates.features import Features, Part
from surrogates.optimizers import asks_for_rates, find_optimizer
from surrogates.optimizers.joint import RateSpace
from surrogates.optimizers.random import RandomSearch
from surrogates.protocol import SearchSpace, settings_of
from surrogates.searches.single import rerun, run_search
from surrogates.simulation import simulate

NAMES = ("random-rates", "knn-rates", "gp-ei-rates")
RATES = (0.1, 0.2, 0.4)


def functions(rates=RATES) -> SearchSpace:
    outputs = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    names = [["relu(x)"], ["elu(x)"], ["add(relu(x),relu(x))"]]
    return SearchSpace([4, 7, 9], names, outputs, rates=rates, own_rate=0.2)


def test_pairs_are_known_by_the_function_and_by_the_rate():
    pairs, plain = RateSpace(functions()), functions()
    assert len(pairs) == 9
    by_function, by_rate = pairs.features("outputs").parts
    for a in range(9):
        expected = [plain.distances(a // 3)[b // 3] for b in range(9)]
        assert by_function.distances(a).tolist() == expected
        octaves = [abs(a % 3 - b % 3) for b in range(9)]
        assert by_rate.distances(a) == pytest.approx(octaves)
    some = np.array([0, 4, 8])
    for part in (by_function, by_rate):
        assert part.between(some) == pytest.approx(
            np.array([part.distances(p)[some] for p in some])
        )
    assert pairs.features("outputs").vectors().shape == (9, 3)


def test_every_pair_has_one_spelling_and_one_question():
    pairs = RateSpace(functions())
    assert len(set(pairs.expressions)) == 9
    for position, text in enumerate(pairs.expressions):
        assert pairs.find(text) == position
        question = pairs.question(position)
        assert (question.expression, question.rate) == (
            functions().expressions[position // 3],
            RATES[position % 3],
        )
    assert pairs.question(pairs.find("elu(x)")).rate == 0.2, "without a rate: the benchmark's own"


def test_neighbours_are_near_in_the_function_or_the_rate():
    pairs, plain = RateSpace(functions()), functions()
    for position in range(9):
        for other in pairs.neighbours(position):
            same_rate = other % 3 == position % 3
            near = other // 3 in plain.neighbours(position // 3)
            assert (same_rate and near) or abs(other - position) == 1
            assert position in pairs.neighbours(other)


def test_a_space_without_rates_is_searched_at_its_own():
    optimizer = find_optimizer("knn-rates")(functions(rates=()), 0)
    assert {optimizer.ask() for _ in range(3)} == set(functions().expressions)


def test_parts_that_repeat_are_parts_of_repeated_vectors():
    vectors = np.random.default_rng(0).normal(size=(5, 3))
    for metric in ("euclidean", "manhattan"):
        repeated, long = Part(vectors, metric, repeats=4), Part(np.repeat(vectors, 4, 0), metric)
        for position in (0, 3, 4, 19):
            assert repeated.distances(position).tolist() == long.distances(position).tolist()
        everything = Features((repeated,), np.ones(20, bool))
        assert everything.vectors().tolist() == long.vectors.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_those_of_the_optimizer(name):
    plain = find_optimizer(name.removesuffix("-rates"))
    assert settings_of(find_optimizer(name)) == settings_of(plain)
    assert asks_for_rates(find_optimizer(name))
    assert not asks_for_rates(plain)


def test_a_search_over_rates_is_charged_by_pair_and_can_be_verified():
    data = load_data("mlp")
    simulation = simulate(
        data, {"random-rates": find_optimizer("random-rates")}, trials=1, evaluations=30
    )
    bench = Benchmark(data)
    optimizer = find_optimizer("random-rates")(SearchSpace.of(data), 3)
    run_search(bench, optimizer, 30)
    queries = [event for event in bench.events if isinstance(event, Query)]
    assert {query.rate for query in queries} <= set(data.rates)
    assert len({query.rate for query in queries}) > 1
    assert bench.evaluations == len({(q.result.entry, q.rate) for q in queries}) == 30
    best = max(data.at_rate(rate).score(e) or 0 for rate in data.rates for e in data.covered)
    assert simulation.steps["regret"].to_numpy() == pytest.approx(
        best - simulation.steps["best_so_far"].to_numpy()
    )


def test_traces_of_searches_over_rates_are_run_again(tmp_path):
    data = load_data("mlp")
    simulate(
        data, {"knn-rates": find_optimizer("knn-rates")}, trials=1, evaluations=12, traces=tmp_path
    )
    checks = verify(next(tmp_path.glob("*.jsonl")), rerun=rerun)
    assert [check.name for check in checks] == ["format", "data", "answers", "rerun"]
    assert all(check.passed for check in checks)


def test_what_is_asked_is_a_function_at_a_rate():
    optimizer = find_optimizer("random-rates")(functions(), 0)
    asked = [optimizer.ask() for _ in range(9)]
    assert {type(question) for question in asked} == {Partial}
    assert len(set(asked)) == 9
    assert asks_for_rates(RandomSearch) is False
