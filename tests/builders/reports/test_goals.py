"""Beating every baseline is counted by canonical class, and respellings of a baseline do not."""

import numpy as np

from act_bench.functions.operators import BASELINES
from act_bench.search.loading import load_data
from builders.reports.goals import beats_every_baseline


def test_a_respelling_of_a_baseline_beats_no_baseline():
    data = load_data("cnn")
    space = data.space
    goal = beats_every_baseline(data)
    best = max(data.score(space.resolve(text).entry) for text in BASELINES)
    respelling = space.entry_of["min(abs(x),expm1(x))"]  # ELU, trained once more
    elu = space.resolve("elu(x)").entry
    assert space.canonical_class[respelling] == space.canonical_class[elu]
    assert data.score(respelling) > best
    assert not goal.reaches[respelling]
    assert all(data.score(int(entry)) > best for entry in np.flatnonzero(goal.reaches))
