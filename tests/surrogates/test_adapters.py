"""Adapters, and Optuna's estimator behind the protocol."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Query
from surrogates.adapters import FromStudy, FromSuggester
from surrogates.optimizers import find_optimizer
from surrogates.protocol import SearchSpace
from surrogates.searches.single import run_search

MakeData = Callable[..., BenchmarkData]


@pytest.fixture(scope="module")
def data(make_data: MakeData) -> BenchmarkData:
    return make_data(missing=(2,))


@pytest.fixture(scope="module")
def space(data: BenchmarkData) -> SearchSpace:
    return SearchSpace.of(data)


class Spellings:
    """Suggests spellings in order, equal functions among them, and keeps what it observes."""

    def __init__(self, spellings: list[str]) -> None:
        self.left = iter(spellings)
        self.observed: list[tuple[str, float]] = []

    def suggest(self) -> str:
        return next(self.left)

    def observe(self, expression: str, score: float) -> None:
        self.observed.append((expression, score))


def test_a_suggester_observes_the_score_of_the_spelling_it_suggested(
    data: BenchmarkData, space: SearchSpace
) -> None:
    missing = data.space.representatives[2]
    texts = ["relu(x)", "max(x,zero(x))", missing, "tanh(x)", "exp(x)"]
    suggester = Spellings(texts)
    optimizer = FromSuggester(space, suggester)
    bench = Benchmark(data)
    asked = [optimizer.ask() for _ in texts]
    assert asked == texts
    for text in asked:
        optimizer.tell(bench.query(text))
    expected = [(text, data.score(data.space.resolve(text).entry)) for text in texts]
    assert suggester.observed == [pair for pair in expected if pair[1] is not None]
    assert bench.evaluations == 3


def test_results_may_come_in_another_order(data: BenchmarkData, space: SearchSpace) -> None:
    suggester = Spellings(["relu(x)", "tanh(x)"])
    optimizer = FromSuggester(space, suggester)
    bench = Benchmark(data)
    for text in reversed([optimizer.ask(), optimizer.ask()]):
        optimizer.tell(bench.query(text))
    assert [text for text, _ in suggester.observed] == ["tanh(x)", "relu(x)"]


def test_a_study_is_told_every_trial(data: BenchmarkData, space: SearchSpace) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=3))
    texts = ["relu(x)", data.space.representatives[2], "tanh(x)", "elu(x)", "max(x,zero(x))"]
    optimizer = FromStudy(space, study, lambda trial: trial.suggest_categorical("f", texts))
    bench = Benchmark(data)
    for _ in range(20):
        batch = [optimizer.ask(), optimizer.ask()]
        for text in reversed(batch):
            optimizer.tell(bench.query(text))
    assert len(study.trials) == 40
    for trial in study.trials:
        score = data.score(data.space.resolve(trial.params["f"]).entry)
        assert trial.value == score
        assert trial.state.name == ("FAIL" if score is None else "COMPLETE")


def test_tpe_learns_which_operators_are_good(data: BenchmarkData, space: SearchSpace) -> None:
    pytest.importorskip("optuna")

    def mean(name: str) -> float:
        """Mean score over the second half of some searches."""
        scores = []
        for seed in range(3):
            bench = Benchmark(data)
            run_search(bench, find_optimizer(name)(space, seed), 60)
            events = [event for event in bench.events if isinstance(event, Query)]
            scores += [event.result.score for event in events[30:]]
        return float(np.mean(np.array(scores, dtype=float)))

    assert mean("tpe") > mean("random") + 0.04


def test_tpe_says_nothing(space: SearchSpace, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")
    optimizer = find_optimizer("tpe")(space, 0)
    optimizer.ask()
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.parametrize("settings", [{"starts": 0}, {"patience": 0}])
def test_tpe_refuses_settings_out_of_range(space: SearchSpace, settings: dict[str, int]) -> None:
    pytest.importorskip("optuna")
    with pytest.raises(ValueError, match="at least 1"):
        find_optimizer("tpe")(space, 0, **settings)
