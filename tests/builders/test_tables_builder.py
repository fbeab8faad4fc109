"""Runs to entries, against a brute-force ranking; and what the builder refuses."""

from __future__ import annotations

import dataclasses
import json
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from act_bench.files import manifest
from act_bench.files.manifest import sha256
from act_bench.tables.schema import ENTRY_COLUMNS, METRICS, RUN_COLUMNS, arrow_schema, names
from builders import tables as builder
from builders.embedded import BuildError, read_about, write_manifest
from builders.tables import aggregate, build, check_runs, read_runs
from regenerate.data import ImageData, Split
from regenerate.recipes import find

RECIPE = find("mlp", "full")
SPACE = SimpleNamespace(
    expressions=("a", "b", "c", "d"),
    entry_of={"a": 0, "b": 1, "c": 1, "d": 2},
    representatives=("a", "b", "d"),
    canonical_class=(0, 1, 1),
    outputs=np.zeros((3, 80), np.float32),
)
IMAGES = Split(np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.int64))
DATA = ImageData("digits", 10, 16, IMAGES, IMAGES, IMAGES)


def _run(entry=0, seed=0, metrics=(0.5,) * 6, **changed):
    """One run as a dict; metrics None is a diverged run."""
    run = {
        "expression": SPACE.representatives[entry],
        "entry": entry,
        "fidelity": "full",
        "learning_rate": RECIPE.learning_rate,
        "seed": seed,
        "outcome": "diverged" if metrics is None else "ok",
        **dict(zip(METRICS, metrics or (None,) * 6, strict=True)),
        "train_loss_curve": [2.0, 1.0],
        "validation_loss_curve": [2.0, 1.0],
        "validation_accuracy_curve": [0.1, 0.5],
        "runtime_s": 1.0 + seed,
        "images_seen": 100,
        "device": "cpu",
        "recipe_sha": RECIPE.sha,
        "versions": json.dumps({"data": DATA.fingerprint}),
    }
    return run | changed


def _frame(*runs):
    schema = pl.DataFrame(arrow_schema(RUN_COLUMNS).empty_table()).schema
    return pl.DataFrame(list(runs), schema=schema, orient="row")


def _reference_entry(runs):
    """The rule in the words of the design, run by run, with Python's sort."""
    diverged = sum(run["outcome"] == "diverged" for run in runs)
    entry = {"runs": len(runs), "diverged_runs": diverged, "validation_accuracy_std": None}
    entry |= dict.fromkeys(METRICS)
    if not runs:
        return entry | {"outcome": "missing", "runtime_s": None}
    entry["runtime_s"] = math.fsum(run["runtime_s"] for run in runs) / len(runs)
    if 2 * diverged >= len(runs):
        return entry | {"outcome": "diverged"}
    for name in METRICS:
        sign = -1 if name.endswith("loss") else 1  # from worst to best; diverged is the worst
        finite = sorted(
            (run[name] for run in runs if run["outcome"] == "ok"), key=lambda v: sign * v
        )
        ranked = [None] * diverged + finite
        middle = ranked[(len(ranked) - 1) // 2], ranked[len(ranked) // 2]
        entry[name] = sum(middle) / 2
    values = [run["validation_accuracy"] for run in runs if run["outcome"] == "ok"]
    if len(values) > 1:
        entry["validation_accuracy_std"] = float(np.std(values, ddof=1))
    return entry | {"outcome": "ok"}


_FRACTION = st.integers(0, 599).map(lambda count: count / 599)
_LOSS = st.floats(0, 1e6)
_METRICS = st.none() | st.tuples(*[_FRACTION] * 3, *[_LOSS] * 3)


@given(st.lists(st.lists(_METRICS, max_size=7), min_size=3, max_size=3), st.randoms())
def test_aggregate_agrees_with_brute_force(drawn, shuffle):
    by_entry = [
        [_run(entry, seed, metrics) for seed, metrics in enumerate(runs)]
        for entry, runs in enumerate(drawn)
    ]
    runs = [run for group in by_entry for run in group]
    shuffle.shuffle(runs)
    entries = aggregate(_frame(*runs), SPACE)
    assert entries.columns == names(ENTRY_COLUMNS)
    assert entries["entry"].to_list() == [0, 1, 2]
    for row, group in zip(entries.iter_rows(named=True), by_entry, strict=True):
        for name, expected in _reference_entry(group).items():
            if isinstance(expected, float):
                assert row[name] == pytest.approx(expected, rel=1e-12, abs=1e-12), name
            else:
                assert row[name] == expected, name


def test_space_columns_of_the_entries():
    entries = aggregate(_frame(_run()), SPACE)
    assert entries["expression"].to_list() == ["a", "b", "d"]
    assert entries["canonical_class"].to_list() == [0, 1, 1]
    assert entries["equivalent_expressions"].to_list() == [[], ["c"], []]
    assert entries["outcome"].to_list() == ["ok", "missing", "missing"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"fidelity": "proxy"}, r"expected fidelity full: 1 of 2 runs"),
        ({"recipe_sha": "0" * 12}, f"expected recipe {RECIPE.sha}"),
        ({"versions": '{"data": "0"}'}, f"expected data {DATA.fingerprint}"),
        ({"versions": "{}"}, f"expected data {DATA.fingerprint}"),
        ({"expression": "relu(x)"}, "expected the first spelling of an entry"),
        ({"expression": "c"}, "expected the first spelling of an entry"),
        ({"entry": 2}, "expected the first spelling of an entry"),
        ({"entry": None}, "expected the first spelling of an entry"),
        (
            {"seed": 0, "entry": 0, "expression": "a"},
            "expected each entry, learning rate and seed once",
        ),
        ({"outcome": "missing"}, "expected the outcome ok or diverged"),
        ({"outcome": None}, "expected the outcome ok or diverged"),
        ({"test_loss": math.nan}, "expected finite metrics"),
        ({"train_loss": math.inf}, "expected finite metrics"),
        ({"test_accuracy": None}, "expected finite metrics"),
        ({"test_accuracy": 59.9}, r"accuracies in \[0, 1\]"),
        ({"outcome": "diverged"}, "expected no metrics of a diverged run"),
    ],
)
def test_bad_runs_are_refused(bad, message):
    check_runs(_frame(_run(), _run(1, 7)), "full", RECIPE.sha, DATA.fingerprint, SPACE)
    with pytest.raises(BuildError, match=message):
        check_runs(_frame(_run(), _run(1, 7) | bad), "full", RECIPE.sha, DATA.fingerprint, SPACE)


