"""One search shared by threads: whatever their order, nothing is charged twice."""

import copy
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.refusals import SearchOverError
from act_bench.search.verify import verify

THREADS = 8


@pytest.fixture
def data(make_data, monkeypatch):
    """Made-up data that are slow where a query is not yet noted."""
    real = BenchmarkData.score

    def slow(data, entry):
        time.sleep(2e-4)
        return real(data, entry)

    monkeypatch.setattr(BenchmarkData, "score", slow)
    return make_data()


def test_an_entry_is_charged_once(data, tmp_path):
    bench = Benchmark(data)
    texts = [data.space.representatives[entry] for entry in range(20)]
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(bench.query, texts * THREADS))
    assert bench.evaluations == 20
    assert sum(not result.repeated for result in results) == 20
    assert bench.clock_s == pytest.approx(sum(data.cost_s[:20]))
    bench.trace.save(tmp_path / "trace.jsonl")
    assert all(check.passed for check in verify(tmp_path / "trace.jsonl", data=data))


def test_parts_of_trainings_are_charged_once(data):
    bench = Benchmark(data)
    text = data.space.representatives[data.outcome.index("ok")]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda epochs: bench.query(text, epochs), [1, 2, 3, 4] * THREADS))
    assert bench.clock_s == pytest.approx(data.cost_s[data.outcome.index("ok")])


def test_charges_add_up(data):
    bench = Benchmark(data)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: bench.charge(1.0, "features"), range(400)))
    assert bench.clock_s == 400.0
    assert [event.clock_s for event in bench.events] == [float(n) for n in range(1, 401)]


def test_the_test_metrics_are_revealed_once(data):
    bench = Benchmark(data)
    bench.query(data.space.representatives[0])

    def reveal(_):
        try:
            return bench.reveal()
        except SearchOverError:
            return None

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(each is not None for each in pool.map(reveal, range(THREADS))) == 1


def test_a_copy_has_a_lock_of_its_own(data):
    bench = Benchmark(data)
    bench.query("relu(x)")
    other = copy.copy(bench)
    assert other.query("relu(x)").repeated
    state = bench.__getstate__()
    assert "_lock" not in state
    again = Benchmark.__new__(Benchmark)
    again.__setstate__(state)
    assert again.query("relu(x)").repeated
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(bench._lock)
