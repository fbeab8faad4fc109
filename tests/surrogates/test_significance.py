"""Significance of differences: against brute force and the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, spearmanr

from surrogates.significance import (
    bootstrap_interval,
    holm,
    mean_ranks,
    pairwise,
    spearman,
    spearman_interval,
)

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(P_VALUES)
def test_holm_is_its_definition(p: list[float]) -> None:
    found = holm(p)
    for i, value in enumerate(p):
        # The largest of (m - rank) p over all p-values that are as small or smaller.
        ordered = sorted(p)
        expected = max((len(p) - k) * q for k, q in enumerate(ordered) if q <= value)
        assert found[i] == pytest.approx(min(1.0, expected))


@given(P_VALUES)
def test_holm_lies_between_no_correction_and_bonferronis(p: list[float]) -> None:
    found = holm(p)
    assert (found >= np.array(p)).all()
    assert (found <= np.minimum(1.0, len(p) * np.array(p))).all()


def test_pairs_are_told_by_how_often_one_ends_better() -> None:
    rng = np.random.default_rng(0)
    regrets = {
        "good": rng.integers(0, 3, 60) / 10,
        "same": rng.integers(0, 3, 50) / 10,
        "bad": rng.integers(1, 6, 40) / 10,
    }
    found = pairwise(regrets)
    assert found.select("first", "second").rows() == [
        ("good", "same"),
        ("good", "bad"),
        ("same", "bad"),
    ]
    for row in found.iter_rows(named=True):
        a, b = regrets[row["first"]], regrets[row["second"]]
        wins = np.mean([(x < y) + 0.5 * (x == y) for x in a for y in b])
        assert row["superiority"] == pytest.approx(wins)
        assert row["p"] == pytest.approx(mannwhitneyu(a, b, method="asymptotic").pvalue)
    np.testing.assert_allclose(found["p_holm"], holm(found["p"]))
    assert found["significant"].to_list() == [False, True, True]


def test_equal_ends_are_no_difference_and_one_optimizer_has_no_pairs() -> None:
    (row,) = pairwise({"a": [0.0, 0.0], "b": [0.0, 0.0]}).iter_rows(named=True)
    assert (row["superiority"], row["p_holm"], row["significant"]) == (0.5, 1.0, False)
    assert pairwise({"a": [0.1]}).height == 0


def test_differences_by_chance_are_rarely_significant() -> None:
    """Of 40 families of eight equal optimizers about 2 err, and more than 6 hardly ever do."""
    families = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = pairwise({str(i): rng.random(20) for i in range(8)})
        families += bool(found["significant"].any())
    assert families <= 6


def test_mean_ranks_are_the_probability_to_end_worse() -> None:
    rng = np.random.default_rng(1)
    regrets = {"a": rng.integers(0, 5, 30), "b": rng.integers(2, 7, 20)}
    everything = np.concatenate(list(regrets.values()))
    for name, rank in mean_ranks(regrets).items():
        worse = [
            np.mean((everything < x) + 0.5 * (everything == x)) for x in regrets[name].tolist()
        ]
        assert rank == pytest.approx(np.mean(worse))
    assert list(mean_ranks(regrets)) == ["a", "b"]


def test_intervals_hold_the_mean_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        low, high = bootstrap_interval(rng.exponential(size=40), rng)
        held += low < 1.0 < high
    assert 170 < held <= 199  # of 200 at 95 %, a little less for a skewed sample
    low, high = bootstrap_interval(np.arange(101.0), np.random.default_rng(0), "median")
    assert low < 50 < high


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=20))
def test_a_rank_correlation_is_that_of_each_sample(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs, dtype=np.float64).T
    if np.isnan(spearman(a, b)):
        assert len(set(a.tolist())) == 1 or len(set(b.tolist())) == 1
        return
    found = spearman_interval(a, b, np.random.default_rng(0), level=0.9, samples=50)
    drawn = np.random.default_rng(0).integers(len(a), size=(50, len(a)))
    samples = [value for d in drawn if not np.isnan(value := spearman(a[d], b[d]))]
    assert found.spearman == spearmanr(a, b).statistic
    assert (found.low, found.high) == pytest.approx(np.quantile(samples, [0.05, 0.95]))
