"""Canonical classes: the cells, the refinement, and mpmath's independent verdict."""

from __future__ import annotations

import math
from itertools import combinations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import lambertw

from act_bench.functions.equality import TOLERANCE, UNIT_ROUNDOFF, Scaled, space_values
from act_bench.functions.operators import OPERATORS, SPACE_UNARY
from act_bench.spaces.paper import load_space
from builders.space.cells import REACH, cell_grid, crossings
from builders.space.classes import canonical_classes, entries, widest_within
from builders.space.exact import exact_classes
from builders.space.outputs import figure_points
from builders.space.report import DOCUMENT, TAILS, points_in_cells, reason, splits

SPACE = load_space()
LABELS = np.array([SPACE.canonical_class[SPACE.entry_of[name]] for name in SPACE.expressions])
BOUNDARIES = crossings()


@pytest.mark.parametrize(
    "x",
    [
        0.0,
        2.5,
        -2.5,
        1.0,  # identity and reciprocal
        -1.0,
        math.log(2),  # expm1 and one
        math.asinh(1.0),  # sinh and one
        float(-2 * lambertw(0.5).real),  # exp(x) = x^2
        float(lambertw(1).real),  # exp(x) = 1/x
        (math.sqrt(5) - 1) / 2,  # softsign(x) = x^2
    ],
)
def test_known_crossings_are_found(x):
    assert np.abs(BOUNDARIES - x).min() < 1e-6


def test_no_two_operators_cross_inside_a_cell():
    ends = np.concatenate([[-REACH], BOUNDARIES[np.abs(BOUNDARIES) < REACH], [REACH]])
    shares = np.linspace(0.02, 0.98, 49)[:, None]
    inside = ends[:-1] + shares * np.diff(ends)
    values = {name: OPERATORS[name].numpy(inside) for name in SPACE_UNARY}
    for u, v in combinations(SPACE_UNARY, 2):
        difference = values[u] - values[v]
        size = np.maximum(np.abs(values[u]), np.abs(values[v]))
        sign = np.where(np.abs(difference) <= 1e-13 * size, 0, np.sign(difference))
        assert not ((sign.max(axis=0) > 0) & (sign.min(axis=0) < 0)).any(), (u, v)


def test_the_stored_grid_has_two_points_in_each_cell():
    np.testing.assert_allclose(SPACE.grid, cell_grid(BOUNDARIES), rtol=0, atol=1e-9)
    inner = BOUNDARIES[np.abs(BOUNDARIES) < REACH]
    counts = np.bincount(np.searchsorted(inner, SPACE.grid))
    assert (counts == 2).all()
    assert len(counts) == len(inner) + 1


def test_the_points_are_those_of_figure_3():
    np.testing.assert_array_equal(SPACE.points, figure_points())
    assert np.abs(figure_points(100_000)).max() <= 5


def test_the_stored_classes_come_from_the_stored_grid():
    found = canonical_classes(space_values(SPACE.grid))
    np.testing.assert_array_equal(found, LABELS)
    assert widest_within(space_values(SPACE.grid), found) < 10


@pytest.mark.parametrize("tolerance", [10.0, 1e3, 1e9, 1e11])
def test_the_tolerance_does_not_matter(tolerance):
    np.testing.assert_array_equal(canonical_classes(space_values(SPACE.grid), tolerance), LABELS)


@pytest.mark.parametrize("seed", range(5))
def test_the_points_do_not_matter(seed):
    values = space_values(points_in_cells(BOUNDARIES, seed))
    np.testing.assert_array_equal(canonical_classes(values), LABELS)


def test_the_papers_points_give_the_same_classes():
    np.testing.assert_array_equal(canonical_classes(space_values(figure_points())), LABELS)


def test_a_grid_that_leaves_out_a_cell_merges_functions():
    # max(expm1,selu) is expm1 but in 0 < x < 0.098.
    without = SPACE.grid[(SPACE.grid < 0) | (SPACE.grid > 0.1)]
    found = canonical_classes(space_values(without))
    row = {name: number for number, name in enumerate(SPACE.expressions)}
    assert found.max() < LABELS.max()
    assert found[row["max(expm1(x),selu(x))"]] == found[row["add(zero(x),expm1(x))"]]


