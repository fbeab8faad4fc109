"""Live search: the rules of a benchmark on real trainings, and restarts that lose nothing."""

import dataclasses
import json
import math
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from act_bench.search.benchmark import Benchmark
from act_bench.search.refusals import SearchOverError
from act_bench.spaces.paper import load_space
from regenerate.grafs import SearchFailedError
from regenerate.recipes import find
from regenerate.runs.run import Run
from regenerate.runs.store import RunStore, SearchFolderError
from regenerate.training.trainers import RecipeTrainer, summarize
from surrogates.live import Budget, Confirmation, search, table_problem
from surrogates.live.benchmark import LiveBenchmark
from surrogates.live.confirm import Candidate, Estimate, confirm
from surrogates.live.course import course
from surrogates.live.methods import MethodError
from surrogates.live.replay import verify_search
from surrogates.live.sessions import Proposal, ProposalSession
from surrogates.live.spaces import search_space
from surrogates.optimizers import find_optimizer
from surrogates.swish import enumerate_swish

TINY = dataclasses.replace(find("mlp", "full"), epochs=1, widths=(8,), train_images=100)
NONE = Confirmation(0, 0)


class Counting:
    """A trainer that counts, and is killed at a given training."""

    def __init__(self, kill_at=None):
        self.trainer = RecipeTrainer(TINY)
        self.trained, self.kill_at = [], kill_at

    identity = property(lambda self: self.trainer.identity)
    stacked = property(lambda self: self.trainer.stacked)

    def __call__(self, expression, seeds, progress=None):
        if len(self.trained) == self.kill_at:
            raise KeyboardInterrupt
        self.trained.append((expression, tuple(seeds)))
        return self.trainer(expression, seeds, progress)


def tiny(trainer=None, seeds=(0,)):
    problem = table_problem("mlp", seeds=seeds, recipe=TINY)
    return problem if trainer is None else dataclasses.replace(problem, trainer=trainer)


def course_of(found):
    """What a search asked and learned, without its seconds."""
    return [(each.expression, each.validation_accuracy, each.curve) for each in found.evaluated]


def open_bench(folder, trainer=None, seeds=(0,), **options):
    problem = tiny(trainer, seeds)
    store = RunStore(folder, problem.identity)
    return LiveBenchmark(problem.data(), store, problem.trainer, seeds, **options)


def test_a_live_answer_is_that_of_the_table(tmp_path):
    problem = table_problem("mlp")
    store = RunStore(tmp_path, problem.identity)
    live = LiveBenchmark(problem.data(), store, problem.trainer, problem.seeds)
    found, known = live.query("add(tanh(x),elu(x))"), Benchmark("mlp").query("add(tanh(x),elu(x))")
    assert found.validation_accuracy == pytest.approx(known.validation_accuracy, abs=0.01)
    assert (found.entry, found.how_resolved) == (known.entry, known.how_resolved)


def test_a_repeat_is_charged_once_and_trained_once(tmp_path):
    trainer = Counting()
    bench = open_bench(tmp_path, trainer, seeds=(0, 1))
    first, again = bench.query("add(relu(x),tanh(x))"), bench.query("add(tanh(x),relu(x))")
    assert trainer.trained == [("add(tanh(x),relu(x))", (0, 1))]
    assert first.how_resolved == "commuted"
    assert not first.repeated
    assert again.repeated
    assert (again.cost_s, bench.clock_s, bench.evaluations) == (0.0, first.cost_s, 1)
    with pytest.raises(ValueError, match="no learning curves"):
        bench.query("elu(x)", epochs=1)
    assert bench.reveal().test_accuracy is not None
    with pytest.raises(SearchOverError):
        bench.query("elu(x)")


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=9),
)
def test_runs_amount_to_what_the_tables_rule_says(accuracies):
    runs = [
        Run(
            expression="x", fidelity="full", seed=seed, outcome="diverged" if a is None else "ok",
            train_accuracy=a, validation_accuracy=a, test_accuracy=a, train_loss=a,
            validation_loss=a, test_loss=None if a is None else 1 - a, train_loss_curve=(),
            validation_loss_curve=(), validation_accuracy_curve=(), runtime_s=2.0, images_seen=1,
            device="cpu", recipe_sha="", versions="{}",
        )
        for seed, a in enumerate(accuracies)
    ]  # fmt: skip
    summary = summarize(runs)
    assert summary.cost_s == 2.0 * len(runs)
    worst_first = np.sort([-1e9 if a is None else a for a in accuracies])
    middle = np.median(worst_first)
    if 2 * accuracies.count(None) >= len(accuracies):
        assert summary[:4] == ("diverged", None, None, None)
    else:
        assert summary.validation_accuracy == summary.test_accuracy == pytest.approx(middle)
        assert summary.test_loss == pytest.approx(1 - middle)


