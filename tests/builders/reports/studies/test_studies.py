"""Studies on tiny settings: trained in pieces, answered, and put on their pages."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from act_bench import load_runs, load_table
from act_bench.spaces import large
from act_bench.spaces.paper import load_space
from builders.rates import RATE
from builders.reports.studies import candidates, overview, page, searches, trainings
from builders.reports.studies.comparing import Standing, corrected, difference, verdict
from builders.reports.studies.record import Comparison, Section
from builders.reports.studies.searches import Place, Searches
from builders.reports.studies.studies import STUDIES, find
from builders.reports.studies.trainings import Resources, Trainings, text_of
from regenerate.recipes import Recipe
from regenerate.recipes import find as find_recipe
from regenerate.sweeps.executor import SerialExecutor
from regenerate.sweeps.sweep import Task
from regenerate.sweeps.time_limit import TimeLimit
from regenerate.training.trainers import train_into
from surrogates.live.spectra import SPECTRA

TINY = dataclasses.replace(find_recipe("mlp", "full"), epochs=1)
HERE = Resources(SerialExecutor())


def standing(text: str, *scores: float) -> Standing:
    return Standing(text, 0.1, scores[0], scores, 0, scores[0])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    folder = tmp_path_factory.mktemp("study")
    trainings = Trainings(TINY, ("relu", "eafo(relu(x);gaussian)", "crrelu"), (0.1, 0.4), 2)
    short = dataclasses.replace(trainings, fresh=1)
    study = Comparison(
        name="tiny", title="Tiny", claim="a is better than b", source="nobody", question="Is it?",
        setting="mlp.", minutes=0.1,
        sections=(
            Section("first", trainings, ("crrelu",)),
            Section("second", short, ("eafo(relu(x);gaussian)",), 0.1,
                    {"eafo(relu(x);gaussian)": "relu"}, rates_of="first"),
        ),
    )  # fmt: skip
    return study, folder


def test_a_comparison_is_trained_in_pieces_and_answered(tiny, tmp_path: Path) -> None:
    study, folder = tiny
    with pytest.raises(ValueError, match="trainings are left"):
        study.answer(folder)
    assert study.train(folder, Resources(SerialExecutor(), limit=TimeLimit(0))) == 15
    assert study.train(folder, HERE) == 0
    runs = study.sections[0].trainings.runs(folder / "first")
    assert runs.height == 3 * 2 + 3 * 2, "every rate with seed 0, then two seeds at the best"
    best = study.sections[0].trainings.best_rates(folder / "first")
    fresh = runs.filter(pl.col("seed") > 0)
    assert all(best[text] == rate for text, rate in fresh.select("expression", RATE).rows())
    second = pl.concat(
        pl.DataFrame(pl.read_parquet(part)) for part in (folder / "second").rglob("*.parquet")
    )
    assert second.height == 3, "its rates are those of the first section"
    parts = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    assert study.train(folder, HERE) == 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == parts
    answer = study.answer(folder)
    (compared,) = answer.sections[1].differences
    assert (compared.candidate.text, compared.reference.text) == (
        "eafo(relu(x);gaussian)", "add(zero(x),relu(x))",
    )  # fmt: skip
    written = page.write(study, answer, tmp_path / "pages", tmp_path / "images").read_text()
    assert written.startswith("# Tiny\n\n**")
    assert "glossary" in written
    assert answer.sections[0].used[:2] == (12, 0)
    assert answer.sections[1].used[:2] == (3, 0)
    assert "\n15 trainings; 0 core-minutes in all.\n" in written
    assert (tmp_path / "images" / "papers-tiny.png").stat().st_size > 1000


def test_what_the_tables_have_is_not_trained_again(tmp_path: Path) -> None:
    recipe = find_recipe("mlp", "full")
    both = Trainings(recipe, ("relu", "gelu"), (0.1, 0.2, 0.4), 2)
    assert both.train(tmp_path, HERE) == both.left(tmp_path) == 0
    assert not list(tmp_path.iterdir())
    tuned = load_table("mlp", rate="tuned", columns=["expression", "learning_rate"])
    (relu,) = tuned.filter(pl.col("expression") == text_of("relu"))["learning_rate"]
    assert both.best_rates(tmp_path)[text_of("relu")] == relu
    assert both.used(tmp_path)[:2] == (2 * 3 + 2 * 2, 10)
    others = Trainings(dataclasses.replace(recipe, epochs=1), ("relu",), (0.1,), 0)
    assert others.recorded.is_empty(), "of another recipe"
    strange = Trainings(dataclasses.replace(recipe, table="none"), ("relu",), (0.1,), 0)
    assert strange.recorded.is_empty()


def test_only_seeds_that_are_lacking_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = find_recipe("mlp", "full")
    asked = []

    def noted(recipe: Recipe, tasks: list[Task], folder: Path, *_: object, **__: object) -> None:
        asked.append((recipe.learning_rate, folder.name, tasks))

    monkeypatch.setattr(trainings, "sweep", noted)
    eleven = Trainings(recipe, ("relu", "gelu"), (0.1, 0.2), 11)
    assert eleven.train(tmp_path, HERE) == 4, "seeds 10 and 11; a table has 0 to 9"
    best = eleven.best_rates(tmp_path)
    assert {(rate, name, *task) for rate, name, tasks in asked for task in tasks} == {
        (rate, f"rate-{rate:g}", text, load_space().entry_of.get(text), (10, 11))
        for text, rate in best.items()
    }


def test_differences_are_paired_and_corrected() -> None:
    low, high = standing("low", 0.5, 0.6, 0.7), standing("high", 0.52, 0.621, 0.72)
    better = difference(high, low)
    assert better.estimate.mean == pytest.approx(0.0203, abs=1e-4)
    assert better.p < 0.001
    same = difference(low, low)
    assert same.p == 1.0
    together = corrected([better, same])
    assert together[0].p == pytest.approx(2 * better.p)
    assert verdict([together]) == "confirmed"
    assert verdict([corrected([difference(low, high)])]) == "refuted"
    assert verdict([[same]]) == verdict([]) == "open"


@pytest.fixture(autouse=True)
def _without_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP is imported in seconds, and compiles; the union of the features itself does here."""
    method = "aquasurf-rates:features=union:spectra=pool:pool={pool}"
    monkeypatch.setitem(searches.METHODS, "aquasurf", method)


