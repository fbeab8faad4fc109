"""Everything that is best, chosen, ranked or drawn follows the metric of a table, here a loss."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from act_bench import Benchmark, explore, load_runs, load_table
from act_bench.cli import main
from act_bench.explore.views import table_data
from act_bench.figures import Request, draw, known
from act_bench.functions.operators import BASELINES
from act_bench.search.loading import load_data
from act_bench.search.refusals import BesideSpaceError
from act_bench.tables.catalogued.named import load_named
from act_bench.tables.loaders import load_table as load
from act_bench.tables.registry import TABLES, TRAINED_MARGIN
from builders import entropy
from builders.reports import comparison, grafs
from builders.reports.agreement import between
from regenerate.grafs import GrafsResult
from regenerate.runs import certificate
from regenerate.runs.run import Run
from regenerate.runs.store import RunStore, SearchFolderError
from regenerate.sweeps.selection import Selection, tuned
from surrogates.live import Budget, Confirmation, Found, search, table_problem
from surrogates.live.replay import verify_search
from surrogates.optimizers import find_optimizer
from surrogates.simulation import simulate
from tests.act_bench.page_scripts import in_node
from tests.fifth_table.reversed_table import (
    BASELINE_ENTRIES,
    BEST,
    LEVEL,
    NAME,
    OTHER,
    RECIPE,
    SPACE,
    row,
)

pytestmark = pytest.mark.usefixtures("turned")


def test_the_made_up_table_is_turned_round() -> None:
    table = load_table(NAME).filter(pl.col("outcome") == "ok")
    order = table.sort("validation_loss")["entry"].to_list()
    assert order == table.sort("validation_accuracy")["entry"].to_list()
    assert len(order) > 2000
    assert TABLES[NAME].worst_score == -math.log(98)


def test_trains_is_above_the_floor_of_zero() -> None:
    info = TABLES[NAME]
    assert info.trained_score == info.trained_score_at("proxy") == -1.81
    assert info.trained_score_at("full") == info.worst_score + TRAINED_MARGIN
    found = between.measured(NAME, "proxy")
    assert not found.trains[SPACE.resolve("zero(x)").entry]
    assert found.trains[BASELINE_ENTRIES].all()
    assert found.trains.sum() == (np.nan_to_num(LEVEL, nan=9) < 1.8).sum()
    assert found.stuck_in_words == "above the floor"


def test_the_spread_over_the_seeds_is_of_the_loss() -> None:
    table = load_table(NAME)
    assert "validation_accuracy_std" not in table.columns
    runs = load_runs(NAME, "proxy").filter(pl.col("entry") == BASELINE_ENTRIES[0])
    spread = float(np.std(runs["validation_loss"].to_numpy(), ddof=1))
    assert table["validation_loss_std"][BASELINE_ENTRIES[0]] == pytest.approx(spread)
    at_rate = load_table(NAME, rate=OTHER, columns=["outcome", "runs", "validation_loss_std"])
    several = at_rate.filter(pl.col("outcome") == "ok", pl.col("runs") == 3)
    assert several["validation_loss_std"].to_list() == pytest.approx([0.0] * several.height)
    gelu = load_named(NAME).filter(pl.col("name") == "gelu", pl.col("learning_rate") == OTHER)
    assert gelu["validation_loss_std"].to_list() == pytest.approx([0.01])  # seeds 0.01 apart


def test_estimates_are_of_losses() -> None:
    table = load(NAME, columns=["entry", "validation_loss", "estimate", "estimate_std"])
    known = table.drop_nulls().sort("validation_loss")
    first = known.row(0, named=True)
    # The best of noisy losses is lucky: the estimate is higher.
    assert first["estimate"] > first["validation_loss"]
    assert known["estimate"].min() > 1.4
    assert known.height == (np.nan_to_num(LEVEL, nan=9) < 1.8).sum()


def test_a_benchmark_scores_and_reveals_by_the_loss() -> None:
    bench = Benchmark(NAME)
    lost = int(np.flatnonzero(np.isnan(LEVEL))[0])
    asked = [BEST, lost, *BASELINE_ENTRIES]
    scores = {entry: bench.query(SPACE.representatives[entry]).score for entry in asked}
    assert scores[lost] == -math.log(98)
    assert bench.reveal().entry == BEST == max(asked, key=lambda entry: scores[entry] or -9.0)
    with pytest.raises(
        BesideSpaceError, match=r"validation loss in turned by learning rate: 0\.02: 1"
    ):
        Benchmark(NAME).query("gelu(x)")


def test_a_simulation_ends_with_the_lowest_loss() -> None:
    data = load_data(NAME)
    found = simulate(data, {"random": find_optimizer("random")}, trials=2, evaluations=30)
    for final in found.finals.to_dicts():
        steps = found.steps.filter(pl.col("trial") == final["trial"])
        taken = [data.score(entry) for entry in steps["entry"].to_list()]
        assert data.score(final["entry"]) == max(score for score in taken if score is not None)
    best = sorted((data.score(entry) or -9.0 for entry in data.covered), reverse=True)
    assert found.top_score == best[found.top_entries - 1]


def test_the_tuned_rate_is_that_of_the_lowest_loss() -> None:
    table = load_table(NAME, rate="tuned")
    rows = table.filter(pl.col("outcome") == "ok").to_dicts()
    for each in rows:
        assert each["learning_rate"] == (RECIPE.learning_rate if each["entry"] % 2 else OTHER)
    fresh = next(each for each in rows if each["fresh_runs"])
    assert fresh["fresh_validation_loss"] == pytest.approx(fresh["validation_loss"], abs=0.02)
    assert fresh["fresh_test_loss"] == pytest.approx(fresh["test_loss"], abs=0.02)
    assert "fresh_validation_accuracy" not in table.columns
    reached = tuned(TABLES[NAME]).reached
    assert (
        max(reached, key=lambda text: reached[text] or -9.0)
        == (SPACE.representatives[min(rows, key=lambda each: each["validation_loss"])["entry"]])
    )


def test_named_functions_are_chosen_by_the_loss() -> None:
    rows = load_named(NAME).filter(pl.col("entry").is_null())
    chosen = rows.filter("tuned")
    assert chosen["learning_rate"].unique().to_list() == [OTHER]
    assert chosen["first_validation_loss"].to_list() == pytest.approx([1.4] * chosen.height)
    assert chosen["fresh_validation_loss"].to_list() == pytest.approx([1.415] * chosen.height)


def test_a_selection_for_more_seeds_takes_the_lowest_losses() -> None:
    table = load_table(NAME)
    info = TABLES[NAME]
    reached = {
        text: None if loss is None else info.score(loss)
        for text, loss in table.select("expression", "validation_loss").rows()
    }
    chosen = Selection(best=3).choose(SPACE, reached)
    best = table.sort("validation_loss", nulls_last=True)["expression"][:3].to_list()
    assert list(chosen) == best


def command(*arguments: str) -> str:
    done = CliRunner().invoke(main, arguments, env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    return done.output


def test_commands_show_losses_and_bits(tmp_path: Path) -> None:
    text = SPACE.representatives[BEST]
    said = command("show", text)
    part = said[said.index("A table by loss") :]
    assert "validation loss by epoch" in part
    assert "validation bits per byte" in part
    shown = json.loads(command("show", text, "--json"))
    record = next(each for each in shown["records"] if each["table"] == NAME)
    assert record["validation_loss_curve"][0] < 1.5
    quarter = np.float32(record["validation_loss_curve"][0] / 4)  # accuracies are float32
    assert record["validation_accuracy_curve"][0] == quarter
    chosen = next(each for each in shown["rates"] if each["table"] == NAME and each["tuned"])
    assert chosen["fresh_validation_loss"] is not None
    assert chosen["fresh_validation_accuracy"] is None
    asked = command("query", text, "gelu", "--table", NAME)
    assert asked.count(f"Validation loss in {NAME}") == 2  # in the space and beside it
    assert "validation loss" in command("tables")


def run(seed: int, loss: float) -> Run:
    return Run.from_row(row("relu(x)", 0, seed, loss, RECIPE))


def test_a_certificate_compares_losses() -> None:
    # Accuracies agree, losses do not.
    record = [dataclasses.replace(run(seed, 1.5 + seed / 1000), validation_accuracy=0.5 + seed / 99)
              for seed in range(3)]  # fmt: skip
    other = [dataclasses.replace(each, validation_loss=(each.validation_loss or 0) + 0.1, seed=9)
             for each in record[:1]]  # fmt: skip
    assert certificate.compare(other, record, "validation_loss").verdict == "differs"
    assert certificate.compare(other, record).verdict == "agrees"
    found = certificate.compare(other, record, "validation_loss")
    assert found.difference == pytest.approx(0.099)


def test_regenerate_trains_the_real_network_without_a_download(monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said = json.loads(
        CliRunner().invoke(main, ["regenerate", "tanh(x)", "--table", NAME, "--seeds", "1",
                                  "--device", "cpu", "--json"]).stdout
    )  # fmt: skip
    assert said["table"] == NAME
    assert said["retrained"][0]["outcome"] == "ok"
    assert abs(said["retrained"][0]["validation_loss"] - math.log(98)) < 0.1  # of one step
    # The record is made up, and so is far away.
    assert said["comparison"]["verdict"] in ("differs", "undecided")


def test_explore_has_losses() -> None:
    data = table_data(NAME, "proxy", [])
    assert (data["metric"], data["higherIsBetter"]) == ("validation_loss", False)
    assert data["worst"] == math.log(98)
    assert data["trained"] == 1.81
    assert set(data["views"]) == {"own", f"{OTHER:g}", "tuned"}
    assert "validation_loss_std" in data["views"]["own"]["metrics"]
    assert "fresh_validation_loss_std" in data["views"]["tuned"]["metrics"]


def test_the_page_has_intervals_of_losses(tmp_path: Path) -> None:
    run = in_node(explore.collect(), tmp_path)
    baseline = BASELINE_ENTRIES[0]
    table = load_table(NAME, columns=["validation_loss", "validation_loss_std", "runs"])
    alone = next(e for e, (loss, _, n) in enumerate(table.rows()) if n == 1 and (loss or 9) < 1.8)
    view = f"'{NAME}-proxy', 'own'"
    found = run(f"return [{baseline}, {alone}].map((e) => model.estimate({view}, e));")
    value, std, runs = table.row(baseline)
    # Student's t times the standard error of the median of three, 1.16 times that of a mean.
    half = pytest.approx(4.303 * 1.16 * std / runs**0.5, rel=1e-3)
    assert found[0] == {
        "value": pytest.approx(value), "half": half, "pooled": False, "seeds": 3,
    }  # fmt: skip
    trains = table.filter(pl.col("validation_loss") < 1.81)["validation_loss_std"].drop_nulls()
    beside = load_named(NAME).filter(
        pl.col("entry").is_null(), pl.col("learning_rate") == RECIPE.learning_rate
    )
    several = np.concatenate([trains, beside["validation_loss_std"]])
    pooled = float(np.sqrt(np.mean(several**2)))
    assert found[1]["half"] == pytest.approx(1.96 * pooled, rel=1e-3)
    assert found[1]["pooled"]


def test_figures_draw_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entropy, "RESAMPLES", 10)
    axes = draw("accuracies", Request(tables=(NAME,))).axes[0]
    assert axes.get_xlabel() == "minus validation loss"
    # What is far off, as the loss of guessing, stands at the left: the rest is not a line.
    assert -2.1 < axes.get_xlim()[0] < -1.9
    legend = axes.get_legend()
    assert legend is not None
    assert "diverged, shown at the left" in str([text.get_text() for text in legend.get_texts()])
    scatter = draw("scatter", Request(tables=("cnn", NAME))).axes[0]
    assert -2.1 < scatter.get_ylim()[0] < -1.9
    assert "minus validation loss" in scatter.get_ylabel().replace("\n", " ")
    assert max(map(len, scatter.get_ylabel().splitlines())) <= 48
    places = np.concatenate([np.asarray(c.get_offsets()) for c in scatter.collections])
    assert places[:, 1].min() > scatter.get_ylim()[0]
    drawn = entropy.figure(NAME, *np.random.default_rng(0).random((2, len(LEVEL))))
    assert "minus validation loss" in drawn.axes[0].get_ylabel()


def test_the_figure_of_known_functions_shows_losses() -> None:
    own, tuned = known.at_own_rate(NAME), known.at_tuned_rate(NAME)
    lowest = load_table(NAME).drop_nulls("validation_loss")
    assert own[known.BEST].name == lowest["expression"][lowest["validation_loss"].arg_min()]
    # Each baseline is at its loss, and none of these is an accuracy turned round.
    levels = LEVEL[BASELINE_ENTRIES]
    assert [own[text.removesuffix("(x)")].value for text in BASELINES] == pytest.approx(
        levels, abs=0.03
    )
    gelu = load_named(NAME).filter(pl.col("name") == "gelu")
    (own_rate,) = gelu.filter(pl.col("learning_rate") != OTHER)["validation_loss"]
    # Three seeds 0.01 apart: Student's t times the standard error of a median.
    half = 4.303 * 0.01 / 3**0.5 * (math.pi / 2) ** 0.5
    assert own["gelu"].value == own_rate
    assert own["gelu"].half == pytest.approx(half, rel=1e-3)
    (chosen,) = gelu.filter("tuned")["fresh_validation_loss"]
    assert tuned["gelu"].value == chosen
    axes = draw("known", Request(tables=(NAME,))).axes[0]
    assert axes.get_xlabel() == "validation loss (guessing: 4.6)"


def test_grafs_ranks_by_the_loss() -> None:
    runs = (run(0, 1.45), run(1, 1.47))
    result = GrafsResult(NAME, "proxy", 0, "relu(x)", 0, runs, 1.0, 2.0, ())
    assert result.values == (1.45, 1.47)
    assert result.median == pytest.approx(1.46)
    assert result.test == pytest.approx(1.46)
    assert result.to_dict()["validation_loss"] == result.median
    assert grafs.rank_of(result, [1.4, 1.5, 1.6]) == 2


class Lookup:
    """A trainer that looks up what the made-up table says."""

    stacked = True
    identity = {"made": "up"}  # noqa: RUF012

    def __call__(self, expression: str, seeds: Any, progress: Any = None) -> list[Run]:
        entry = SPACE.entry_of[expression]
        return [
            Run.from_row(row(expression, entry, seed, LEVEL[entry] + seed % 7 / 1000, RECIPE))
            for seed in seeds
        ]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Found]:
    out = tmp_path_factory.mktemp("live")
    problem = dataclasses.replace(table_problem(NAME), trainer=Lookup())
    assert problem.reference is not None
    assert problem.identity["metric"] == "validation_loss"
    found = search(problem, out, method="random", budget=Budget(evaluations=12),
                   confirmation=Confirmation(2, 3))  # fmt: skip
    return out, found


def test_a_live_search_finds_the_lowest_loss(live: tuple[Path, Found]) -> None:
    out, found = live
    ok = [each for each in found.evaluated if each.outcome == "ok"]
    lost = [each for each in found.evaluated if each.outcome != "ok"]
    level = {each.expression: LEVEL[SPACE.entry_of[each.expression]] for each in ok}
    assert found.best.expression == min(level, key=lambda text: level[text])
    assert found.best.score == -level[found.best.expression]
    assert all(each.curve[-1] == pytest.approx(each.score, rel=1e-6) for each in ok)
    assert {each.score for each in lost} <= {-math.log(98)}
    first, *_, reference = found.confirmed
    assert first.candidate.expression == found.best.expression
    assert first.candidate.shown == level[found.best.expression]
    assert first.difference is not None
    assert first.difference.mean <= 0.001  # the reference is the best of the table
    assert reference.candidate.expression == SPACE.representatives[best_of_table()]
    assert found.tested is not None
    assert found.tested.loss == pytest.approx(level[found.best.expression])
    assert found.tested.fresh is not None
    assert found.tested.fresh.mean == pytest.approx(found.tested.loss, abs=0.01)
    # The folder alone says what it was searched by.
    assert all(check.passed for check in verify_search(out / "trace.jsonl"))


def best_of_table() -> int:
    table = load_table(NAME).sort("validation_loss", nulls_last=True)
    return int(table["entry"][0])


def test_the_comparison_of_methods_prefers_low_losses(live: tuple[Path, Found]) -> None:
    problem = table_problem(NAME)
    good = comparison.row_of(problem, "random", [live[1], live[1]])
    bad = good._replace(method="aquasurf", fresh=[value + 0.2 for value in good.fresh])
    assert good.fresh[0] > 0
    text = comparison.section(problem, [bad, good])
    assert text.index("random search") < text.index("AQuaSurF")
    assert "random search found" in comparison.sentence(problem, [bad, good])


def test_a_search_folder_with_an_unknown_metric_is_damaged(
    live: tuple[Path, Found], tmp_path: Path
) -> None:
    identity = {"table": NAME, "fidelity": "proxy", "chance": -1.0, "seeds": [0], "space": "paper"}
    store = RunStore(tmp_path / "other", identity | {"metric": "bleu"})
    (store.folder / "trace.jsonl").write_bytes((live[0] / "trace.jsonl").read_bytes())
    with pytest.raises(SearchFolderError, match="no metric 'bleu'"):
        verify_search(store.folder / "trace.jsonl")


def test_eafo_trains_by_the_metric() -> None:
    trained = ("--train", "--table", NAME, "--seeds", "1", "--device", "cpu", "--json")
    said = json.loads(command("eafo", "relu(x)", *trained))
    for each in said["trained"]:
        assert each["metric"] == "validation_loss"
        assert each["values"][0] == pytest.approx(each["mean"])
        assert 1 < each["mean"] < math.log(98) + 1
