"""The report of a table: entries with one seed beside entries with several, or none."""

import json

import numpy as np
import polars as pl
import pytest

from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import load_space
from act_bench.tables.schema import METRICS, RUN_COLUMNS, arrow_schema
from builders.reports import table_report
from builders.reports.table_report import Report, sampled
from builders.tables import aggregate
from regenerate.sweeps.sweep import shuffled

SPACE = load_space()
ENTRIES = len(SPACE.representatives)
EVERY_TENTH_MISSING = np.arange(ENTRIES) % 10 == 3
BEST = 300


def made_up_runs():
    """Runs of the space: seed 0 of nine tenths, seeds 1 and 2 of the best, baselines and others."""
    rng = np.random.default_rng(1)
    level = rng.uniform(0.05, 0.6, ENTRIES)
    diverges = rng.random(ENTRIES) < 0.4
    first = np.where(diverges, -1.0, level + rng.normal(0, 0.01, ENTRIES))
    baselines = [SPACE.resolve(name).entry for name in BASELINES]
    level[baselines], first[baselines] = 0.3, 0.3
    there = ~EVERY_TENTH_MISSING
    there[baselines] = True
    best = np.argsort(-np.where(there, first, -2.0))[:BEST].tolist()
    order = [SPACE.entry_of[text] for text in shuffled(SPACE.representatives)]
    others = [entry for entry in order if there[entry] and entry not in {*best, *baselines}][:100]
    rows = []
    for entry in np.flatnonzero(there).tolist():
        several = entry in {*best, *baselines, *others}
        for seed in range(3 if several else 1):
            noise = rng.normal(0, 0.01)
            value = first[entry] if seed == 0 else level[entry] + noise
            lost = diverges[entry] and entry not in baselines and rng.random() < 0.9
            value = None if lost or value < 0 else min(1.0, max(0.0, float(value)))
            rows.append(
                {
                    "expression": SPACE.representatives[entry],
                    "entry": entry,
                    "fidelity": "proxy",
                    "seed": seed,
                    "learning_rate": 0.05,
                    "outcome": "diverged" if value is None else "ok",
                    **dict.fromkeys(METRICS, value),
                    "train_loss_curve": [],
                    "validation_loss_curve": [],
                    "validation_accuracy_curve": [],
                    "runtime_s": 2.0,
                    "images_seen": 1,
                    "device": "cpu",
                    "recipe_sha": "0" * 12,
                    "versions": json.dumps({"processor": "made up"}),
                }
            )
    schema = pl.DataFrame(arrow_schema(RUN_COLUMNS).empty_table()).schema
    return pl.DataFrame(rows, schema=schema), others


@pytest.fixture(scope="module")
def made_up():
    return made_up_runs()


@pytest.fixture
def report(made_up):
    runs, _ = made_up
    return Report.of("cnn", "proxy", runs, ENTRIES)


def test_entries_are_judged_as_the_builder_judges_them(made_up, report):
    entries = aggregate(made_up[0], SPACE)
    outcome = np.where(~report.present, "missing", np.where(report.diverged, "diverged", "ok"))
    assert outcome.tolist() == entries["outcome"].to_list()
    ok = outcome == "ok"
    expected = entries["validation_accuracy"].to_numpy()
    np.testing.assert_allclose(report.median[ok], expected[ok], rtol=0, atol=1e-12)
    assert set(np.unique(entries["runs"].to_numpy())) == {0, 1, 3}


def test_the_random_sample_is_told_from_the_best_and_the_baselines(made_up, report):
    found = set(np.flatnonzero(sampled(report)).tolist())
    assert found <= set(made_up[1])
    assert len(found) >= 95  # one that comes right after the best counts as one of them


def test_standard_errors_of_few_seeds_come_from_entries_alike(report):
    entry = int(np.flatnonzero(report.complete & (report.median > 0.5))[0])
    cells = table_report.row_of(report, entry).split(" | ")
    mean, error = map(float, cells[0].split(" ± "))
    assert cells[1] == "3"
    assert mean == pytest.approx(report.score[entry].mean(), abs=1e-4)
    assert error == pytest.approx(0.01 / np.sqrt(3), rel=0.2)  # of 150 numbers; its own has three
    single = int(np.flatnonzero(report.present & ~report.complete & (report.median > 0.4))[0])
    cells = table_report.row_of(report, single).split(" | ")
    assert float(cells[0].split(" ± ")[1]) == pytest.approx(0.01, rel=0.2)


def test_half_of_the_runs_are_enough_to_diverge(report):
    for runs, cells in (([None, 0.5], "diverged | 2"), ([None, None, 0.5], "diverged | 3")):
        report.ran[5] = np.arange(report.ran.shape[1]) < len(runs)
        report.score[5, : len(runs)] = runs
        assert table_report.row_of(report, 5).startswith(cells)


def test_the_whole_report_of_a_sweep_under_way(made_up, tmp_path, capsys, monkeypatch):
    path = tmp_path / "runs.parquet"
    made_up[0].write_parquet(path)
    monkeypatch.setattr("sys.argv", ["table_report.py", "cnn", "--runs", str(path)])
    table_report.main()
    printed = capsys.readouterr().out
    missing = int((~np.isin(np.arange(ENTRIES), made_up[0]["entry"].to_numpy())).sum())
    for words in (
        f"{missing} with 0, ", "408 with 3", "| missing | ", "| diverged | ", "| at chance | ",
        "| seed and seed, all | 408 | ", "| seed and seed, drawn at random | ",
        "| validation and test, that train | ", "| best 10 by median | ", "Of the best 30 ",
        "| `swish(x)` | 0.",
        "on average in the other seeds", "| poster, Figure 5: CIFAR-10 | validation |",
        "| ELU(x) | 0.89 | 0.", "| `mlp-full` | ",
        "| table | of its best 100: in the best 100 here | fail here | of the ", "| worst rank |",
    ):  # fmt: skip
        assert words in printed, words
    assert "nan" not in printed
