"""Any course of a search keeps the rules: queries, parts, repeats, charges, restarts, the seal."""

from __future__ import annotations

import math
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.events import Charge, Query, Revealed
from act_bench.search.refusals import SearchOverError
from act_bench.search.trace import read_trace
from act_bench.search.verify import verify
from surrogates.conformance import EPOCHS, made_up


@cache
def small() -> BenchmarkData:
    """Made-up data over a few entries, some of which diverge; all others are missing."""
    return made_up(np.arange(0, 40, 2))


@cache
def spellings() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for text, entry in small().space.entry_of.items():
        found.setdefault(entry, []).append(text)
    return found


ENTRIES = st.integers(0, 45)  # every second one up to 38 is there
SECONDS = st.floats(0, 1e6, allow_nan=False)


class Search(RuleBasedStateMachine):
    """A benchmark beside the plainest model of it: how far each entry was trained."""

    @initialize()
    def begin(self) -> None:
        self.bench = Benchmark(small())
        self.forget()

    def forget(self) -> None:
        self.epochs: dict[int, int] = {}  # entry -> epochs trained
        self.order: list[int] = []  # entries trained to the end
        self.charged = 0.0
        self.steps = 0
        self.over = False

    def spelling(self, entry: int, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(spellings()[entry]))

    def due(self) -> float:
        data = small()
        return self.charged + math.fsum(
            data.curves.cost_s[entry][epochs - 1] if epochs < EPOCHS else data.cost_s[entry]
            for entry, epochs in self.epochs.items()
        )

    def ask(self, entry: int, epochs: int | None, data: st.DataObject) -> None:
        text = self.spelling(entry, data)
        if self.over:
            with pytest.raises(SearchOverError):
                self.bench.query(text, epochs=epochs)
            return
        result = self.bench.query(text, epochs=epochs)
        self.steps += 1
        known = small()
        assert result.entry == entry
        assert result.how_resolved in ("exact", "commuted", "numerical")
        if known.outcome[entry] == "missing":
            assert (result.outcome, result.score, result.cost_s) == ("missing", None, 0.0)
            return
        reached, wanted = self.epochs.get(entry, 0), epochs or EPOCHS
        assert result.repeated == (wanted <= reached)
        assert (result.cost_s == 0.0) == result.repeated
        self.epochs[entry] = max(reached, wanted)
        if wanted < EPOCHS:
            part = known.curves.scores[entry][wanted - 1]
            assert result.score == (known.worst_score if part is None else part)
            assert result.epochs == wanted
            return
        if reached < EPOCHS:
            self.order.append(entry)
        assert result.outcome == known.outcome[entry]
        assert result.score == known.score(entry)
        assert (result.validation_accuracy is None) == (result.outcome == "diverged")

    @rule(entry=ENTRIES, data=st.data())
    def query(self, entry: int, data: st.DataObject) -> None:
        self.ask(entry, None, data)

    @rule(entry=ENTRIES, epochs=st.integers(1, EPOCHS), data=st.data())
    def part(self, entry: int, epochs: int, data: st.DataObject) -> None:
        self.ask(entry, epochs, data)

    @precondition(lambda self: self.epochs)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from(sorted(self.epochs)))
        self.ask(entry, data.draw(st.integers(1, EPOCHS)), data)

    @rule(epochs=st.sampled_from([-1, 0, EPOCHS + 1]))
    def part_of_no_training(self, epochs: int) -> None:
        with pytest.raises(SearchOverError if self.over else ValueError):
            self.bench.query("relu(x)", epochs=epochs)

    @rule(seconds=SECONDS)
    def charge(self, seconds: float) -> None:
        if self.over:
            with pytest.raises(SearchOverError):
                self.bench.charge(seconds, "features")
            return
        self.bench.charge(seconds, "features")
        self.charged += seconds
        self.steps += 1

    @rule()
    def reveal(self) -> None:
        if self.over:
            with pytest.raises(SearchOverError):
                self.bench.reveal()
            return
        if not self.order:
            with pytest.raises(ValueError, match="nothing was trained"):
                self.bench.reveal()
            return
        known = small()
        found = self.bench.reveal()
        self.steps, self.over = self.steps + 1, True
        # A diverged function is never preferred, whatever the scores; of equals the first.
        best = max(
            self.order,
            key=lambda e: (known.outcome[e] == "ok", known.score(e)),
        )
        assert (found.entry, found.test_accuracy) == (best, known.test_accuracy[best])
        assert found.evaluations == len(self.order)

    @rule()
    def restart(self) -> None:
        before = self.bench.events
        fresh = self.bench.restart()
        assert (fresh.clock_s, fresh.evaluations, fresh.events) == (0.0, 0, ())
        assert self.bench.events == before
        self.bench = fresh
        self.forget()

    @invariant()
    def the_clock_is_what_was_trained_and_charged(self) -> None:
        assert self.bench.clock_s == pytest.approx(self.due(), rel=1e-9, abs=1e-9)
        assert self.bench.evaluations == len(self.order)
        trained = sum(self.epochs.values()) / EPOCHS
        assert self.bench.trainings == pytest.approx(trained)

    @invariant()
    def every_step_is_an_event_and_only_the_last_shows_test(self) -> None:
        events = self.bench.events
        assert len(events) == self.steps
        before = events[:-1] if self.over else events
        assert all(isinstance(event, Query | Charge) for event in before)
        assert not self.over or isinstance(events[-1], Revealed)

    def teardown(self) -> None:
        """Whatever the course was, its trace agrees with the data."""
        if not hasattr(self, "bench"):
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trace.jsonl"
            self.bench.trace.save(path)
            assert read_trace(path).events == self.bench.events
            checks = verify(path, data=small())
        assert [check.name for check in checks if check.passed is False] == []


TestSearch: Any = Search.TestCase
TestSearch.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
