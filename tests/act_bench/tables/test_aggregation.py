"""The worth of runs: a median in which what diverged ranks last, without a number for it."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from act_bench.tables.aggregation import is_diverged, median, medians, ranks

RUNS = st.lists(st.none() | st.floats(0, 1), max_size=9)


@given(RUNS, st.booleans())
def test_a_diverged_run_is_worse_than_every_number(
    runs: list[float | None], lower_is_better: bool
) -> None:
    worst = float("inf") if lower_is_better else float("-inf")
    lost = sum(run is None for run in runs)
    found = median(runs, lower_is_better=lower_is_better)
    assert (found is None) == is_diverged(len(runs), lost)
    if found is not None:
        known = [worst if run is None else run for run in runs]
        assert found == pytest.approx(statistics.median(known), rel=1e-15)
        assert np.isfinite(found)


@given(st.lists(st.lists(st.none() | st.floats(0, 1), min_size=4, max_size=4), max_size=5))
def test_medians_are_the_median_of_each_row(rows: list[list[float | None]]) -> None:
    values = np.array(rows, dtype=np.float64).reshape(-1, 4)
    expected = [np.nan if (found := median(row)) is None else found for row in rows]
    np.testing.assert_array_equal(medians(values), np.array(expected, dtype=np.float64))
    ran = np.arange(4) < np.arange(len(rows))[:, None] % 5
    some = [median(row[: number % 5]) for number, row in enumerate(rows)]
    np.testing.assert_array_equal(medians(values, ran), np.array(some, dtype=np.float64))


@given(RUNS)
def test_ranks_put_all_that_diverged_below_the_rest(runs: list[float | None]) -> None:
    found = ranks(np.array(runs, dtype=np.float64))
    known = [-1.0 if run is None else run for run in runs]
    np.testing.assert_array_equal(rankdata(found), rankdata(known))