def _parts(folder, *groups):
    folder.mkdir()
    for number, runs in enumerate(groups):
        _frame(*runs).write_parquet(folder / f"part-{number}.parquet")
    return folder


def test_build_gives_the_same_bytes_in_any_order(tmp_path):
    drawn = np.random.default_rng(0).uniform(0.4, 0.6, (3, 7))
    runs = [
        _run(n, seed, (value,) * 6) for n, row in enumerate(drawn) for seed, value in enumerate(row)
    ]
    sums = []
    for name, groups in {"one": [runs], "other": [runs[12:][::-1], runs[:12]]}.items():
        folder = tmp_path / f"{name}-data"
        folder.mkdir()
        build(_parts(tmp_path / name, *groups), RECIPE, DATA, SPACE, folder)
        sums.append({file.name: sha256(file) for file in folder.iterdir()})
    assert sums[0] == sums[1]
    assert set(sums[0]) == {"mlp-full.parquet", "mlp-runs.parquet", "manifest.json"}


def test_runs_of_other_fidelities_stay(tmp_path):
    other: Any = SimpleNamespace(
        table="mlp",
        fidelity="proxy",
        sha="f" * 12,
        learning_rate=RECIPE.learning_rate,
        canonical_json=lambda: '{"epochs":1}',
    )
    proxy = _parts(tmp_path / "proxy", [_run(0, 0, fidelity="proxy", recipe_sha="f" * 12)])
    full = _parts(tmp_path / "full", [_run(0, 0), _run(1, 0)])
    data = tmp_path / "data"
    data.mkdir()
    build(full, RECIPE, DATA, SPACE, data)
    records = build(proxy, other, DATA, SPACE, data)
    assert records["mlp-runs.parquet"].counts == {"full": 2, "proxy": 1}
    before = sha256(data / "mlp-runs.parquet")
    build(full, RECIPE, DATA, SPACE, data)  # again: each once
    assert read_runs(data / "mlp-runs.parquet").height == 3
    fidelities = read_about(data / "mlp-runs.parquet")["fidelities"]
    assert fidelities["proxy"] == {"recipe": {"epochs": 1}, "recipe_sha": "f" * 12}
    assert fidelities["full"]["recipe_sha"] == RECIPE.sha
    assert before != sha256(data / "mlp-full.parquet")


