"""The Swish space as a search space, and the paper's controller on it."""

from __future__ import annotations

import numpy as np

from act_bench.functions.operators import COMMUTATIVE, SWISH_BINARY, SWISH_UNARY
from surrogates.optimizers.controller import Controller
from surrogates.swish import enumerate_swish, swish_space
from tests.surrogates.results import result_of


def test_functions_are_expressions_up_to_swapped_arguments() -> None:
    space = swish_space()
    free = sum(name in COMMUTATIVE for name in SWISH_BINARY)
    assert len(space) == 4450 == free * 25 * 26 // 2 + (10 - free) * 625
    assert space.operators == {1: tuple(sorted(SWISH_UNARY)), 2: tuple(sorted(SWISH_BINARY))}
    assert space.find("sub(sin(x),x)") is None
    points_of = {space.find(name) for name in enumerate_swish()}
    assert points_of == set(range(len(space)))
    row = space.find("gate( cos(x), beta(x) )")
    assert row is not None
    assert space.expressions[row] == "gate(cos(x),beta(x))"


def test_the_controller_learns_what_is_paid() -> None:
    """Functions with a sine are worth more: it asks for them more often than chance."""
    space = swish_space()
    controller = Controller(space, seed=1, rate=0.05)
    asked = []
    for _ in range(250):
        text = controller.ask()
        position = space.find(text)
        assert position is not None
        score = 0.9 if "sin(x)" in text.replace("sinc", "") else 0.1
        asked.append(score > 0.5)
        controller.tell(result_of(position, score))
    share = np.mean([("sin(x)" in name) for name in space.expressions])
    assert np.mean(asked[-100:]) > 3 * share
