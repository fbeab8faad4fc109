"""Any order of asks and tells keeps the rules: once each, in the space, and the same again."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from act_bench.search.events import Outcome, Partial, Result
from surrogates.conformance import made_up
from surrogates.optimizers import OPTIMIZERS
from surrogates.protocol import SearchSpace, SpaceExhaustedError

NAMES = tuple(OPTIMIZERS)


@cache
def space() -> SearchSpace:
    """A part of the real space, small enough to be exhausted."""
    return SearchSpace.of(made_up(np.arange(0, 2913, 240)))


class AskTell(RuleBasedStateMachine):
    """Asks that wait for their results, told in any order, and a log to repeat them all."""

    @initialize(name=st.sampled_from(NAMES), seed=st.integers(0, 5))
    def begin(self, name: str, seed: int) -> None:
        self.make = lambda: OPTIMIZERS[name](space(), seed)
        self.optimizer = self.make()
        self.pending: list[str | Partial] = []
        self.asked: list[int] = []
        self.log: list[Result | str | Partial | None] = []  # None: there was nothing to ask for

    @rule()
    def ask(self) -> None:
        try:
            asked = self.optimizer.ask()
        except SpaceExhaustedError:
            # Only when every function was asked for; and then it stays so.
            assert set(self.asked) == set(range(len(space())))
            with pytest.raises(SpaceExhaustedError):
                self.optimizer.ask()
            self.log += [None, None]
            return
        position = space().find(asked.expression if isinstance(asked, Partial) else asked)
        assert position is not None
        self.pending.append(asked)
        self.asked.append(position)
        self.log.append(asked)

    @precondition(lambda self: self.pending)
    @rule(
        data=st.data(),
        outcome=st.sampled_from(["ok", "ok", "diverged", "missing"]),
        score=st.floats(0, 1),
    )
    def tell(self, data: st.DataObject, outcome: Outcome, score: float) -> None:
        index = data.draw(st.integers(0, len(self.pending) - 1))
        asked = self.pending.pop(index)
        partial = asked if isinstance(asked, Partial) else Partial(asked, None)
        text, epochs = partial.expression, partial.epochs
        position = space().find(text)
        assert position is not None
        result = Result(
            outcome=outcome,
            validation_accuracy=score if outcome == "ok" else None,
            cost_s=1.0,
            entry=space().entries[position],
            how_resolved="exact",
            score={"ok": score, "diverged": 0.1, "missing": None}[outcome],
            repeated=False,
            epochs=epochs,
        )
        self.optimizer.tell(result)
        self.log.append(result)

    @invariant()
    def no_function_is_asked_for_twice(self) -> None:
        asked = getattr(self, "asked", [])
        assert len(set(asked)) == len(asked)

    def teardown(self) -> None:
        """The same seed and the same results give the same asks."""
        if not hasattr(self, "make"):
            return
        again = self.make()
        for step in self.log:
            if isinstance(step, Result):
                again.tell(step)
            elif step is None:
                with pytest.raises(SpaceExhaustedError):
                    again.ask()
            else:
                assert again.ask() == step


TestAskTell: Any = AskTell.TestCase
TestAskTell.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
