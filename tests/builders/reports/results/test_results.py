"""The page of results: its statistics by hand, its sentences; a small page."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import hypergeom

from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.loading import load_data
from act_bench.search.trace_table import write_traces
from act_bench.tables.runs import load_runs
from builders.reports.results import claims as results_claims
from builders.reports.results import goals as results_goals
from builders.reports.results import kept as results_kept
from builders.reports.results import overview as results_overview
from builders.reports.results import page as results
from builders.reports.results import ranking as results_ranking
from builders.reports.results.kept import EVALUATIONS, Searches
from surrogates import evaluation, reporting
from surrogates.optimizers import find_optimizer
from surrogates.significance import pairwise

MakeData = Callable[..., BenchmarkData]


def _searches(best: list[list[float]], trained: int = 0, clock_s: float = 1.0) -> Searches:
    """Searches that train entry 0, and ``trained`` where the best score rises first."""
    trials, evaluations = np.shape(best)
    rises = np.diff(np.asarray(best), axis=1, prepend=np.reshape(best, (trials, -1))[:, :1]) > 0
    first = rises & (rises.cumsum(axis=1) == 1)
    steps = pl.DataFrame(
        {
            "trial": np.repeat(np.arange(trials), evaluations),
            "best_so_far": np.ravel(best),
            "regret": 1 - np.ravel(best),
            "trained": np.where(first, trained, 0).ravel(),
            "clock_s": np.tile(np.arange(1.0, evaluations + 1), trials) * clock_s,
        }
    )
    return Searches(steps, np.zeros(trials))


def _goal(about: str, *reaches: int, random: float, within: float = 0.5) -> results_goals.Goal:
    mask = np.isin(np.arange(2913), reaches)
    return results_goals.Goal(about, about, mask, len(reaches), 0, 0.8, 0.01, random, within)


def test_the_first_evaluation_that_reaches_a_goal_may_never_come() -> None:
    trained = np.array([[3, 7, 7], [7, 1, 2], [-1, 3, 2912]])
    goal = _goal("good", 7, random=5)
    assert goal.first(trained).tolist() == [2, 1, np.inf]
    clock_s = np.array([[1.0, 4.0, 6.0]] * 3)
    assert goal.clock(trained, clock_s).tolist() == [4, 1, np.inf]
    assert _goal("last", 2912, random=5).first(trained).tolist() == [np.inf, np.inf, 3]
    found = _searches([[0.1, 0.9, 0.9], [0.5, 0.5, 0.5]], trained=7)
    assert found.trained.tolist() == [[0, 7, 0], [0, 0, 0]]
    assert found.regret[0].tolist() == pytest.approx([0.9, 0.1, 0.1])


def test_medians_of_what_may_never_come_stay_honest() -> None:
    half = np.array([3.0] * 50 + [np.inf] * 50)
    middle, low, high = results_goals.median_with_interval(half)
    assert (middle, low, high) == (3.0, 3.0, np.inf)
    assert [results_goals.count(value) for value in (middle, high)] == ["3", "never"]
    assert results_goals.median_with_interval(np.arange(1.0, 102.0))[0] == 51


def test_a_difference_is_told_from_either_side() -> None:
    regrets = {"random": np.full(30, 0.3), "good": np.zeros(30), "like": np.full(30, 0.3)}
    pairs = pairwise(regrets)
    assert results_ranking.against(pairs, "good", "random") == (1.0, True)
    assert results_ranking.against(pairs, "random", "good") == (0.0, True)
    said = results_ranking.differences(pairs, {name: np.asarray(r) for name, r in regrets.items()})
    assert "Of 3 pairs 2 differ significantly." in said
    assert "`good` is better than random search." in said
    assert "`like` is not significantly different from random search." in said
    with pytest.raises(LookupError, match="bad"):
        results_ranking.against(pairs, "bad", "random")


def test_the_filters_share_is_counted_from_the_table() -> None:
    data = load_data("mlp")
    pairs = pairwise({"random": np.full(9, 0.3), "fisher-filter:baselines=false": np.full(9, 0.3)})
    said = results_claims.claim_filter(data, pairs)
    diverged = sum(outcome == "diverged" for outcome in data.outcome)
    assert f"| diverged | {diverged:,} |" in said
    assert "**Refuted on `mlp`**" in said
    assert "with probability 0.50, which may be chance" in said


def test_goals_are_counted_from_the_table() -> None:
    data = load_data("cnn")
    near, beyond = results_goals.goals_of(data)
    elu = data.score(data.space.resolve("elu(x)").entry)  # the best baseline of this table
    assert elu is not None
    assert beyond.margin == near.margin == results_goals.noise(data).value
    assert beyond.least == pytest.approx(elu + beyond.margin, abs=2e-4)  # of its class, the mean
    entries = int(beyond.reaches.sum())
    assert beyond.random > results_goals.goals_of(data, margin=0.0)[1].random
    missed = hypergeom(len(data.covered), entries, EVALUATIONS).pmf(0)
    assert beyond.within == pytest.approx(1 - missed)
    best = max(data.score(entry) or 0.0 for entry in data.covered)
    assert [data.score(int(entry)) for entry in np.flatnonzero(near.reaches)].count(best) == 1


def test_a_goal_may_be_empty_and_another_never_is() -> None:
    data = load_data("vit")
    near, beyond = results_goals.goals_of(data)
    assert (beyond.classes, beyond.random, beyond.within) == (0, np.inf, 0)
    assert not beyond.reaches.any()
    assert near.classes > near.baselines > 0
    said = results_goals.said(data, (near, beyond))
    assert "none: no class that is no baseline reaches" in said
    assert results_goals.goals_of(data, margin=0.0)[1].classes == 1
    alone = results_goals.goals_of(data, margin=0.0)[0]
    assert alone.classes == 1


def test_a_class_is_worth_the_mean_of_its_entries_that_train() -> None:
    data = load_data("cnn")
    classes = np.asarray(data.space.canonical_class)
    worth = results_goals.class_scores(data)
    elu = data.space.resolve("elu(x)").entry
    same = np.flatnonzero(classes == classes[elu])
    trained = [data.score(int(entry)) for entry in same if data.outcome[entry] == "ok"]
    assert len(trained) > 1
    assert worth[same].tolist() == pytest.approx([np.mean(trained)] * len(same))
    diverged = next(
        entry
        for entry in range(len(classes))
        if all(data.outcome[other] != "ok" for other in np.flatnonzero(classes == classes[entry]))
    )
    assert worth[diverged] == -np.inf


def test_noise_is_pooled_over_the_best_entries_with_several_runs() -> None:
    data = load_data("resnet")
    found = results_goals.noise(data)
    runs = load_runs("resnet", "proxy", ["entry", "outcome", "validation_accuracy"])
    runs = runs.filter(pl.col("outcome") == "ok")
    many = runs.filter(pl.len().over("entry") > 1)
    entries = sorted(
        (e for e in many["entry"].unique() if (data.score(e) or 0) > data.chance + 0.05),
        key=lambda entry: -(data.score(entry) or 0),
    )
    best = entries[: found.entries]
    assert found.entries == -(-len(entries) // 10)
    groups = [many.filter(pl.col("entry") == e)["validation_accuracy"].to_numpy() for e in best]
    squares = sum(((group - group.mean()) ** 2).sum() for group in groups)
    assert found.run == pytest.approx(np.sqrt(squares / sum(len(g) - 1 for g in groups)))
    medians = np.median(np.random.default_rng(0).standard_normal((20000, found.runs)), axis=1)
    assert found.value == pytest.approx(found.run * medians.std(), rel=0.03)


def test_the_claim_of_tens_is_judged_by_what_searches_of_this_length_can_tell() -> None:
    data = load_data("mlp")
    never = _searches([[0.1] * 3] * 20)
    soon = _searches([[0.1, 0.9, 0.9]] * 20, trained=7, clock_s=2 * results_goals.trainings(data))
    finals = {name: np.zeros(20) for name in ("random", "aquasurf")}
    near = _goal("good", 7, random=60, within=0.7)
    far = near._replace(random=854, within=0.07)

    def said(aquasurf: Searches, *goals: results_goals.Goal) -> str:
        made = {"random": never, "aquasurf": aquasurf}
        return results_claims.claim_tens(data, made, finals, (goals[0], goals[-1]))

    assert "**By evaluations: Confirmed on the stored map.**" in said(soon, far)
    assert "within 100, 100% of its searches are and 7% of random ones" in said(soon, far)
    assert "is good after 4 [4, 4], sooner than random search, which needs 854" in said(soon, far)
    assert "**By evaluations: Refuted.**" in said(never, near)
    assert "**By evaluations: Not shown for the reference search.**" in said(never, far)
    assert "no sooner than random search, which needs 854" in said(never, far)
    # Where nothing beats every baseline the other goal is judged.
    empty = far._replace(
        about="beyond", reaches=np.zeros(2913, dtype=bool), classes=0, random=np.inf
    )
    assert "`aquasurf` is good after 2 [2, 2] evaluations" in said(soon, far, empty)
    assert "never; 7% (exact)" in said(soon, far, empty)


def test_the_overview_ranks_what_ran_everywhere_and_claims_what_has_spectra(
    make_data: MakeData, tmp_path: Path
) -> None:
    data = load_data("mlp")
    near = int(np.flatnonzero(results_goals.goals_of(data)[0].reaches)[0])
    good, bad = _searches([[0.1, 0.9]] * 20, trained=near), _searches([[0.1, 0.2]] * 20)
    made = {"random": bad, "aquasurf": good, "aquasurf:features=umap-outputs": bad}
    made["aquasurf:features=umap-fim"] = good
    ranks = {"outputs": 0.1, "fim": 0.7, "union": 0.5}
    rows = pl.DataFrame(
        [
            ("mlp", f"umap-{name}", "knn", 10, split, value + split / 1000)
            for name, value in ranks.items()
            for split in range(5)
        ],
        schema=["table", "features", "regressor", "size", "split", "spearman"],
        orient="row",
    )
    pages = tmp_path / "results"
    pages.mkdir()
    without = {"random": bad, "aquasurf": good}
    results_overview.keep(
        results_overview.TableResults(make_data(), without, pl.DataFrame()), pages
    )
    results_overview.keep(results_overview.TableResults(data, made, rows), pages)
    files = (results_overview.OPTIMIZERS_FILE, results_overview.CLAIMS_FILE)
    before = [(pages / name).read_text() for name in files]
    results_overview.keep(results_overview.TableResults(data, made, rows), pages)
    assert [(pages / name).read_text() for name in files] == before  # rows are replaced
    said = results_overview.overview(pages).splitlines()
    assert "In full: [mlp](results/mlp.md), [made-up](results/made-up.md)." in said
    ranked = [line for line in said if line.startswith(("| `aquasurf", "| `random`"))]
    assert [line.split("|")[1].strip() for line in ranked] == ["`aquasurf`", "`random`"]
    assert ranked[0].startswith("| `aquasurf` | 0.")
    assert " | 2 | " in ranked[0]
    assert ranked[1].endswith("| never | never |")
    claim = next(line for line in said if line.startswith("| `mlp`"))
    assert claim.startswith("| `mlp` | 0, 1 of 1 | 1.00 * | 0.50 | 0.0036 | 60 | 2 [2, 2]; 100% |")
    assert " | 25 | 2 | " in claim
    assert next(line for line in said if line.startswith("| `made-up`")).startswith(
        "| `made-up` | no spectra |"
    )


def test_the_overview_says_what_is_of_an_earlier_version(
    make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = make_data(), make_data(seed=1)
    bad = _searches([[0.1, 0.2]] * 20)
    results_overview.keep(
        results_overview.TableResults(older, {"random": bad}, pl.DataFrame()), tmp_path
    )
    monkeypatch.setattr(results, "load_data", lambda table: older)
    assert results.stale(tmp_path) == []
    assert "earlier version" not in results_overview.overview(tmp_path)
    monkeypatch.setattr(results, "load_data", lambda table: newer)
    assert results.stale(tmp_path) == ["made-up"]
    said = results_overview.overview(tmp_path, results.stale(tmp_path))
    assert "earlier version of the table, to be run again: `made-up`" in said


def test_searches_that_claims_are_about_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(results_kept.ForeignTracesError) as caught:
        results_kept.searches_of(load_data("mlp"), tmp_path)
    command = str(caught.value).partition("`")[2]
    assert command.startswith("act-bench simulate mlp --protocol 1 --optimizers random,fisher-")
    assert command.endswith(f"aquasurf:features=umap-fim --output {tmp_path / 'mlp-full'}`")


def test_all_names_can_be_found() -> None:
    for name in results_kept.OPTIMIZERS:
        find_optimizer(name)


def test_a_small_page_is_made_of_stored_traces_and_goes_on_from_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_trials = reporting.PROTOCOLS[1]._replace(trials=3)
    monkeypatch.setitem(reporting.PROTOCOLS, 1, few_trials)
    data, traces = load_data("mlp"), tmp_path / "leaderboard" / "mlp-full"
    traces.mkdir(parents=True)
    for name in results_kept.OPTIMIZERS:
        if name.startswith(("random", "aquasurf", "fisher")):
            path = traces / f"{name.replace(':', '-')}.parquet"
            write_traces(path, reporting.run(data, name, few_trials)[1])
    evaluated: list[object] = []
    evaluate = evaluation.evaluate

    def few(data: BenchmarkData, *asked: object, **settings: Any) -> pl.DataFrame:
        evaluated.append(settings["splits"])
        features = ["umap-outputs", "umap-fim", "umap-union"]
        makers = {"knn": evaluation.REGRESSORS["knn"]}
        chosen = asked or (features, makers)
        return evaluate(data, *chosen, sizes=[10, 100], **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluation, "evaluate", few)
    monkeypatch.setattr(results_kept, "FAILURE_MODELS", ("knn",))
    folders = ["--docs", str(tmp_path / "docs"), "--kept", str(tmp_path / "kept")]
    folders += ["--traces", str(traces.parent)]
    monkeypatch.setattr(sys, "argv", ["results.py", "--table", "mlp", "--splits", "2", *folders])
    results.main()
    assert len(evaluated) == 4
    assert "| `aquasurf` |" in (tmp_path / "docs" / "studies" / "results.md").read_text()
    page = (tmp_path / "docs" / "studies" / "results" / "mlp.md").read_text()
    for number in ("**1. ", "**2. ", "**3. ", "**Who diverges.**", "(mlp-failures.csv)"):
        assert number in page
    failures = (tmp_path / "docs" / "studies" / "results" / "mlp-failures.csv").read_text()
    assert "\nknn,union,100," in failures
    assert "| knn | union |" not in page
    assert page.split("\n\n")[1].startswith("- Of 6 optimizers")
    for image in {part.split(")")[0] for part in page.split("](../../images/")[1:]}:
        assert (tmp_path / "docs" / "images" / image).stat().st_size > 1000
    assert "| `random` | 3 |" in page
    results.main()
    assert len(evaluated) == 4
    assert (tmp_path / "docs" / "studies" / "results" / "mlp.md").read_text() == page