def test_an_interrupted_search_takes_the_same_course_and_trains_nothing_twice(tmp_path):
    arguments: dict[str, Any] = {
        "method": "gp-ei:starts=3",
        "budget": Budget(7),
        "confirmation": Confirmation(2, 2),
    }
    whole = search(tiny(), tmp_path / "whole", **arguments)
    killed, rest = Counting(kill_at=4), Counting()
    with pytest.raises(KeyboardInterrupt):
        search(tiny(killed), tmp_path / "killed", **arguments)
    found = search(tiny(rest), tmp_path / "killed", **arguments)
    assert course_of(found) == course_of(whole)
    assert not set(killed.trained) & set(rest.trained)
    assert len(killed.trained) + len(rest.trained) == len(set(killed.trained + rest.trained))
    again = Counting()
    replayed = search(tiny(again), tmp_path / "killed", **arguments)
    assert again.trained == []
    assert replayed == found  # to the seconds on the clock


KILLED = """
import dataclasses, sys
from pathlib import Path
from surrogates.live import Budget, Confirmation, search, table_problem
from surrogates.live.search import Silent
from regenerate.recipes import find

class Loud(Silent):
    def evaluated(self, each):
        print(each.expression, flush=True)

tiny = dataclasses.replace(find("mlp", "full"), epochs=1, widths=(8,), train_images=100)
problem = table_problem("mlp", seeds=[0], recipe=tiny)
search(problem, Path(sys.argv[1]), method="random", budget=Budget(2000),
       confirmation=Confirmation(0, 0), watcher=Loud())
"""


def test_a_killed_process_leaves_a_folder_to_go_on_from(tmp_path):
    out = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    seen = [process.stdout.readline().strip() for _ in range(5)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    stored = {run.stem for run in (out / "runs").glob("part-*.parquet")}
    assert len(stored) >= 5
    budget = Budget(len(stored) + 3)
    rest = Counting()
    found = search(tiny(rest), out, method="random", budget=budget, confirmation=NONE)
    assert [each.expression for each in found.evaluated[:5]] == seen
    assert len(rest.trained) <= 3
    fresh = search(tiny(), tmp_path / "f", method="random", budget=budget, confirmation=NONE)
    assert course_of(fresh) == course_of(found)


def test_workers_take_one_course_however_long_trainings_take(tmp_path):
    class Slow(Counting):
        def __call__(self, expression, seeds, progress=None):
            time.sleep(random.random() / 50)  # noqa: S311
            return super().__call__(expression, seeds, progress)

    courses = []
    for name in ("a", "b"):
        with ThreadPoolExecutor(3) as threads:
            bench = open_bench(tmp_path / name, Slow(), workers=threads)
            space = search_space(bench._live, tmp_path)
            optimizer = find_optimizer("evolution")(space, 5)
            queries = course(bench, optimizer, Budget(12), space, workers=3, start=bench.start)
            courses.append([result[:2] + result[3:] for _, result in queries])
        assert bench.evaluations == 12
    assert courses[0] == courses[1]


def test_worker_processes_train_and_their_trace_is_verified(tmp_path):
    found = search(
        tiny(), tmp_path, method="evolution", budget=Budget(4), workers=2, confirmation=NONE
    )
    assert len(found.evaluated) == 4
    assert [check.passed for check in verify_search(tmp_path / "trace.jsonl")] == [True] * 4


def test_a_folder_holds_one_search_and_a_revealed_one_is_over(tmp_path):
    arguments: dict[str, Any] = {"method": "random", "confirmation": NONE}
    sealed = search(tiny(), tmp_path, budget=Budget(2), reveal=False, **arguments)
    assert sealed.tested is None
    more = search(tiny(), tmp_path, budget=Budget(4), **arguments)
    assert course_of(more)[:2] == course_of(sealed)
    assert more.tested.expression == more.best.expression
    with pytest.raises(SearchFolderError, match="is over"):
        search(tiny(), tmp_path, budget=Budget(5), **arguments)
    with pytest.raises(SearchFolderError, match="another searcher"):
        search(tiny(), tmp_path, budget=Budget(4), seed=1, **arguments)
    with pytest.raises(SearchFolderError, match="another seeds"):
        search(tiny(seeds=(0, 1)), tmp_path, budget=Budget(4), **arguments)


def test_seconds_are_a_budget_too(tmp_path):
    found = search(
        tiny(), tmp_path, method="random", budget=Budget(seconds=0.05), confirmation=NONE
    )
    assert found.clock_s >= 0.05 > found.clock_s - found.evaluated[-1].cost_s


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("halving", "stops trainings early"),
        ("nonsense", "no method 'nonsense'"),
        ("knn:neighbors=3", "one of the settings"),
        ("gp-ei:features=nonsense", "expected features"),
        ("transfer", "needs the large space"),
        ("transfer:tree=2", "one of the settings of transfer, features, short_list"),
        ("transfer:trees=two", "expected a whole number"),
        ("grafs:seed=2", "grafs has no settings"),
    ],
)
def test_methods_that_cannot_search_here_are_refused(tmp_path, method, words):
    with pytest.raises(MethodError, match=words):
        search(tiny(), tmp_path, method=method, budget=Budget(2))
    assert not list(tmp_path.iterdir())  # another method may have the folder


