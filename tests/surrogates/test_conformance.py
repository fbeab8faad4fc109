"""The conformance kit: all optimizers of the package pass it, and each fault is found."""

from __future__ import annotations

import random

import numpy as np
import pytest

from act_bench.search.events import Result
from act_bench.testing import check_optimizer
from surrogates.adapters import FromSuggester
from surrogates.conformance import ConformanceError, made_up
from surrogates.optimizers import NAMES, RandomSearch, find_optimizer
from surrogates.protocol import SearchSpace, SpaceExhaustedError


@pytest.mark.parametrize("name", NAMES)
def test_optimizers_of_the_package_conform(name: str) -> None:
    if name == "tpe":
        pytest.importorskip("optuna")
    check_optimizer(find_optimizer(name), evaluations=24)


@pytest.mark.parametrize("name", ["gp-ei", "gp-thompson", "forest-ei"])
def test_they_conform_with_fisher_features(name: str) -> None:
    factory = find_optimizer(name)
    check_optimizer(lambda space, seed: factory(space, seed, features="union"), evaluations=16)


class Unseeded(RandomSearch):
    """Takes its randomness from the global state."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        super().__init__(space, random.getrandbits(32))


class Marking(RandomSearch):
    """Leaves a mark in the space, and follows it."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        marked = space.position.setdefault(-1, 0)
        space.position[-1] += 1
        super().__init__(space, seed + marked)


class Stuck(RandomSearch):
    """Asks for its first function for ever."""

    def ask(self) -> str:
        return self._space.expressions[0]


class Endless(RandomSearch):
    """Begins again when all functions were asked for."""

    def ask(self) -> str:
        try:
            return super().ask()
        except SpaceExhaustedError:
            return self._space.expressions[0]


class OneAtATime(RandomSearch):
    """Cannot ask before it was told."""

    waiting = False

    def ask(self) -> str:
        if self.waiting:
            raise RuntimeError("tell me first")
        self.waiting = True
        return super().ask()

    def tell(self, result: Result) -> None:
        self.waiting = False


class Careless(RandomSearch):
    """Takes every result for a number."""

    def tell(self, result: Result) -> None:
        assert result.score is not None
        assert result.score >= 0


@pytest.mark.parametrize(
    ("factory", "says"),
    [
        (Unseeded, "determinism"),
        (Marking, "determinism"),
        (Stuck, "budget"),
        (Endless, r"exhaustion: with all 12 functions known"),
        (OneAtATime, "pending asks: .*tell me first"),
        (Careless, "missing results"),
    ],
)
def test_each_fault_is_found(factory: type[RandomSearch], says: str) -> None:
    with pytest.raises(ConformanceError, match=says):
        check_optimizer(factory, evaluations=16)


@pytest.mark.parametrize("sign", [1, -1])
def test_peeking_is_found(monkeypatch: pytest.MonkeyPatch, sign: int) -> None:
    """An optimizer that holds the data of its search, as none should."""
    made: list[object] = []
    original = SearchSpace.of.__func__  # type: ignore[attr-defined]

    def of(cls: type[SearchSpace], data: object) -> SearchSpace:
        made.append(data)
        return original(cls, data)

    monkeypatch.setattr(SearchSpace, "of", classmethod(of))

    class Peeking(RandomSearch):
        def __init__(self, space: SearchSpace, seed: int) -> None:
            super().__init__(space, seed)
            values = made[-1].validation_accuracy  # type: ignore[attr-defined]
            known = [sign * (values[entry] or 0) for entry in space.entries]
            self._order = iter(np.argsort(known, kind="stable").tolist())

    with pytest.raises(ConformanceError, match="peeking"):
        check_optimizer(Peeking, evaluations=16)


def test_what_never_ends_may_leave_out_exhaustion() -> None:
    class WithReplacement:
        def __init__(self, space: SearchSpace, seed: int) -> None:
            self.expressions, self.rng = space.expressions, np.random.default_rng(seed)

        def suggest(self) -> str:
            return self.expressions[self.rng.integers(len(self.expressions))]

        def observe(self, expression: str, score: float) -> None:
            pass

    def factory(space: SearchSpace, seed: int) -> FromSuggester:
        return FromSuggester(space, WithReplacement(space, seed))

    check_optimizer(factory, evaluations=16, exhausts=False)
    with pytest.raises(ConformanceError, match="exhaustion"):
        check_optimizer(factory, evaluations=16)


@pytest.mark.parametrize("evaluations", [3, 501])
def test_evaluations_out_of_range_are_refused(evaluations: int) -> None:
    with pytest.raises(ValueError, match=r"4\.\.500"):
        check_optimizer(RandomSearch, evaluations=evaluations)


def test_made_up_data_have_every_outcome() -> None:
    data = made_up(np.arange(100))
    assert set(data.outcome) == {"ok", "diverged", "missing"}
    assert data.curves.epochs == 4
    assert len(data.covered) == 100
