"""What searches over tuned functions end with: by the runs themselves."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from act_bench import load_runs, load_table
from act_bench.search.events import Query
from act_bench.search.loading import load_data
from act_bench.search.trace_table import read_traces
from act_bench.tables.registry import TABLES
from builders.reports.results import retrained, tuned
from builders.reports.results.goals import fresh_scores


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, str, Path]:
    """Return the rows and the page of what is stored."""
    docs = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tuned", "--docs", str(docs)])
        tuned.main()
    folder = docs / "studies" / "results"
    page = (folder / "tuned.md").read_text(encoding="utf-8")
    return pl.read_csv(folder / "tuned.csv"), page, folder


@pytest.mark.parametrize("optimizer", ["aquasurf", "evolution"])
def test_a_row_is_what_the_runs_say(found: tuple[pl.DataFrame, str, Path], optimizer: str) -> None:
    (row,) = found[0].filter(table="cnn", optimizer=optimizer).to_dicts()
    data = load_data("cnn", rate="tuned")
    columns = ["entry", "learning_rate", "seed", "validation_accuracy"]
    runs = load_runs("cnn", columns=columns, rate="all").rows(named=True)
    by_seed: dict[int, dict[float, float]] = {}
    fresh: dict[tuple[int, float], list[float]] = {}
    for run in runs:
        value = 0.1 if run["validation_accuracy"] is None else run["validation_accuracy"]
        if run["seed"] == 0:
            by_seed.setdefault(run["entry"], {})[run["learning_rate"]] = value
        else:
            fresh.setdefault((run["entry"], run["learning_rate"]), []).append(value)
    chosen, confirmed, functions = [], [], set()
    for trace in read_traces(Path("leaderboard/cnn-proxy-tuned") / f"{optimizer}.parquet"):
        seen = [event.result.entry for event in trace.events if isinstance(event, Query)]
        best = max(seen, key=lambda entry: max(by_seed[entry].values()))
        rate = max(by_seed[best], key=lambda rate: by_seed[best][rate])
        functions.add(best)
        chosen.append(by_seed[best][rate])
        confirmed.append(np.mean(fresh[best, rate]))
    assert row["searches"] == len(chosen) == 100
    assert row["functions"] == len(functions)
    assert row["chosen"] == pytest.approx(np.mean(chosen), abs=1e-6)
    assert row["fresh"] == pytest.approx(np.mean(confirmed), abs=1e-6)
    top = max(data.score(entry) for entry in data.covered)
    assert row["regret"] == pytest.approx(top - np.mean(chosen), abs=1e-6)


def test_searches_that_end_alike_are_as_uncertain_as_the_seeds_of_that_function(
    found: tuple[pl.DataFrame, str, Path],
) -> None:
    (row,) = found[0].filter(table="cnn", optimizer="aquasurf").to_dicts()
    assert row["functions"] == 1
    tuned_rows = load_table("cnn", rate="tuned")
    trains = tuned_rows.filter(pl.col("validation_accuracy") > 0.15, pl.col("fresh_runs") > 1)
    pooled = np.sqrt(np.mean(trains["fresh_validation_accuracy_std"].to_numpy() ** 2))
    assert set(trains["fresh_runs"].to_list()) == {2}
    half = 1.96 * pooled / np.sqrt(2)
    assert row["fresh_high"] - row["fresh"] == pytest.approx(half, abs=2e-6)
    assert row["fresh"] - row["fresh_low"] == pytest.approx(half, abs=2e-6)


def test_the_page_says_it_of_every_tuned_table(found: tuple[pl.DataFrame, str, Path]) -> None:
    rows, page, _ = found
    traced = [table for table in TABLES if list(Path("leaderboard").glob(f"{table}-*-tuned"))]
    assert rows["table"].unique(maintain_order=True).to_list() == traced
    assert page == Path("docs/studies/results/tuned.md").read_text(encoding="utf-8")
    swish = "the best baseline, `swish(x)`, has 0.5565"
    assert swish in page
    for (table,), group in rows.group_by("table", maintain_order=True):
        assert group["regret"].to_list() == sorted(group["regret"].to_list())
        section = page.split(f"## {table}\n")[1].split("\n## ")[0]
        ends, again = section.split("\n### ")
        assert ends.count("\n| `") == again.count("\n| `") == group.height


def test_a_search_that_ends_with_the_best_baseline_ends_no_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = load_data("cnn", rate="tuned")
    swish = data.space.resolve("swish(x)").entry
    fresh = fresh_scores(data)
    fresh = fresh.with_columns(
        score=pl.when(pl.col("entry") == swish).then(0.9000004).otherwise("score")
    )
    monkeypatch.setattr(tuned, "fresh_scores", lambda data: fresh)
    row = {"optimizer": "knn", "regret": 0.0, "chosen": 0.9, "fresh": 0.9}
    assert "Of 3 optimizers 1 end with something better" in tuned.said(
        data, [row, row | {"fresh": 0.900001}, row | {"fresh": None}], []
    )
    fresh = fresh.with_columns(score=pl.col("score") - 1e-6)  # 0.8999994 rounds up
    assert "Of 1 optimizers 1 end" in tuned.said(data, [row | {"fresh": 0.9}], [])
    fresh = fresh.with_columns(score=pl.col("score") + 0.5e-6)  # 0.8999999, as 0.9 of the row
    assert "Of 1 optimizers 0 end" in tuned.said(data, [row | {"fresh": 0.9}], [])


def test_tables_without_traces_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["tuned", "--docs", str(tmp_path), "--traces", str(tmp_path / "none")]
    monkeypatch.setattr(sys, "argv", asked)
    with pytest.raises(SystemExit, match="no traces of a tuned view"):
        tuned.main()
    assert "mlp: no traces of its tuned view" in capsys.readouterr().out


@pytest.mark.parametrize("optimizer", ["aquasurf", "local"])
def test_the_best_few_trained_once_more_are_judged_by_seeds_without_a_part(
    found: tuple[pl.DataFrame, str, Path], optimizer: str
) -> None:
    again = pl.read_csv(found[2] / "tuned-retrained.csv")
    (row,) = again.filter(table="cnn", optimizer=optimizer).to_dicts()
    data = load_data("cnn", rate="tuned")
    chosen = load_table("cnn", rate="tuned", columns=["entry", "learning_rate"])
    columns = ["entry", "learning_rate", "seed", "validation_accuracy"]
    runs = load_runs("cnn", columns=columns, rate="all").join(chosen, on=columns[:2])
    by_seed: dict[int, dict[int, float]] = {}
    for entry, _, seed, value in runs.select(columns).iter_rows():
        by_seed.setdefault(entry, {})[seed] = 0.1 if value is None else value
    plain, ends, picked = [], [], set()
    for trace in read_traces(Path("leaderboard/cnn-proxy-tuned") / f"{optimizer}.parquet"):
        queries = [event for event in trace.events if isinstance(event, Query)]
        seen = [query.result.entry for query in queries if query.result.entry in by_seed]
        ranked: list[int] = []
        for entry in sorted(seen, key=lambda entry: -by_seed[entry][0]):
            if data.space.canonical_class[entry] not in [
                data.space.canonical_class[other] for other in ranked
            ]:
                ranked.append(entry)
        known = [entry for entry in ranked[:5] if len(by_seed[entry]) == 3]
        plain.append((by_seed[ranked[0]][1] + by_seed[ranked[0]][2]) / 2)
        of_both = []
        for second, judge in ((1, 2), (2, 1)):
            best = max(known, key=lambda entry: by_seed[entry][0] + by_seed[entry][second])
            of_both.append(by_seed[best][judge])
            picked.add(best)
        ends.append(np.mean(of_both))
    assert row["searches"] == len(ends) == 100
    assert row["best_of_1"] == pytest.approx(np.mean(plain), abs=1e-6)
    assert row["best_of_5"] == pytest.approx(np.mean(ends), abs=1e-6)
    assert row["gain"] == pytest.approx(np.mean(ends) - np.mean(plain), abs=2e-6)
    assert row["low"] <= row["gain"] <= row["high"]
    assert row["functions"] == len(picked)


def test_candidates_without_fresh_seeds_are_passed_over_and_counted() -> None:
    nan = float("nan")
    by_seed = np.array([[0.9, nan, nan], [0.8, 0.5, 0.4], [0.7, 0.7, 0.6], [0.6, 0.9, 0.9]])
    end = retrained.ended(by_seed, [[0, 1, 2, 3], [3]], kept=3)
    # Of entries 1 and 2: with seed 1 the means are .65 and .7, with seed 2 .6 and .65.
    assert end.scores.tolist() == pytest.approx([(0.6 + 0.7) / 2, 0.9])
    assert sorted(end.entries) == [2, 3]
    assert end.left_out == 0.25
    assert retrained.ended(by_seed, [[0]], kept=1).scores.size == 0