def test_a_sweep_may_add_seeds_and_those_that_are_there_stay(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    first = _parts(tmp_path / "first", [_run(0, 0), _run(1, 0, metrics=None)])
    build(first, RECIPE, DATA, SPACE, data)
    more = _parts(tmp_path / "more", [_run(0, 1, metrics=(0.7,) * 6), _run(0, 0)])
    build(more, RECIPE, DATA, SPACE, data)
    entries = pl.read_parquet(data / "mlp-full.parquet")
    assert entries["outcome"].to_list() == ["ok", "diverged", "missing"]
    assert entries["runs"].to_list() == [2, 1, 0]
    assert entries["validation_accuracy"][0] == pytest.approx(0.6)
    both = _parts(tmp_path / "both", [_run(0, 1, metrics=(0.7,) * 6), _run(0, 0)],
                  [_run(1, 0, metrics=None)])  # fmt: skip
    anew = tmp_path / "anew"
    anew.mkdir()
    build(both, RECIPE, DATA, SPACE, anew)
    for name in ("mlp-full.parquet", "mlp-runs.parquet"):
        assert sha256(data / name) == sha256(anew / name), "in one step or two, the same bytes"


def test_another_record_of_a_run_that_is_there_is_refused(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    build(_parts(tmp_path / "sweep", [_run(0, 0), _run(1, 0)]), RECIPE, DATA, SPACE, data)
    before = {file.name: sha256(file) for file in data.iterdir()}
    again = _parts(tmp_path / "again", [_run(1, 0, runtime_s=9.0), _run(2, 0)])
    with pytest.raises(BuildError, match=r"mlp-runs\.parquet lacks.*: 1 are there.*\('b', 'full'"):
        build(again, RECIPE, DATA, SPACE, data)
    assert {file.name: sha256(file) for file in data.iterdir()} == before
    (data / "mlp-runs.parquet").unlink()  # as the message says
    build(again, RECIPE, DATA, SPACE, data)
    assert pl.read_parquet(data / "mlp-full.parquet")["runs"].to_list() == [0, 1, 1]


def test_runs_of_a_recipe_that_changed_are_gone(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    build(_parts(tmp_path / "sweep", [_run(0, 0), _run(1, 0)]), RECIPE, DATA, SPACE, data)
    changed: Any = dataclasses.replace(RECIPE, epochs=RECIPE.epochs + 1)
    runs = _parts(tmp_path / "changed", [_run(0, 0, recipe_sha=changed.sha)])
    build(runs, changed, DATA, SPACE, data)
    assert pl.read_parquet(data / "mlp-full.parquet")["runs"].to_list() == [1, 0, 0]
    assert read_about(data / "mlp-runs.parquet")["fidelities"]["full"]["recipe_sha"] == changed.sha


def test_files_say_what_they_are_and_are_laid_out_for_reading(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    build(_parts(tmp_path / "sweep", [_run()]), RECIPE, DATA, SPACE, data)
    about = read_about(data / "mlp-full.parquet")
    assert about["recipe"] == json.loads(RECIPE.canonical_json())
    assert about["recipe_sha"] == RECIPE.sha
    assert about["data"]["fingerprint"] == DATA.fingerprint
    assert about["data"]["test_images"] == 2
    assert (about["edition"], about["fidelity"]) == ("regenerated", "full")
    metadata = pq.read_metadata(data / "mlp-full.parquet")
    chunk = metadata.row_group(0).column(4)
    assert chunk.path_in_schema == "train_accuracy"
    assert (chunk.compression, chunk.is_stats_set) == ("ZSTD", True)
    assert chunk.has_offset_index
    assert chunk.has_column_index


def test_nothing_is_written_when_a_run_is_refused(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    twice = _parts(tmp_path / "sweep", [_run(), _run(runtime_s=9.0)])
    with pytest.raises(BuildError):
        build(twice, RECIPE, DATA, SPACE, data)
    assert not list(data.iterdir())


def test_runs_of_two_rates_are_never_taken_for_one_entry():
    runs = _frame(_run(), _run(learning_rate=2 * RECIPE.learning_rate))
    with pytest.raises(BuildError, match="expected runs of one learning rate"):
        aggregate(runs, SPACE)


def test_unreadable_sources(tmp_path):
    with pytest.raises(BuildError, match="expected Parquet parts"):
        read_runs(tmp_path)
    pl.DataFrame({"expression": ["a"]}).write_parquet(tmp_path / "part.parquet")
    with pytest.raises(BuildError, match=r"part\.parquet holds no runs: .*device"):
        read_runs(tmp_path)
    _frame(_run()).with_columns(seed=pl.lit("one")).write_parquet(tmp_path / "part.parquet")
    with pytest.raises(BuildError, match=r"part\.parquet holds no runs: .* other types"):
        read_runs(tmp_path)


def test_manifest_refuses_a_file_that_does_not_say_how_it_is_made(tmp_path):
    _frame(_run()).write_parquet(tmp_path / "stray.parquet")
    with pytest.raises(BuildError, match=r"stray\.parquet: expected Parquet metadata 'act_bench'"):
        write_manifest(tmp_path)


def test_command_line(tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "load_any", lambda name, folder, *, image_size: DATA)
    monkeypatch.setattr(builder, "load_space", lambda: SPACE)
    monkeypatch.setattr(manifest, "DATA_FOLDER", tmp_path / "data")
    (tmp_path / "data").mkdir()
    sweep = str(_parts(tmp_path / "sweep", [_run()]))
    into = ["--folder", str(tmp_path / "data")]
    done = CliRunner().invoke(builder.main, ["mlp", "full", "--runs", sweep, *into])
    assert done.exit_code == 0, done.output
    assert "mlp-runs.parquet: 1 rows" in done.output
    assert manifest.verified("mlp-full.parquet").exists()
    (tmp_path / "data/manifest.json").unlink()
    assert CliRunner().invoke(builder.main, ["manifest", *into]).exit_code == 0
    assert manifest.verified("mlp-runs.parquet").exists()
    wrong = CliRunner().invoke(builder.main, ["mlp", "proxy", "--runs", sweep, *into])
    assert wrong.exit_code == 1
    assert "no recipe for mlp-proxy" in wrong.output
    assert CliRunner().invoke(builder.main, ["mlp", "full", *into]).exit_code == 2
