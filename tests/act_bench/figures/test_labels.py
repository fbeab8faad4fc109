"""Labels do not cover each other, and stand as near as they can."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, minimize

from act_bench.figures.labels import name_beside, name_points, spread
from act_bench.figures.style import panels


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8).map(sorted))
def test_spread_keeps_gaps_order_and_limits(places):
    found = spread(places, 0.1, 0.0, 1.0)
    assert all(after - before >= 0.1 - 1e-9 for before, after in pairwise(found))
    assert found.min() >= -1e-12
    assert found.max() <= 1 + 1e-12


def test_spread_is_the_nearest_such_arrangement():
    places = [0.3, 0.31, 0.35, 0.6, 0.61]
    apart = LinearConstraint(np.eye(5, k=1)[:4] - np.eye(5)[:4], 0.1, np.inf)

    def moved(found: NDArray[np.float64]) -> float:
        return float(((found - places) ** 2).sum())

    best = minimize(moved, np.linspace(0, 0.5, 5), constraints=apart)
    assert spread(places, 0.1, 0, 1) == pytest.approx(best.x, abs=1e-3)


def test_too_many_for_the_room_share_it():
    assert spread([0.5] * 5, 0.5, 0.0, 1.0) == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_names_of_near_points_do_not_overlap():
    figure, [[axes]] = panels(1, 1, 4, 4)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    figure.draw_without_rendering()
    points = {f"name{i}": (0.5 + 0.01 * i, 0.5 + 0.012 * (i % 3)) for i in range(6)}
    name_points(axes, {**points, "nowhere": (float("nan"), 0.5)})
    assert {text.get_text() for text in axes.texts} == set(points)
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    assert not [1 for a, b in pairs if a.padded(-2).overlaps(b.padded(-2))]


def test_names_beside_stand_in_the_order_of_their_points():
    _, [[axes]] = panels(1, 1, 3, 3)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    name_beside(axes, {"low": (0.2, 0.4), "high": (0.9, 0.41), "top": (0.1, 1.0)})
    heights = {text.get_text(): text.xyann[1] for text in axes.texts}  # type: ignore[attr-defined]
    assert heights["low"] < heights["high"] - 0.049 < heights["top"]