def place() -> Place:
    return Place(TINY, (0.1, 0.2), space="paper", baselines=("relu", "elu"), drawn=6, pool=3)


def test_a_killed_search_takes_the_same_course(tmp_path: Path, monkeypatch) -> None:
    whole = searches.search(place(), "aquasurf", 0, 12, tmp_path / "whole", None)
    evaluated = whole["evaluated"]
    assert len({(each["expression"], each["rate"]) for each in evaluated}) == 12
    spectra = pl.read_parquet(tmp_path / "whole" / SPECTRA)
    assert spectra.height == 14
    runs = pl.concat(pl.read_parquet(p) for p in (tmp_path / "whole").rglob("part-*.parquet"))
    each = float(np.mean(spectra["seconds"].to_numpy()))
    charged = (whole["clock_s"] - runs["runtime_s"].sum()) / each
    assert charged == pytest.approx(round(charged), abs=1e-3)
    assert 8 + 1 <= round(charged) <= 14, "each function once, as it enters"
    trained: list[str] = []

    def killed(folder, trainer, text, *rest):
        if len(trained) == 10:
            raise KeyboardInterrupt
        trained.append(text)
        return train_into(folder, trainer, text, *rest)

    monkeypatch.setattr("builders.reports.studies.searches.train_into", killed)
    with pytest.raises(KeyboardInterrupt):
        searches.search(place(), "aquasurf", 0, 12, tmp_path / "killed", None)
    trained.clear()
    again = searches.search(place(), "aquasurf", 0, 12, tmp_path / "killed", None)
    assert len(trained) == 2
    assert [each["expression"] for each in again["evaluated"]] == [
        each["expression"] for each in evaluated
    ]
    first_baselines = [each["rate"] for each in evaluated[:8]]
    assert first_baselines == [0.2] * 8, "the baselines at the recipe's rate"


def test_random_search_needs_no_spectra(tmp_path: Path) -> None:
    plain = searches.search(place(), "random", 0, 3, tmp_path, None)
    assert not (tmp_path / SPECTRA).exists()
    assert len(plain["evaluated"]) == 3


