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
from builders.reports.rates.confirmed import Found, compare, fresh_seeds, incumbent, section

TRACES = Path("leaderboard")


def query(entry: int, score: float | None, clock_s: float, rate: float | None = None) -> Query:
    result = Result("ok", score, 1.0, entry, "exact", score, repeated=False)
    return Query(f"f{entry}", result, clock_s, rate)


def test_the_incumbent_is_the_best_within_the_seconds_of_training() -> None:
    events = [
        Charge("spectra", 100.0, 100.0),
        query(1, 0.3, 101.0),
        query(2, None, 102.0),
        query(3, 0.5, 103.0, rate=0.2),
        query(4, 0.9, 104.0),
    ]
    trace: Any = SimpleNamespace(events=events)
    assert incumbent(trace, 3.0, 0.05) == ((3, 0.2), 0.5)
    assert incumbent(trace, 1.5, 0.05) == ((1, 0.05), 0.3)
    assert incumbent(trace, 9.0, 0.05) == ((4, 0.05), 0.9)
    assert incumbent(trace, 0.5, 0.05) is None


def test_where_there_is_one_seed_what_was_seen_stands_for_it_less_what_the_others_lose() -> None:
    found = Found(np.array([0.5, 0.6, 0.7]), np.array([0.4, np.nan, 0.4]))
    np.testing.assert_allclose(found.filled, [0.4, 0.6 - 0.2, 0.4])


def test_fresh_seeds_are_all_but_the_first() -> None:
    found = fresh_seeds(load_data("cnn"))
    runs = load_runs("cnn", columns=["entry", "learning_rate", "seed", "validation_accuracy"],
                     rate="all").filter(entry=287, learning_rate=0.2)  # fmt: skip
    others = [value for _, _, seed, value in runs.rows() if seed]
    assert len(others) == 2
    assert found[287, 0.2] == pytest.approx(np.mean(others))


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
        assert incumbent(trace, budget, own)[1] == seen[-1]
    assert rows.filter(optimizer="knn")["seen"].item() == pytest.approx(np.mean(seen))


def test_a_table_without_traces_has_no_rows(tmp_path: Path) -> None:
    assert compare("cnn", tmp_path).is_empty()
