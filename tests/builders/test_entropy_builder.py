"""The stored entropies, and what is said of their worth as a feature."""

from __future__ import annotations

import math

import numpy as np
import pytest

from act_bench import parse
from act_bench.functions.entropy import entropy
from act_bench.spaces.entropies import load_entropies
from act_bench.spaces.paper import load_space
from builders.entropy import predict


def test_stored_entropies_are_those_of_the_entries() -> None:
    stored, space = load_entropies(), load_space()
    assert stored["entry"].to_list() == list(range(2913))
    for entry in (0, 20, 265, 1500, 2900):
        nats, flat = entropy(parse(space.representatives[entry]))
        row = stored.row(entry, named=True)
        kept = math.nan if row["entropy_nats"] is None else row["entropy_nats"]
        np.testing.assert_allclose(kept, nats, rtol=1e-9)
        assert row["flat"] == pytest.approx(flat)


def test_a_feature_explains_what_it_determines_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    feature = rng.uniform(-1, 1, 800)
    known = predict("parabola", feature, np.square(feature))
    assert known.explained > 0.99
    assert abs(known.spearman) < 0.1
    noise = predict("noise", feature, rng.uniform(size=800))
    assert noise.explained < 0.05
    assert noise.low < 0 < noise.high
    # Twins tell nothing: each pair is one function.
    twins = predict("twins", np.repeat(feature, 2), np.repeat(rng.uniform(size=800), 2))
    assert twins.explained < 0.05
    assert twins.values == 800
