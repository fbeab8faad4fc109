"""Runs of others are taken in when they are what we would have trained, and not otherwise.

Real runs play both sides: those of the table mlp, whose seeds are dealt out. Seeds of theirs are
numbered anew, so that they seem to be of another device.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from act_bench import load_runs
from act_bench.files.manifest import AbsentDataError
from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import load_space
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import RUN_COLUMNS, arrow_schema
from builders import contributions
from builders.contributions import agreement, median_variance, take_in
from builders.embedded import BuildError
from regenerate.recipes import find
from regenerate.runs import parts

RECIPE = find("mlp", "full")
INFO = TABLES["mlp"]
SCORE = pl.col("validation_accuracy")


@pytest.fixture(scope="module")
def recorded() -> pl.DataFrame:
    """Return the runs of the baselines and of some 150 entries more."""
    return load_runs("mlp", "full").filter(pl.col("entry").is_in([*FEW, *range(0, 2913, 20)]))


FEW = [load_space().resolve(name).entry for name in BASELINES] + list(range(0, 220, 10))
"""Entries that others have trained."""


@pytest.fixture(autouse=True)
def _nothing_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(table: str, fidelity: str) -> pl.DataFrame:
        raise AbsentDataError("none")

    monkeypatch.setattr(contributions, "load_runs", none)


def write(folder: Path, runs: pl.DataFrame) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, half in enumerate((runs[: runs.height // 2], runs[runs.height // 2 :])):
        table = half.to_arrow().cast(arrow_schema(RUN_COLUMNS))
        parts.write(folder / f"part-{number}.parquet", table)
    return folder


def seeds(runs: pl.DataFrame, *chosen: int) -> pl.DataFrame:
    return runs.filter(pl.col("seed").is_in(chosen))


def others(runs: pl.DataFrame) -> pl.DataFrame:
    """Return runs as another device might have made them: seeds 3 and 4, as ours, and 5."""
    few = seeds(runs, 5, 6, 7).filter(pl.col("entry").is_in(FEW))
    return few.with_columns(pl.col("seed") - 2)


@pytest.fixture
def ours(tmp_path: Path, recorded: pl.DataFrame) -> Path:
    return write(tmp_path / "ours", seeds(recorded, 0, 1, 2, 3, 4))


Send = Callable[[pl.DataFrame], Path]


@pytest.fixture
def send(tmp_path: Path) -> Send:
    return lambda runs: write(tmp_path / "theirs", runs)


def test_runs_that_agree_are_taken_in_once(recorded: pl.DataFrame, ours: Path, send: Send) -> None:
    theirs = send(others(recorded))
    found, new = take_in(theirs, RECIPE, ours)
    assert found.common == len(set(FEW))
    assert found.compared > 10
    assert abs(found.difference) < 3 * found.standard_error < 0.05
    assert new == len(set(FEW))  # of seed 5
    merged = parts.merge([ours], RECIPE)
    assert merged.num_rows == recorded.height // 2 + new
    kept = seeds(recorded, 0, 1, 2, 3, 4)["validation_accuracy"].to_list()
    now = pl.DataFrame(pl.from_arrow(merged)).filter(pl.col("seed") < 5).sort("entry", "seed")
    assert now["validation_accuracy"].to_list() == kept  # ours stay
    assert json.loads((ours / "sweep.json").read_text())["recipe_sha"] == RECIPE.sha
    assert take_in(theirs, RECIPE, ours)[1] == 0
    assert parts.merge([ours], RECIPE).equals(merged)


def test_noise_alone_is_hardly_ever_refused(recorded: pl.DataFrame) -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(40):
        # Each function's seeds are dealt by themselves: so they have no effect in common.
        order = np.concatenate([rng.permutation(10) for _ in range(recorded.height // 10)])
        dealt = recorded.sort("entry", "seed").with_columns(seed=pl.Series(order, dtype=pl.Int64))
        few = rng.choice(recorded["entry"].unique(), 30, replace=False).tolist()
        theirs = seeds(dealt, 7, 8, 9).filter(pl.col("entry").is_in(few))
        theirs = theirs.with_columns(pl.col("seed") - 7)
        try:
            agreement(theirs, seeds(dealt, *range(7)), INFO).check()
        except BuildError:
            refused += 1
    assert refused <= 2


def moved(runs: pl.DataFrame, by: pl.Expr) -> pl.DataFrame:
    return runs.with_columns((SCORE + by).clip(0, 1).alias("validation_accuracy"))


ALTERNATING = pl.when(pl.col("entry").rank("dense") % 2 == 0).then(0.1).otherwise(-0.1)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (
            pl.lit(-0.06),
            r"the level of ours; over \d+ functions they differ by -0\.0\d+ on average",
        ),
        (ALTERNATING, r"the results of ours within noise|the level of ours"),
    ],
)
def test_other_results_are_refused(
    recorded: pl.DataFrame, ours: Path, send: Send, by: pl.Expr, message: str
) -> None:
    with pytest.raises(BuildError, match=message):
        take_in(send(moved(others(recorded), by)), RECIPE, ours)
    assert len(list(ours.iterdir())) == 2  # nothing was written


def test_a_wide_spread_alone_is_refused(recorded: pl.DataFrame) -> None:
    found = agreement(moved(others(recorded), ALTERNATING), seeds(recorded, 0, 1, 2, 3, 4), INFO)
    with pytest.raises(BuildError, match=r"they differ \d+\.\d times as much, where 1\.\d is"):
        found._replace(difference=0.0).check()


def test_divergence_on_one_side_is_refused(recorded: pl.DataFrame, ours: Path, send: Send) -> None:
    names = [column.name for column in RUN_COLUMNS if column.name.endswith(("_accuracy", "_loss"))]
    fail = (pl.col("outcome") == "ok") & (pl.col("entry").rank("dense") > 8)
    theirs = others(recorded).with_columns(
        outcome=pl.when(fail).then(pl.lit("diverged")).otherwise("outcome"),
        **{name: pl.when(fail).then(None).otherwise(name) for name in names},
    )
    with pytest.raises(BuildError, match=r"outcomes of ours for \d+ functions; \d+ diverge on one"):
        take_in(send(theirs), RECIPE, ours)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: runs.with_columns(recipe_sha=pl.lit("0" * 12)), "recipe_sha 0{12}"),
        (lambda runs: runs.with_columns(fidelity=pl.lit("proxy")), "fidelity proxy"),
        (
            lambda runs: runs.with_columns(versions=pl.lit('{"data": "other"}')),
            "expected data [0-9a-f]{16}",
        ),
        (lambda runs: runs.with_columns(entry=pl.lit(7, pl.Int32)), "the first spelling"),
        (lambda runs: moved(runs, pl.lit(float("nan"))), "finite metrics"),
        (lambda runs: runs.filter(pl.col("entry") == 20), "at least 5 functions that train"),
    ],
)
def test_runs_of_something_else_are_refused(
    recorded: pl.DataFrame,
    ours: Path,
    send: Send,
    change: Callable[[pl.DataFrame], pl.DataFrame],
    message: str,
) -> None:
    with pytest.raises(BuildError, match=message):
        take_in(send(change(others(recorded))), RECIPE, ours)
    assert len(list(ours.iterdir())) == 2


def test_parts_without_a_right_checksum_are_refused(
    recorded: pl.DataFrame, ours: Path, send: Send, tmp_path: Path
) -> None:
    theirs = send(others(recorded))
    part = theirs / "part-0.parquet"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    with pytest.raises(BuildError, match=r"part-0\.parquet is damaged"):
        take_in(theirs, RECIPE, ours)
    pq.write_table(parts.to_table([]), part)
    with pytest.raises(BuildError, match="expected parts with checksums: 1 part without"):
        take_in(theirs, RECIPE, ours)
    for part in theirs.iterdir():
        part.unlink()
    with pytest.raises(BuildError, match="found none"):
        take_in(theirs, RECIPE, ours)


def test_without_runs_of_ours_nothing_is_taken_in(
    recorded: pl.DataFrame, send: Send, tmp_path: Path
) -> None:
    theirs = send(seeds(recorded, 5))
    with pytest.raises(BuildError, match=r"runs of ours of mlp-full.*train some into .*none"):
        take_in(theirs, RECIPE, tmp_path / "none")
    with pytest.raises(BuildError, match="two seeds, whose spread is the noise"):
        agreement(seeds(recorded, 0), seeds(recorded, 0), INFO)


def test_the_command(recorded: pl.DataFrame, ours: Path, send: Send) -> None:
    theirs = send(others(recorded))
    arguments = ["mlp", "full", "--runs", str(theirs), "--into", str(ours)]
    done = CliRunner().invoke(contributions.main, arguments)
    assert done.exit_code == 0, done.output
    assert f"{len(set(FEW))} new runs" in done.output
    refused = CliRunner().invoke(contributions.main, ["cnn", *arguments[1:]])
    assert refused.exit_code == 1
    assert "recipe_sha" in refused.output


def test_the_variance_of_a_median() -> None:
    drawn = np.random.default_rng(0).normal(size=(50_000, 5))
    for count in (1, 2, 3, 5):
        exact = np.median(drawn[:, :count], axis=1).var()
        assert exact * 0.97 < median_variance(count) < exact * 1.25


def test_a_table_is_compared_by_its_metric(recorded: pl.DataFrame) -> None:
    info = dataclasses.replace(
        INFO, metric="validation_loss", higher_is_better=False, floor=-float(np.log(10))
    )
    ours = seeds(recorded, 0, 1, 2, 3, 4)
    worse = ours.with_columns(pl.col("validation_loss") + 0.01)
    assert agreement(worse, ours, info).difference == pytest.approx(0.01)
    assert agreement(moved(ours, pl.lit(-0.001)), ours, INFO).difference < 0
