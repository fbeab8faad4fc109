"""The page of results: its statistics by hand, its sentences; a small page."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import hypergeom

from act_bench.search.benchmark_data import BenchmarkData
from act_bench.search.loading import load_data
from builders.reports.results import claims as results_claims
from builders.reports.results import goals as results_goals
from builders.reports.results import kept as results_kept
from builders.reports.results import map_draws
from builders.reports.results import overview as results_overview
from builders.reports.results import page as results
from builders.reports.results import ranking as results_ranking
from builders.reports.results.kept import Searches
from surrogates import evaluation
from surrogates.optimizers import find_optimizer
from surrogates.significance import pairwise

MakeData = Callable[..., BenchmarkData]


def _searches(best: list[list[float]]) -> Searches:
    trials, evaluations = np.shape(best)
    steps = pl.DataFrame(
        {
            "trial": np.repeat(np.arange(trials), evaluations),
            "best_so_far": np.ravel(best),
            "regret": 1 - np.ravel(best),
        }
    )
    return Searches(steps, pl.DataFrame(), 0.01, "a processor")


def test_the_first_evaluation_in_the_top_may_never_come() -> None:
    found = _searches([[0.1, 0.9, 0.9], [0.9, 0.9, 0.9], [0.1, 0.2, 0.3]])
    goal = results_goals.Goal("good", 0.8, random=5, entries=1, within=0.9)
    assert goal.first(found.best).tolist() == [2, 1, np.inf]
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
    assert "`like` is not told from random search." in said
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


def test_searches_walk_on_the_map_that_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """On map 1 nearness is nearness in score, so that the best are found from the baselines on."""
    data = load_data("mlp")
    scores = np.array([data.score(entry) for entry in data.covered])
    by_score = np.stack([scores, scores], axis=1).astype(np.float32)
    by_score[0] = np.nan
    stored = map_draws.kept_maps("mlp", 0, Path())
    monkeypatch.setattr(map_draws, "TRIALS", 3)
    monkeypatch.setattr(map_draws, "EVALUATIONS", 60)
    maps = {0: stored, 1: dict.fromkeys(stored, by_score)}
    monkeypatch.setattr(map_draws, "kept_maps", lambda table, number, folder: maps[number])
    draws = map_draws.all_draws(data, 2, Path())
    assert [(each.method, each.number) for each in draws] == [
        (method, number) for number in (0, 1) for method in map_draws.METHODS
    ]
    on_scores = [each for each in draws if each.number == 1]
    assert max(each.regret.max() for each in on_scores) == 0
    best = results_goals.Goal("the best", float(scores.max()), 1000, entries=1, within=0.1)
    assert best.first(on_scores[0].best).max() < best.first(draws[0].best).max()
    said = results_claims.claim_draws(draws, (best, best))
    assert "| method | map 0 | map 1 |" in said
    assert "; 0.0000 |" in next(line for line in said.splitlines() if line.startswith("| `aqua"))


def test_goals_are_counted_from_the_table() -> None:
    data = load_data("cnn")
    scores = np.sort([data.score(entry) for entry in data.covered])[::-1]
    top, beyond = results_goals.goals_of(data)
    elu = data.score(data.space.resolve("elu(x)").entry)
    assert (scores >= top.score).sum() >= len(scores) // 100
    assert beyond.score == scores[scores > elu][-1]  # the best baseline of this table
    assert beyond.random > top.random
    assert beyond.entries == (scores > elu).sum()
    missed = hypergeom(len(scores), beyond.entries, results_goals.EVALUATIONS).pmf(0)
    assert beyond.within == pytest.approx(1 - missed)


def test_the_claim_of_tens_is_judged_by_what_searches_of_this_length_can_tell() -> None:
    never, soon = _searches([[0.1] * 3] * 20), _searches([[0.1, 0.9, 0.9]] * 20)
    finals = {name: np.zeros(20) for name in ("random", "aquasurf")}
    near = results_goals.Goal("good", 0.8, random=60, entries=40, within=0.7)
    far = near._replace(random=854, entries=2, within=0.07)

    def said(aquasurf: Searches, goal: results_goals.Goal) -> str:
        made = {"random": never, "aquasurf": aquasurf}
        return results_claims.claim_tens(made, finals, (goal, goal))

    assert "**Confirmed on the stored map**" in said(soon, far)
    assert "within 100, 100% of its searches are and 7% of random ones" in said(soon, far)
    assert "**Refuted**" in said(never, near)
    assert "**Not shown for the reference search**" in said(never, far)


def test_the_overview_ranks_what_ran_everywhere_and_claims_what_has_spectra(
    make_data: MakeData, tmp_path: Path
) -> None:
    data = load_data("mlp")
    beyond = results_goals.goals_of(data)[1].score
    good, bad = _searches([[0.1, beyond]] * 20), _searches([[0.1, 0.2]] * 20)
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
    assert next(line for line in said if line.startswith("| `mlp`")).startswith(
        "| `mlp` | 0, 1 of 1 | 1.00 * | 0.50 | 127 | 2 [2, 2]; 100% | 16; 99% |"
    )
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


def test_all_names_can_be_found_and_those_with_spectra_are_known() -> None:
    for name in (*results.OPTIMIZERS, *results_kept.BUDGETS, *results.SLOW):
        find_optimizer(name)
        assert name in results.OPTIMIZERS
    assert [name for name in results.OPTIMIZERS if not results.needs_spectra(name)] == [
        name
        for name in results.OPTIMIZERS
        if not any(word in name for word in ("aquasurf", "fisher", "union"))
    ]


def test_a_small_page_goes_on_from_what_is_kept(
    make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [name for name in results.OPTIMIZERS if name.startswith(("aquasurf", "fisher"))]
    calls: list[str] = []
    simulate = results_kept.simulate

    def counted(data: BenchmarkData, chosen: dict[str, object], **settings: int) -> object:
        calls.extend(chosen)
        return simulate(data, chosen, **settings)  # type: ignore[arg-type]

    made = make_data(table="mlp")
    monkeypatch.setattr(results, "load_data", lambda table: made)
    monkeypatch.setattr(results_kept, "simulate", counted)
    monkeypatch.setattr(results_kept, "BUDGETS", {"random": (4, 1.0)})
    evaluate = evaluation.evaluate

    def few(data: BenchmarkData, *asked: object, **settings: object) -> pl.DataFrame:
        features = ["umap-outputs", "umap-fim", "umap-union"]
        makers = {"knn": evaluation.REGRESSORS["knn"]}
        chosen = asked or (features, makers)
        return evaluate(data, *chosen, sizes=[10, 100], **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluation, "evaluate", few)
    monkeypatch.setattr(results_kept, "FAILURE_MODELS", ("knn",))
    monkeypatch.setattr(map_draws, "TRIALS", 3)
    arguments = ["results.py", "--table", "mlp", "--trials", "3", "--splits", "2", "--maps", "1"]
    folders = ["--docs", str(tmp_path / "docs"), "--kept", str(tmp_path / "kept")]
    chosen = ["--optimizers", ",".join(["random", *names])]
    monkeypatch.setattr(sys, "argv", [*arguments, *folders, *chosen])
    results.main()
    assert len(calls) == 2 * (1 + len(names))  # one trial beforehand
    assert "| `aquasurf` |" in (tmp_path / "docs" / "studies" / "results.md").read_text()
    page = (tmp_path / "docs" / "studies" / "results" / "mlp.md").read_text()
    for number in ("**1. ", "**2. ", "**3. ", "**Who diverges.**", "| knn | union | 100 |"):
        assert number in page
    for image in {part.split(")")[0] for part in page.split("](../../images/")[1:]}:
        assert (tmp_path / "docs" / "images" / image).stat().st_size > 1000
    assert "| `random` | 3 |" in page
    assert " of 1 maps." in page
    monkeypatch.setattr(sys, "argv", [*arguments, *folders, *chosen, "--only", "searches"])
    results.main()
    assert len(calls) == 2 * (1 + len(names))
