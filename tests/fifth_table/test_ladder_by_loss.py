"""A table at the fidelity that a sample is trained at: its files, loaders, queries and searches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch")

from click.testing import CliRunner

import act_bench
from act_bench import Benchmark, explore, load_runs, load_table
from act_bench.cli import main
from act_bench.cli._facts import known_of
from act_bench.explore.views import table_data
from act_bench.figures import Request, draw, known
from act_bench.figures.tables import read_accuracies
from act_bench.search.loading import load_data
from act_bench.search.verify import check_trace
from act_bench.tables.configurations import configurations
from act_bench.tables.ladder.sample import sample_columns
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import UnknownNameError, names
from builders.embedded import BuildError
from builders.ladder import sample
from builders.ladder.build import build
from builders.reports import rungs
from regenerate.data.fingerprints import load_any
from regenerate.recipes import find
from regenerate.recipes.rates import with_rate
from surrogates.simulation import simulate
from tests.act_bench.page_scripts import in_node
from tests.fifth_table.reversed_table import NAME, OTHER, SPACE, make, registered, row, write

LONG = "long"
POINTS = 12
OWN = 0.02


def curve(level: float) -> list[float]:
    """Return losses that fall towards the last one."""
    return [level + 0.1 * (POINTS - 1 - point) for point in range(POINTS)]


def runs_of(drawn: pl.DataFrame, gain: float = 0.3) -> list[dict[str, object]]:
    """Return made-up long runs: at the own rate, for some at both; for some with three seeds."""
    recipe, rows = find(NAME, LONG), []
    tuned = load_table(NAME, rate="tuned", columns=["entry", "validation_loss"])
    level = dict(tuned.rows())
    for function in drawn.to_dicts():
        rates = {function["learning_rate"]}
        rates |= {recipe.learning_rate, OTHER} if function["every_rate"] else set()
        for rate, seed in itertools.product(sorted(rates), range(3)):
            if seed and (function["stratum"] != "baseline" or rate != function["learning_rate"]):
                continue
            start = level[function["entry"]]
            loss = float("nan") if start is None else start - gain + seed / 100
            loss += 0.0 if rate == function["learning_rate"] else 0.05
            each = row(
                function["expression"], function["entry"], seed, loss, with_rate(recipe, rate)
            )
            if start is not None:
                each["validation_loss_curve"] = curve(loss)
                each["validation_accuracy_curve"] = [loss / 4] * POINTS
                each["train_loss_curve"] = curve(loss)
            rows.append(each | {"runtime_s": 120.0})
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("long")
    with registered(made):
        make(made)
        yield made


@pytest.fixture(scope="module")
def drawn(folder: Path) -> pl.DataFrame:
    """The sample, trained long and embedded."""
    info, own = TABLES[NAME], find(NAME, "proxy").learning_rate
    found = sample.design(load_table(NAME, rate="tuned"), info, sample.named_classes(), own)
    lists = folder / "sample"
    sample.write(found, lists)
    parts = write(runs_of(found), folder / "long.pq")
    build([parts], lists, find(NAME, LONG), load_any("sotu"), SPACE, folder)
    return found


def test_the_table_has_every_entry_and_tells_why_some_were_trained(drawn: pl.DataFrame) -> None:
    table = load_table(NAME, fidelity=LONG)
    assert table.columns == [*names(sample_columns(NAME)), "outputs"]
    assert table["entry"].to_list() == list(range(len(SPACE.representatives)))
    there = table.filter(pl.col("outcome") != "missing")
    keys = ["entry", "stratum", "probability", "learning_rate"]
    assert there.select(keys).equals(drawn.sort("entry").select(keys))
    assert table.filter(pl.col("outcome") == "missing")["learning_rate"].null_count() == (
        table.height - drawn.height
    )
    tuned = load_table(NAME, rate="tuned", columns=["entry", "validation_loss", "tuning_s"])
    both = there.join(tuned, on="entry", suffix="_short").drop_nulls("validation_loss")
    gain = both["validation_loss_short"] - both["validation_loss"]
    assert gain.round(9).unique().to_list() == [0.3]
    assert both["tuning_s"].equals(both["tuning_s_short"].alias("tuning_s"))
    baselines = there.filter(pl.col("stratum") == "baseline")
    assert baselines["fresh_runs"].to_list() == [2] * baselines.height
    gap = baselines["fresh_validation_loss"] - baselines["validation_loss"]
    assert np.allclose(gap, 0.015)


def test_what_is_the_same_at_every_fidelity_is_joined(drawn: pl.DataFrame) -> None:
    del drawn
    table = load_table(NAME, fidelity=LONG, columns=["entry", "outputs", "stratum"], rate="tuned")
    assert table["outputs"].equals(load_table(NAME, columns=["outputs"])["outputs"])
    spectra = load_table(NAME, fidelity=LONG, columns=["limit_at_zero", "canonical_class"])
    assert spectra.equals(load_table(NAME, columns=["limit_at_zero", "canonical_class"]))
    for column in ("runs", "diverged_runs", "validation_loss_std", "train_accuracy_std"):
        with pytest.raises(UnknownNameError, match=column):
            load_table(NAME, fidelity=LONG, columns=["entry", column])
    with pytest.raises(UnknownNameError, match="one run with seed 0, and as many others"):
        load_table(NAME, fidelity=LONG, columns=["runs"])
    with pytest.raises(UnknownNameError, match="estimated at the default fidelity"):
        load_table(NAME, fidelity=LONG, columns=["estimate"])
    with pytest.raises(UnknownNameError, match=r"leave out rate=0\.04"):
        load_table(NAME, fidelity=LONG, rate=OTHER)
    with pytest.raises(UnknownNameError, match="leave out rate"):
        Benchmark(NAME, LONG, rate=OTHER)


def test_runs_are_those_of_the_table_or_all(drawn: pl.DataFrame) -> None:
    own, every = load_runs(NAME, LONG), load_runs(NAME, LONG, rate="all")
    rates = dict(drawn.select("entry", "learning_rate").rows())
    assert all(rates[entry] == rate for entry, rate in own.select("entry", "learning_rate").rows())
    assert own.height == drawn.height + 2 * (drawn["stratum"] == "baseline").sum()
    assert every.height == own.height + drawn["every_rate"].sum()
    assert set(load_runs(NAME, LONG, ["learning_rate"], rate=OTHER)["learning_rate"]) == {OTHER}
    with pytest.raises(UnknownNameError, match=r"no run at the rate 0\.3; it has 0\.02, 0\.04"):
        load_runs(NAME, LONG, rate=0.3)
    assert set(load_runs(NAME, columns=["fidelity"])["fidelity"]) == {"proxy"}


def test_coverage_and_configurations_know_the_sample(drawn: pl.DataFrame) -> None:
    (record,) = (
        each
        for each in act_bench.list_tables()
        if (each["table"], each["fidelity"]) == (NAME, LONG)
    )
    assert record["ok"] + record["diverged"] == drawn.height
    assert record["runs"] == load_runs(NAME, LONG, rate="all").height
    found = configurations()
    for name, rows in ((f"{NAME}-long", len(SPACE.representatives)), (f"{NAME}-long-runs", None)):
        table = found[name].read()
        assert table.column_names == names(found[name].columns)
        assert rows in (None, table.num_rows)


def test_queries_are_charged_the_choice_of_the_rate_and_go_by_points(drawn: pl.DataFrame) -> None:
    function = drawn.filter(pl.col("stratum") == "best").to_dicts()[0]
    text = function["expression"]
    row_of = load_table(NAME, fidelity=LONG).filter(pl.col("expression") == text).to_dicts()[0]
    bench = Benchmark(NAME, LONG)
    assert bench.epochs == POINTS
    begun = bench.query(text, epochs=3)
    assert begun.score == pytest.approx(-(row_of["validation_loss"] + 0.9))
    assert begun.cost_s == pytest.approx(row_of["tuning_s"] + 30)
    ended = bench.query(text)
    assert ended.cost_s == pytest.approx(90)
    assert bench.clock_s == pytest.approx(row_of["tuning_s"] + 120)
    assert ended.learning_rate == function["learning_rate"]
    assert ended.score == pytest.approx(-row_of["validation_loss"])
    outside = next(e for e in range(len(SPACE.representatives)) if e not in set(drawn["entry"]))
    assert bench.query(outside).outcome == "missing"
    assert all(check.passed for check in check_trace(bench.trace))


def test_curves_know_the_images_at_each_point(drawn: pl.DataFrame) -> None:
    del drawn
    recipe = find(NAME, LONG)
    # The made-up runs have seen 64 sequences.
    expected = recipe.checkpoints(64 // recipe.epochs)
    assert tuple(load_data(NAME, LONG).curves.images_seen) == expected
    assert list(load_data("cnn").curves.images_seen) == [14976, 29952]


@pytest.mark.parametrize("optimizer", ["random", "knn", "halving", "hyperband"])
def test_searches_run_over_what_is_covered(drawn: pl.DataFrame, optimizer: str) -> None:
    data = load_data(NAME, LONG)
    assert data.covered == tuple(sorted(drawn["entry"]))
    found = simulate(data, [optimizer], evaluations=10, trials=2)
    assert set(found.steps["entry"]) <= set(data.covered)
    assert (found.steps["regret"] >= 0).all()


def test_the_report_finds_the_order_and_the_rate_that_were_put_in(drawn: pl.DataFrame) -> None:
    text = "\n".join(rungs.sections(NAME))
    studied = int(drawn["every_rate"].sum())
    # The made-up long losses are those of the tuned table less a constant, at its rate the best.
    assert f"The same rate for {studied} of {studied} functions, a higher one for 0" in text
    assert "costs 0.0000 ± 0.0000 in the mean" in text
    row_of = next(line for line in text.splitlines() if line.startswith("| that train |"))
    default, tuned = row_of.strip("| ").split(" | ")[2:]
    assert tuned == "1.00 [1.00, 1.00]"
    assert 0 < float(default.split()[0]) < 1
    assert "| best 1 | tuned |" in text
    taken = next(line for line in text.splitlines() if line.startswith("| best 1 | tuned |"))
    assert " | 0.0000 | " in taken


def test_show_says_what_the_sample_has_and_no_more(drawn: pl.DataFrame) -> None:
    baseline = drawn.filter(pl.col("stratum") == "baseline").row(0, named=True)
    (record,) = (
        each
        for each in known_of(baseline["expression"])["records"]
        if (each["table"], each["fidelity"]) == (NAME, LONG)
    )
    metrics = record["metrics"]
    assert not {"runs", "validation_loss_std", "outputs"} & set(metrics)
    assert (metrics["fresh_runs"], metrics["stratum"]) == (2, "baseline")
    # Seeds 0 to 2 are 0.01 apart, and the median is that of seed 1, at the rate of the sample.
    last = record["validation_loss_curve"]
    assert len(last) == POINTS
    assert last[-1] == pytest.approx(metrics["validation_loss"] + 0.01)
    said = CliRunner().invoke(main, ["show", baseline["expression"]])
    assert "validation loss by point" in said.output
    assert "stratum" in said.output


def test_the_page_has_one_view_of_it(drawn: pl.DataFrame, tmp_path: Path) -> None:
    data = table_data(NAME, LONG, [])
    assert set(data["views"]) == {"tuned"}
    run = in_node(explore.collect(), tmp_path)
    baseline = drawn.filter(pl.col("stratum") == "baseline")["entry"][0]
    found = run(
        f"const id = '{NAME}-long'; const entry = {baseline};"
        "const empty = parsedState('#table=' + id, model, 'light');"
        "return { rate: empty.rate, address: addressOf(empty, model, 'light'),"
        " keys: viewKeys(model).filter((key) => key.startsWith(id)),"
        " curve: model.learningCurve(id, 'tuned', entry),"
        " reach: model.estimate(id, 'tuned', entry) };"
    )
    assert found["rate"] == "tuned"
    assert "rate=" not in found["address"]
    assert found["keys"] == [f"{NAME}-long@tuned"]
    row = load_table(NAME, fidelity=LONG).row(baseline, named=True)
    assert len(found["curve"]) == POINTS
    assert found["curve"][-1] == [POINTS, pytest.approx(row["validation_loss"] + 0.01, rel=1e-3)]
    assert found["reach"]["seeds"] == 2
    assert found["reach"]["value"] == pytest.approx(row["fresh_validation_loss"], rel=1e-3)


def test_figures_take_the_sample_for_what_it_is(drawn: pl.DataFrame) -> None:
    request = Request(tables=(NAME,), fidelity=LONG)
    found = read_accuracies(NAME, request)
    assert found.seeds.sum() == drawn.height
    assert np.isfinite(found.score).sum() == drawn.height
    assert known.at_own_rate(NAME, request) == {}
    axes = draw("known", request).axes[0]
    assert [text.get_text() for text in axes.texts if "best" in text.get_text()] == []


def test_weights_make_of_a_sample_the_correlation_of_all() -> None:
    rng = np.random.default_rng(0)
    short = rng.normal(size=400)
    long = short + rng.normal(size=400) * np.where(short > 1, 3, 0.3)
    best = short > 1
    others = np.flatnonzero(~best)
    kept = np.concatenate([np.flatnonzero(best), others[::4]])
    weight = np.where(best[kept], 1.0, 4.0)
    whole = rungs.spearman(short, long, np.ones(400))
    weighted = rungs.spearman(short[kept], long[kept], weight)
    plain = rungs.spearman(short[kept], long[kept], np.ones(len(kept)))
    assert abs(weighted - whole) < 0.03 < abs(plain - whole)


def test_what_is_not_trained_yet_keeps_its_rate(drawn: pl.DataFrame, tmp_path: Path) -> None:
    recipe, data = find(NAME, LONG), load_any("sotu")
    sample.write(drawn, tmp_path)
    rows = runs_of(drawn)
    half = [row for row in rows if row["entry"] != drawn["entry"][0]]
    build([write(half, tmp_path / "half.pq")], tmp_path, recipe, data, SPACE, tmp_path)
    table = pl.read_parquet(tmp_path / f"{NAME}-long.parquet")
    late = table.filter(pl.col("entry") == drawn["entry"][0]).row(0, named=True)
    assert (late["outcome"], late["learning_rate"]) == ("missing", drawn["learning_rate"][0])
    build([write(rows, tmp_path / "all.pq")], None, recipe, data, SPACE, tmp_path)
    table = pl.read_parquet(tmp_path / f"{NAME}-long.parquet")
    assert (table["outcome"] != "missing").sum() == drawn.height


def test_the_sample_may_grow_and_strangers_are_refused(
    drawn: pl.DataFrame, folder: Path, tmp_path: Path
) -> None:
    recipe, data = find(NAME, LONG), load_any("sotu")
    outside = next(e for e in range(len(SPACE.representatives)) if e not in set(drawn["entry"]))
    stranger = row(SPACE.representatives[outside], outside, 0, 1.5, recipe)
    with pytest.raises(BuildError, match="1 are of others"):
        build([write([stranger], tmp_path / "one.pq")], None, recipe, data, SPACE, folder)
    with pytest.raises(BuildError, match="name the folder of its sample"):
        build([write([stranger], tmp_path / "one.pq")], None, recipe, data, SPACE, tmp_path)
    (tmp_path / "more").mkdir()
    extra = drawn.head(1).with_columns(
        expression=pl.lit(SPACE.representatives[outside]),
        entry=pl.lit(outside, pl.Int32),
        canonical_class=pl.lit(SPACE.canonical_class[outside], pl.Int32),
        stratum=pl.lit("decile 1"),
        learning_rate=pl.lit(recipe.learning_rate),
    )
    extra.write_csv(tmp_path / "more" / sample.FILE)
    before = (folder / f"{NAME}-long.parquet").read_bytes()
    build([tmp_path / "one.pq"], tmp_path / "more", recipe, data, SPACE, folder)
    table = pl.read_parquet(folder / f"{NAME}-long.parquet")
    assert (table["outcome"] != "missing").sum() == drawn.height + 1
    assert (
        pl.read_parquet(before)
        .filter(pl.col("entry") != outside)
        .equals(table.filter(pl.col("entry") != outside))
    )
