"""The exact law of random search against brute force, SciPy and exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom, nhypergeom

from surrogates.exact import evaluations_to_hit, random_search_law


@given(
    st.lists(st.sampled_from([0.1, 0.1, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=8),
    st.data(),
)
def test_expectation_and_quantiles_are_those_of_all_draws(
    scores: list[float], data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, len(scores)))
    law = random_search_law(scores, len(scores))
    best = np.array([max(draw) for draw in combinations(scores, n)])
    assert law.expected_best[n - 1] == pytest.approx(best.mean(), abs=1e-12)
    assert law.expected_regret[n - 1] == pytest.approx(max(scores) - best.mean(), abs=1e-12)
    for probability in (0.3, 0.61, 0.999):  # no ratio of binomials: equality cannot be by rounding
        expected = np.quantile(best, probability, method="inverted_cdf")
        assert law.quantile(probability)[n - 1] == expected


def test_quartiles_of_regret_are_those_of_many_draws() -> None:
    scores = np.sort(np.random.default_rng(0).random(400))
    law = random_search_law(scores, 50)
    rng = np.random.default_rng(1)
    regret = scores[-1] - np.array([scores[rng.permutation(400)[:50]].max() for _ in range(4000)])
    quartiles = law.regret_quartiles()
    # 4,000 draws place a share within four standard errors, 0.032.
    for value, share in zip(quartiles[:, -1], (0.25, 0.5, 0.75), strict=True):
        assert np.mean(regret < value - 1e-12) < share + 0.032
        assert np.mean(regret <= value + 1e-12) > share - 0.032
    assert (np.diff(quartiles, axis=0) >= 0).all()
    assert (np.diff(quartiles, axis=1) <= 0).all()


def test_cumulative_is_hypergeometric_at_the_size_of_a_table() -> None:
    law = random_search_law(np.arange(2913), 100)
    better = np.array([0, 1, 29, 290, 1456])
    # The best is at most the i-th when the draw holds none of the N - i that are better.
    expected = hypergeom(2913, better, 100).pmf(0)
    np.testing.assert_allclose(law.cumulative[99, 2912 - better], expected, rtol=1e-10)


def test_small_regret_keeps_its_digits() -> None:
    entries, n = 2913, 2900
    law = random_search_law([0.0] * (entries - 1) + [1.0], n)
    exact = Fraction(comb(entries - 1, n), comb(entries, n))  # the best was not drawn
    assert law.expected_regret[-1] == pytest.approx(float(exact), rel=1e-10)


def test_regret_never_rises_and_ends_at_zero() -> None:
    law = random_search_law([0.1] * 50 + [0.3, 0.9, 0.9], 53)
    assert (np.diff(law.expected_regret) <= 0).all()
    assert law.expected_regret[-1] == 0
    assert law.expected_best[-1] == 0.9


@pytest.mark.parametrize(("entries", "targets"), [(2913, 30), (100, 1), (10, 10), (50, 49)])
@pytest.mark.parametrize("probability", [0.25, 0.5, 0.95])
def test_first_hit_is_negative_hypergeometric(
    entries: int, targets: int, probability: float
) -> None:
    found = evaluations_to_hit(entries, targets, probability)
    # SciPy counts the misses before the first hit.
    misses = nhypergeom(entries, entries - targets, 1)

    def hit_within(n: int) -> float:
        return float(misses.cdf(n - 1))

    assert hit_within(found) >= probability - 1e-12
    assert found == 1 or hit_within(found - 1) < probability


def test_a_certain_hit_needs_all_that_are_no_target() -> None:
    assert evaluations_to_hit(100, 3, probability=1.0) == 98


def test_a_probability_that_is_met_exactly_is_met() -> None:
    assert evaluations_to_hit(10, 9, probability=0.9) == 1
    assert evaluations_to_hit(10, 9, probability=0.901) == 2


@pytest.mark.parametrize("scores", [[], [0.1, np.nan], [0.2, np.inf], [[0.1]]])
def test_scores_that_are_no_scores_are_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="finite scores"):
        random_search_law(scores, 1)


def test_ranges_are_checked() -> None:
    with pytest.raises(ValueError, match=r"1\.\.2"):
        random_search_law([0.1, 0.2], 3)
    with pytest.raises(ValueError, match=r"1\.\.5"):
        evaluations_to_hit(5, 6)
    with pytest.raises(ValueError, match="probability"):
        random_search_law([0.1], 1).quantile(0.0)