@pytest.mark.parametrize("seed", range(3))
def test_errors_of_the_machine_do_not_matter(seed):
    # Another libm: every value off by up to a hundred units in the last place.
    value, scale = space_values(SPACE.grid)
    noise = np.random.default_rng(seed).uniform(-100, 100, value.shape)
    with np.errstate(invalid="ignore"):
        moved = np.where(np.isfinite(value), value + noise * UNIT_ROUNDOFF * scale, value)
    np.testing.assert_array_equal(canonical_classes(Scaled(moved, scale)), LABELS)


def test_mpmath_finds_the_same_classes_in_every_cell_and_beyond():
    inner = BOUNDARIES[np.abs(BOUNDARIES) < REACH]
    middles = np.convolve(np.concatenate([[-REACH], inner, [REACH]]), [0.5, 0.5], "valid")
    points = np.random.default_rng(0).permutation([*middles, *TAILS])
    exact = exact_classes(points)
    np.testing.assert_array_equal(exact.labels, LABELS)
    assert exact.largest_within < mpmath.mpf("1e-50")
    assert exact.smallest_cut > mpmath.mpf("1e-9")


def test_float32_of_exact_values_splits_almost_nothing():
    every = np.asarray(space_values(figure_points()).value)
    with np.errstate(over="ignore"):
        rounded = entries(every.astype(np.float32))
    assert 2791 <= rounded.max() + 1 <= 2795


tables = arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 4)),
    elements=st.sampled_from([0.0, 1.0, -1.0, 2.5, np.nan, np.inf, -np.inf]),
)


@given(tables, st.randoms(use_true_random=False))
def test_refinement_is_equality_of_rows_up_to_rounding(table, random):
    scale = np.ones_like(table)
    nudge = np.array([[random.uniform(-0.3, 0.3) for _ in row] for row in table])
    moved = table + TOLERANCE * UNIT_ROUNDOFF * nudge
    labels = canonical_classes(Scaled(moved, scale))
    keys = [tuple(map(str, row)) for row in table]
    order = list(dict.fromkeys(keys))
    assert labels.tolist() == [order.index(key) for key in keys]


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(1, 3)),
        elements=st.sampled_from(
            [0.0, -0.0, 1.0, float(np.nextafter(np.float32(1), np.float32(2))), np.nan, np.inf]
        ),
    )
)
def test_entries_compare_bits(outputs):
    keys = [tuple(str(float(v) + 0.0) for v in row) for row in outputs]
    order = list(dict.fromkeys(keys))
    assert entries(outputs).tolist() == [order.index(key) for key in keys]


def test_every_disagreement_has_its_reason():
    found = list(splits(SPACE))
    assert len(found) == 2913 - 2791
    document = DOCUMENT.read_text(encoding="utf-8")
    for split in found:
        entry, first = SPACE.entry_of[split.other], SPACE.entry_of[split.first]
        assert f"| {entry} | `{split.other}` | {first} | `{split.first}` |" in document
    assert "2,791 canonical classes" in document
    assert "ANOTHER" not in document


def test_a_disagreement_without_a_reason_is_refused():
    with pytest.raises(ValueError, match="not listed"):
        reason("add(zero(x),tanh(x))", "max(erf(x),arctan(x))")


@settings(max_examples=20)
@given(st.permutations(range(60)))
def test_the_order_of_functions_does_not_matter(order):
    value, scale = space_values(SPACE.grid[::20])
    rows = np.arange(0, 5103, 85)[:60]
    straight = canonical_classes(Scaled(value[rows], scale[rows]))
    mixed = canonical_classes(Scaled(value[rows][order], scale[rows][order]))
    same = straight[order][:, None] == straight[order]
    np.testing.assert_array_equal(mixed[:, None] == mixed, same)
