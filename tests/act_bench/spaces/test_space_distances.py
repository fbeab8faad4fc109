"""The arithmetic of distances: the ways to compute them agree, and with the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from act_bench.spaces.distances import (
    Metric,
    all_pairs,
    among,
    output_vectors,
    spectrum_vectors,
    to_one,
)

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.sampled_from(["euclidean", "manhattan"]))
def test_all_ways_agree(seed: int, metric: Metric) -> None:
    vectors = np.random.default_rng(seed).normal(size=(7, 5))
    rows = np.array([to_one(vectors, one, metric) for one in vectors])
    np.testing.assert_allclose(all_pairs(vectors, metric=metric), rows, rtol=1e-12)
    np.testing.assert_allclose(all_pairs(vectors, vectors, metric), rows, rtol=1e-12)
    np.testing.assert_allclose(among(vectors, metric), rows, atol=1e-7)
    np.testing.assert_array_equal(to_one(vectors, vectors[::-1], metric), np.diag(rows[:, ::-1]))


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
@pytest.mark.parametrize("count", [1, 255, 256, 257, 700])
def test_blocks_of_rows_change_no_bit(count: int, metric: Metric) -> None:
    """Recorded searches rest on these bits."""
    vectors = np.random.default_rng(count).normal(size=(count, 80))
    for one in (vectors[-1], vectors[::-1]):
        offsets = vectors - one
        plain = (
            np.abs(offsets).sum(axis=-1)
            if metric == "manhattan"
            else np.sqrt((offsets * offsets).sum(axis=-1))
        )
        np.testing.assert_array_equal(to_one(vectors, one, metric), plain)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_half_of_the_distances_are_made_in_place(metric: Metric) -> None:
    vectors = np.random.default_rng(0).normal(size=(70, 5))
    room = np.full((70, 70), np.nan)
    found = among(vectors, metric, half=True, out=room)
    assert found is room
    whole = among(vectors, metric)
    np.testing.assert_array_equal(whole, whole.T)
    upper = np.triu_indices(70)
    np.testing.assert_array_equal(found[upper], whole[upper])


@given(SEEDS)
def test_scaled_vectors_have_the_distances_of_the_poster(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outputs, quantiles, weights = rng.normal(size=(2, 9)), rng.normal(size=(2, 3, 4)), rng.random(3)
    found = to_one(output_vectors(outputs), output_vectors(outputs[0]))
    assert found[1] == pytest.approx(np.sqrt(np.mean((outputs[1] - outputs[0]) ** 2)))
    vectors = spectrum_vectors(quantiles, weights)
    by_layer = np.abs(quantiles[1] - quantiles[0]).mean(axis=1)
    assert to_one(vectors, vectors[0], "manhattan")[1] == pytest.approx(by_layer @ weights)