def test_a_search_takes_the_runs_of_a_table(tmp_path: Path, monkeypatch) -> None:
    whole = find_recipe("mlp", "full")
    trained: list[tuple[str, float]] = []

    def noted(folder, trainer, text, *rest):
        trained.append((text, trainer.recipe.learning_rate))
        return train_into(folder, dataclasses.replace(trainer, recipe=TINY), text, *rest)

    monkeypatch.setattr(searches, "train_into", noted)
    beside = dataclasses.replace(place(), recipe=whole, rates=(0.2, 0.3))
    found = searches.search(beside, "random", 0, 14, tmp_path, None)
    asked = [(each["expression"], each["rate"]) for each in found["evaluated"]]
    assert {rate for _, rate in asked} == {0.2, 0.3}
    assert trained == [each for each in asked if each[1] == 0.3], "a rate that the table has not"
    assert found["recorded"] == 14 - len(trained)
    runs = load_runs("mlp").filter(pl.col("seed") == 0)
    first = next(each for each in found["evaluated"] if each["rate"] == 0.2)
    known = runs.filter(pl.col("expression") == first["expression"]).row(0, named=True)
    assert first["score"] == (known["validation_accuracy"] or 0.1)


class Pickling(SerialExecutor):
    """Sends work as it goes to another process, and does it here: a process takes ten seconds."""

    def run(self, work: Callable[[Any], Any], chunks: Iterable[Any]) -> Iterator[Any]:
        yield from super().run(pickle.loads(pickle.dumps(work)), chunks)  # noqa: S301


def test_searches_go_to_workers_while_there_is_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(searches, "FRESH", 1)
    study = Searches(
        name="tiny-search", title="T", claim="c", source="n", question="q?", minutes=1,
        places=(place(),), searches=2, budget=2, methods=("random",),
    )  # fmt: skip
    over = Resources(SerialExecutor(), limit=TimeLimit(0))
    assert study.train(tmp_path, over) == 2 * 2 + 2 * (2 + 1)
    assert not list(tmp_path.rglob("found.json"))
    assert study.train(tmp_path, Resources(Pickling())) == 0
    assert len(list(tmp_path.rglob("found.json"))) == 2


def test_searches_are_confirmed_beside_tuned_baselines(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(searches, "FRESH", 2)
    study = Searches(
        name="tiny-search", title="T", claim="every search finds one", source="n", question="q?",
        minutes=1, places=(place(),), searches=1, budget=9,
    )  # fmt: skip
    assert study.train(tmp_path, HERE) == 0
    answer = study.answer(tmp_path)
    (section,) = answer.sections
    assert len(section.differences) == 2
    assert {d.reference.text for d in section.differences} <= {
        "add(zero(x),relu(x))", "add(zero(x),elu(x))",
    }  # fmt: skip
    assert "searches by random" in answer.sentence


def test_large_spaces_are_drawn_without_their_baselines(monkeypatch) -> None:
    names = ["elu(x)", "relu(x)", "abs(x)", "exp(exp(x))", "square(erf(x))"]
    entries = [load_space().resolve(n).entry if n in ("elu(x)", "relu(x)", "abs(x)")
               else None for n in names]  # fmt: skip
    rows = pl.DataFrame({"class": range(5), "expression": names, "entry": entries})
    monkeypatch.setattr(large, "scan_outputs", lambda variant: rows.lazy())
    drawn = candidates.draw("27", 10, 0)
    assert set(drawn[8:]) == {"abs(x)", "exp(exp(x))", "square(erf(x))"}
    assert drawn[8:] != candidates.draw("27", 10, 1)[8:] or len(drawn) == 11


def test_the_overview_has_every_claim(tmp_path: Path) -> None:
    pages = tmp_path / "papers"
    pages.mkdir()
    (pages / "crrelu.md").write_text(
        "# CRReLU\n\n**Refuted** at this scale: it is better (Sun et al. 2024). It is +0.1 worse.\n"
    )
    text = overview.write(tmp_path / "papers.md", pages).read_text()
    assert "| **refuted** | [crrelu](papers/crrelu.md): It is +0.1 worse. |" in text
    short = [name for name in STUDIES if "-full" not in name]
    assert all(f"studies {name} train" in text for name in short if name != "crrelu")
    assert text.count("\n| ") == 1 + 8 + 1 + len(short)


@pytest.mark.parametrize("name", STUDIES)  # as the command finds them
def test_every_study_names_functions_that_are_known(name: str) -> None:
    study = find(name)
    assert study.name == name
    assert study.described()
    if isinstance(study, Comparison):
        for section in study.sections:
            texts = section.trainings.texts
            assert len(section.trainings.rates) >= 3
            assert np.unique(texts).size == len(texts) > 5