@pytest.mark.parametrize(("space", "workers"), [("swish", 1), ("paper", 2)])
def test_grafs_has_a_space_and_a_process_of_its_own(tmp_path, space, workers):
    problem = table_problem("mlp", seeds=[0], space=space, recipe=TINY)
    with pytest.raises(MethodError, match=f"workers=1, got '{space}' and {workers}"):
        search(problem, tmp_path, method="grafs", workers=workers)
    assert not list(tmp_path.iterdir())


def test_a_device_that_does_not_train_it_leaves_no_folder(tmp_path):
    problem = table_problem("mlp", seeds=[0], recipe=TINY, device="cuda")
    with pytest.raises(ValueError, match="trains on the cpu only"):
        search(problem, tmp_path / "out", method="random", budget=Budget(1))
    assert not list((tmp_path / "out").iterdir())


def test_no_search_chooses_by_a_seed_of_the_confirmation():
    assert tiny(seeds=(999,)).seeds == (999,)
    with pytest.raises(ValueError, match="seeds below 1000"):
        tiny(seeds=(0, 1001))


def test_a_trace_is_checked_against_the_stored_runs(tmp_path):
    search(tiny(), tmp_path, method="knn", budget=Budget(5), confirmation=Confirmation(1, 1))
    trace = tmp_path / "trace.jsonl"
    assert all(check.passed for check in verify_search(trace))
    lines = trace.read_text().splitlines()
    assert json.loads(lines[0])["edition"] == "live"
    assert json.loads(lines[-1])["type"] == "reveal"
    forged = json.loads(lines[2]) | {"score": 0.99, "validation_accuracy": 0.99}
    trace.write_text("\n".join([*lines[:2], json.dumps(forged), *lines[3:]]) + "\n")
    checks = {check.name: check for check in verify_search(trace)}
    assert checks["data"].passed
    assert not checks["answers"].passed
    assert checks["answers"].line == 3
    trace.write_text("\n".join(lines) + "\n")
    for part in (tmp_path / "runs").glob("*.parquet"):
        part.unlink()
    checks = {check.name: check for check in verify_search(trace)}
    assert not checks["data"].passed
    assert not checks["answers"].passed


def test_a_confirmation_uses_fresh_seeds_and_compares_seed_by_seed(tmp_path):
    trainer = Counting()
    store = RunStore(tmp_path, trainer.identity)
    found = [Candidate("add(zero(x),tanh(x))", 13, "found", 0.5)]
    reference = Candidate("add(zero(x),relu(x))", 20, "ReLU", None)
    rows = confirm(store, trainer, found, 4, 0.1, reference)
    assert all(min(seeds) >= 1000 for _, seeds in trainer.trained)
    assert [row.candidate.role for row in rows] == ["found", "ReLU"]
    differences = np.subtract(rows[0].scores, rows[1].scores)
    low, high = stats.t.interval(0.95, 3, differences.mean(), stats.sem(differences))
    assert rows[0].difference.mean == pytest.approx(differences.mean(), abs=1e-4)
    assert rows[0].difference.half_width == pytest.approx((high - low) / 2, abs=1e-4)
    assert rows[1].difference is None
    assert Estimate.of([0.5]).half_width is None


