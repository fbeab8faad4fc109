"""What searches with and without rates have found: by the traces and the runs themselves."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from act_bench import load_runs
from act_bench.search.events import Charge, Query, Result
from act_bench.search.loading import load_data
from act_bench.search.trace_table import read_traces
from builders.reports.rates.confirmed import (
    Found,
    Fresh,
    compare,
    fresh_seeds,
    incumbent,
    section,
    seed_error,
    spread_of_all,
)

TRACES = Path("leaderboard")


def query(
    entry: int, score: float | None, rate: float | None = None, repeated: bool = False
) -> Query:
    result = Result("ok", score, 100.0, entry, "exact", score, repeated=repeated)
    return Query(f"f{entry}", result, 1e6, rate)


def test_the_incumbent_is_the_best_within_the_seconds_of_training_of_the_data() -> None:
    """The clock of the trace, that of several machines and with features, has no part in it."""
    seconds = {0.05: [0.0, 1.0, 1.0, 1.0, 1.0], 0.2: [0.0, 0.0, 0.0, 2.0, 0.0]}
    data: Any = SimpleNamespace(at_rate=lambda rate: SimpleNamespace(cost_s=seconds[rate]))
    events = [
        Charge("spectra", 100.0, 100.0),
        query(1, 0.3),
        query(1, 0.3, repeated=True),
        query(2, None),
        query(3, 0.5, rate=0.2),
        query(4, 0.9),
    ]
    trace: Any = SimpleNamespace(events=events)
    assert incumbent(trace, 4.0, 0.05, data) == ((3, 0.2), 0.5)
    assert incumbent(trace, 3.5, 0.05, data) == ((1, 0.05), 0.3)
    assert incumbent(trace, 9.0, 0.05, data) == ((4, 0.05), 0.9)
    assert incumbent(trace, 0.5, 0.05, data) is None


def test_where_there_is_one_seed_what_was_seen_stands_for_it_less_what_the_others_lose() -> None:
    pairs = [(1, 0.1), (2, 0.1), (3, 0.1)]
    found = Found(pairs, np.array([0.5, 0.6, 0.7]), np.array([0.4, np.nan, 0.4]))
    np.testing.assert_allclose(found.filled, [0.4, 0.6 - 0.2, 0.4])


def test_fresh_seeds_are_all_but_the_first() -> None:
    data = load_data("cnn")
    of_all = spread_of_all(data)
    found = fresh_seeds(data, of_all)
    runs = load_runs("cnn", columns=["entry", "learning_rate", "seed", "validation_accuracy"],
                     rate="all").filter(entry=287, learning_rate=0.2)  # fmt: skip
    others = [value for _, _, seed, value in runs.rows() if seed]
    assert len(others) == 2
    assert found[287, 0.2].score == pytest.approx(np.mean(others))
    # Two seeds say next to nothing of the pair's own deviation.
    assert found[287, 0.2].error == pytest.approx(of_all.deviation / np.sqrt(2))


def test_seeds_count_once_for_all_searches_that_find_the_same_pair() -> None:
    """As by drawing the fresh mean of each pair many times."""
    fresh = {(1, 0.1): Fresh(0.5, 0.02), (2, 0.1): Fresh(0.5, 0.01)}
    none = np.zeros(4)
    before = Found([(1, 0.1), (2, 0.1), (2, 0.1), (2, 0.1)], none, none)
    after = Found([(1, 0.1), (1, 0.1), (3, 0.2), (3, 0.2)], none, none)
    rng = np.random.default_rng(0)
    errors = {**{pair: each.error for pair, each in fresh.items()}, (3, 0.2): 0.04}
    drawn = {pair: rng.normal(0.0, error, 100_000) for pair, error in errors.items()}
    difference = sum(drawn[pair] for pair in after.pairs) / 4
    difference -= sum(drawn[pair] for pair in before.pairs) / 4
    error = seed_error(after, fresh, 0.04, less=before)
    assert error == pytest.approx(np.std(difference), rel=0.02)
    alone = sum(drawn[pair] for pair in after.pairs) / 4
    assert seed_error(after, fresh, 0.04) == pytest.approx(np.std(alone), rel=0.02)
    assert seed_error(after, fresh, 0.04, less=after) == 0.0


def test_the_rows_are_those_of_the_page() -> None:
    rows = compare("cnn", TRACES)
    assert rows["optimizer"].to_list()[:2] == ["random", "random-rates"]
    assert (rows["gain"].is_null() == ~rows["optimizer"].str.ends_with("-rates")).all()
    text = section(rows)
    assert text in Path("docs/studies/rates.md").read_text(encoding="utf-8")
    data, own = load_data("cnn"), 0.05
    budget = 50 * float(np.mean([data.cost_s[entry] for entry in data.covered]))
    seen = []
    for trace in read_traces(TRACES / "cnn-proxy" / "knn.parquet"):
        queries = [event for event in trace.events if isinstance(event, Query)]
        scores = [event.result.score for event in queries if event.clock_s <= budget]
        seen.append(max(score for score in scores if score is not None))
        assert incumbent(trace, budget, own, data)[1] == seen[-1]
    assert rows.filter(optimizer="knn")["seen"].item() == pytest.approx(np.mean(seen))


def test_a_table_without_traces_has_no_rows(tmp_path: Path) -> None:
    assert compare("cnn", tmp_path).is_empty()