def test_a_method_of_its_own_proposes_and_is_trained_like_the_others(tmp_path):
    problem = tiny()
    store = RunStore(tmp_path, problem.identity)

    def propose(budget):
        yield Proposal("mul(sigmoid(x),sinh(x))", 2.0)
        yield Proposal("mul(sigmoid(x),sinh(x))", 1.0)  # found again: its search is charged
        yield Proposal("add(x,sum_n(x,elu(x),x))", 1.0)
        yield Proposal("relu(x)", 1.0)

    session = ProposalSession(problem, store, propose)
    evaluated = list(session.evaluations(Budget(evaluations=2)))
    assert [each.expression for each in evaluated][1] == "add(x,sum_n(x,elu(x),x))"
    cost = sum(each.cost_s for each in evaluated)
    assert evaluated[-1].clock_s == pytest.approx(4.0 + cost)
    assert session.reveal().accuracy is not None
    with pytest.raises(SearchOverError):
        session.reveal()


def test_the_swish_space_is_searched_by_its_controller(tmp_path):
    problem = table_problem("mlp", seeds=[0], space="swish", recipe=TINY)
    arguments: dict[str, Any] = {"method": "controller", "confirmation": Confirmation(1, 1)}
    found = search(problem, tmp_path, budget=Budget(4), **arguments)
    known = set(enumerate_swish())
    assert all(each.expression in known for each in found.evaluated)
    assert [check.passed for check in verify_search(tmp_path / "trace.jsonl")] == [True] * 4


def test_a_grafs_search_that_fails_is_followed_by_the_next_seed(tmp_path, monkeypatch):
    def fails(*seeds):
        def one(table, fidelity, *, seed, **_):
            if seed in seeds:
                raise SearchFailedError("its losses are not finite")
            return SimpleNamespace(expression=f"add({seed},tanh(x))", search_s=1.0)

        return one

    monkeypatch.setattr("regenerate.grafs.search", fails(1, 2, 4))
    found = search(tiny(), tmp_path / "a", method="grafs", budget=Budget(3), seed=0)
    assert [each.expression for each in found.evaluated] == [f"add({s},tanh(x))" for s in (0, 3, 5)]
    monkeypatch.setattr("regenerate.grafs.search", fails(0, 1, 2))
    with pytest.raises(SearchFailedError):
        search(tiny(), tmp_path / "b", method="grafs", budget=Budget(1), seed=0)


def test_grafs_begins_again_while_seconds_are_left(tmp_path, monkeypatch):
    begun = []

    def one(table, fidelity, *, seed, out, **_):
        begun.append((seed, out.name))
        return SimpleNamespace(expression=f"add({seed},tanh(x))", search_s=10.0)

    monkeypatch.setattr("regenerate.grafs.search", one)
    found = search(tiny(), tmp_path, method="grafs", budget=Budget(seconds=25.0), seed=7)
    assert begun == [(7, "grafs-0"), (8, "grafs-1"), (9, "grafs-2")]
    assert [each.expression for each in found.evaluated] == [f"add({s},tanh(x))" for s in (7, 8, 9)]
    assert found.clock_s == pytest.approx(30.0 + sum(each.cost_s for each in found.evaluated))
    assert found.tested.expression == found.best.expression
    own = dataclasses.replace(tiny(), table="own")
    with pytest.raises(MethodError, match="not in your own"):
        search(own, tmp_path / "own", method="grafs", budget=Budget(1))


def test_confirmation_is_read_from_text():
    assert Confirmation.parse("2x10") == (2, 10)
    assert Confirmation.parse("0") == (0, 0)
    for text in ("3", "0x3", "3x", "x", "axb"):
        with pytest.raises(ValueError, match="such as 3x5"):
            Confirmation.parse(text)


def test_the_reference_is_the_best_of_the_table():
    data = Benchmark("mlp")._data
    best = tiny().reference
    scores = [a if a is not None else -math.inf for a in data.validation_accuracy]
    assert scores[best.entry] == max(scores)
    assert load_space().representatives[best.entry] == best.expression
