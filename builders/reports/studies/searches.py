"""AQuaSurF beyond the tables: function and learning rate searched together, by real training.

Every search has its own random draw of the space. AQuaSurF chooses from a pool of it, whose spectra
are charged as they enter; random search takes its functions as they come. Both are charged for
every training at every rate; what a table has recorded by the same recipe, rate and seed is charged
and not trained again. A search is one worker's. What is found is trained again with fresh seeds,
beside baselines that were tuned at the same rates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from act_bench.errors import ArgumentError
from act_bench.files.documents import read_object
from act_bench.functions.operators import BASELINES
from act_bench.search.events import Result
from act_bench.spaces.paper import load_space
from act_bench.tables.registry import TABLES
from builders.rates import RATE
from builders.reports.studies.candidates import DrawnSpace, Source, draw
from builders.reports.studies.comparing import (
    Difference,
    best_of,
    difference,
    standings,
    verdict,
)
from builders.reports.studies.record import (
    Answer,
    Compared,
    Study,
    correct_together,
    interval,
    write_once,
)
from builders.reports.studies.trainings import CHOOSING, Resources, Trainings, Used, text_of
from builders.reports.studies.transfer import POSTER, RATES
from regenerate.fisher.networks import Setting, setting
from regenerate.recipes import Recipe, find
from regenerate.recipes.rates import with_rate
from regenerate.runs.run import Run
from regenerate.runs.store import RunStore
from regenerate.sweeps.time_limit import TimeLimit
from regenerate.training.trainers import RecipeTrainer, summarize, train_into
from surrogates.optimizers import find_optimizer

METHODS: Final = {
    "aquasurf": "aquasurf-rates:spectra=pool:pool={pool}",
    "random": "random-rates",
}
FRESH: Final = 5
FOUND: Final = "found.json"


def _table_setting(recipe: Recipe, device: str, data_dir: Path | None) -> Setting:
    return setting(recipe.table, device=device, data_dir=data_dir)


@dataclass(frozen=True)
class Place:
    """A network to search in.

    Parameters
    ----------
    recipe
        At its own rate.
    rates
        That may be asked for.
    space
        To draw from.
    baselines
        To compare with.
    setting
        Makes the network and batch of the spectra: recipe, device, folder of the images.
    drawn, pool
        How many functions a search draws, and how many of them its pool offers.
    """

    recipe: Recipe
    rates: tuple[float, ...]
    space: Source = "27"
    baselines: tuple[str, ...] = BASELINES
    setting: Callable[[Recipe, str, Path | None], Setting] = _table_setting
    drawn: int = 160
    pool: int = 24

    @property
    def name(self) -> str:
        """Of its folder and section."""
        return f"{self.recipe.table}-{self.recipe.fidelity}"

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return TABLES[self.recipe.table].chance if self.recipe.table in TABLES else 0.1

    def tuned(self) -> Trainings:
        """Return the trainings of the baselines."""
        return Trainings(self.recipe, self.baselines, self.rates, FRESH)

    def confirmed(self, text: str, rate: float) -> Trainings:
        """Return the trainings of what a search found."""
        return Trainings(with_rate(self.recipe, rate), (text,), (rate,), FRESH)


@dataclass(frozen=True, kw_only=True)
class Searches(Study):
    """A study of searches.

    Parameters
    ----------
    places
        The networks.
    methods
        Keys of :data:`METHODS`.
    searches
        Of each method in each network.
    budget
        Trainings of a search, all rates counted.
    """

    places: tuple[Place, ...]
    methods: tuple[str, ...] = ("aquasurf", "random")
    searches: int = 3
    budget: int = 60

    def described(self) -> str:
        """Return the setting, in sentences."""
        return (
            f"{self.searches} searches of {self.budget} trainings with each of "
            f"{' and '.join(self.methods)}, over function and learning rate; each has a draw of "
            f"{self.places[0].drawn} functions of the large space beside the eight baselines, and "
            f"AQuaSurF a pool of {self.places[0].pool} of them, whose Fisher spectra are charged "
            f"as they enter. The best function of each search, at its rate, is trained with "
            f"{FRESH} fresh seeds, and compared with the baseline that is best by its own."
        )

    def train(self, folder: Path, resources: Resources) -> int:
        """Search, then train what was found and the baselines; return how many are left."""
        left = 0
        for place in self.places:  # a large space that is not built must cost nothing
            draw(place.space, 1, 0)
        for place in self.places:
            own = folder / place.name
            left += place.tuned().train(own / "baselines", resources)
            searching = partial(_search_into, place, self.budget, own, resources.data_dir)
            for _ in resources.executor.run(searching, self._begun(own, resources.limit)):
                pass  # what a search finds is in its file
            for method, number in self._each():
                done = own / f"{method}-{number}" / FOUND
                if not done.exists():
                    left += self.budget
                    continue
                found: dict[str, Any] = read_object(done)
                trainings = place.confirmed(found["expression"], found["rate"])
                left += trainings.train(own / "found" / f"{method}-{number}", resources)
        return left

    def _each(self) -> list[tuple[str, int]]:
        return [(method, number) for number in range(self.searches) for method in self.methods]

    def _begun(self, own: Path, limit: TimeLimit | None) -> Iterator[tuple[str, int]]:
        """Yield the searches that are not done, while there is time to begin one."""
        for method, number in self._each():
            if limit is not None and not limit.left_s:
                return
            if not (own / f"{method}-{number}" / FOUND).exists():
                yield method, number

    def answer(self, folder: Path) -> Answer:
        """Return the answer; a ValueError where trainings are missing."""
        compared, sentences, judged = [], [], []
        for place in self.places:
            own = folder / place.name
            found = standings(place.tuned(), own / "baselines", place.chance)
            used = place.tuned().used(own / "baselines")
            best = best_of(found, list(found))
            differences: list[Difference] = []
            for method, number in self._each():
                done = own / f"{method}-{number}" / FOUND
                if not done.exists():
                    raise ArgumentError(f"{done} is missing: run the study's train first")
                search_found: dict[str, Any] = read_object(done)
                text, rate = search_found["expression"], search_found["rate"]
                trainings = place.confirmed(text, rate)
                where = own / "found" / f"{method}-{number}"
                (standing,) = standings(trainings, where, place.chance).values()
                name = f"{text} ({method} {number})"
                found[name] = replace(standing, text=name)
                differences.append(difference(found[name], best))
                used += trainings.used(where)
                used += Used(self.budget, search_found["recorded"], search_found["clock_s"])
            compared.append(Compared(place.name, found, differences, used))
        compared = correct_together(compared)
        for each in compared:
            by_method = {
                method: [d for d in each.differences if f"({method} " in d.candidate.text]
                for method in self.methods
            }
            judged += [[d] for d in by_method["aquasurf"]]  # every search, says the poster
            said = [
                f"{sum(d.better for d in own)} of {len(own)} searches by {method} found a function "
                f"that is significantly better, {sum(d.worse for d in own)} one that is worse "
                f"({', '.join(interval(d.estimate) for d in own)})"
                for method, own in by_method.items()
            ]
            sentences.append(
                f"On `{each.name}`, less the best tuned baseline "
                f"`{each.differences[0].reference.text}`: {'; '.join(said)}."
            )
        return Answer(verdict(judged), " ".join(sentences), compared)


def _search_into(
    place: Place, budget: int, own: Path, data_dir: Path | None, which: tuple[str, int]
) -> None:
    method, number = which
    folder = own / f"{method}-{number}"
    write_once(folder / FOUND, lambda: search(place, method, number, budget, folder, data_dir))


def search(
    place: Place, method: str, number: int, budget: int, folder: Path, data_dir: Path | None
) -> dict[str, Any]:
    """Search by real training; what was trained lies in the folder, so a restart goes on.

    Returns
    -------
    dict
        ``expression`` and ``rate`` of the best by validation, ``score``, ``clock_s``, how many of
        the trainings a table had (``recorded``), and ``evaluated``: a list of expression, rate,
        score and clock.
    """
    recipe = place.recipe
    texts = draw(place.space, place.drawn, number)
    space = DrawnSpace(
        texts,
        place.rates,
        recipe.learning_rate,
        lambda: place.setting(recipe, "cpu", data_dir),
        folder,
    )
    pool = place.pool * len(place.rates)
    optimizer = find_optimizer(METHODS[method].format(pool=pool))(space, number)
    trainers = {
        rate: RecipeTrainer(with_rate(recipe, rate), "auto", data_dir) for rate in place.rates
    }
    stores = {
        rate: RunStore(
            folder / f"rate-{rate:g}",
            {**trainer.identity, "method": METHODS[method].format(pool=pool), "number": number,
             "space": place.space, "drawn": place.drawn},
        )
        for rate, trainer in trainers.items()
    }  # fmt: skip
    tables = Trainings(recipe, tuple(texts), place.rates, 0).recorded
    first = tables.filter(pl.col("seed") == CHOOSING)
    known = {(row["expression"], row[RATE]): Run.from_row(row) for row in first.to_dicts()}
    clock_s, recorded = 0.0, 0
    evaluated: list[dict[str, Any]] = []
    best: dict[str, Any] = {"score": float("-inf")}
    for _ in range(budget):
        asked, charges = space.meter.metered(optimizer.ask)
        text = asked if isinstance(asked, str) else asked.expression
        rate = recipe.learning_rate if isinstance(asked, str) else float(str(asked.rate))
        store, key = stores[rate], (text_of(text), rate)
        runs = [known[key]] if key in known else []
        recorded += len(runs)
        if not runs and (missing := store.missing(text, [CHOOSING])):
            entry = load_space().entry_of.get(text)
            store.note(train_into(store.parts_folder, trainers[rate], text, entry, missing))
        summary = summarize(runs or store.runs(text, [CHOOSING]))
        accuracy = summary.validation_accuracy
        score = place.chance if accuracy is None else accuracy
        clock_s += summary.cost_s + sum(charges.values())
        position = space.find(text)
        optimizer.tell(
            Result(
                outcome=summary.outcome,
                validation_accuracy=accuracy,
                cost_s=summary.cost_s,
                entry=int(str(position)),
                how_resolved="exact",
                score=score,
                repeated=False,
                learning_rate=rate,
            )
        )
        evaluated.append({"expression": text, "rate": rate, "score": score, "clock_s": clock_s})
        if accuracy is not None and score > best["score"]:
            best = evaluated[-1]
    if "expression" not in best:
        raise ArgumentError(f"{folder}: all {budget} trainings diverged")
    return {**best, "clock_s": clock_s, "recorded": recorded, "evaluated": evaluated}


def aquasurf() -> Searches:
    """Return the study of three searches of 60 trainings on each of ``cnn`` and ``vit``."""
    return Searches(
        name="aquasurf",
        title="AQuaSurF beyond the tables",
        claim="every search by AQuaSurF finds a function that outperforms all baselines",
        source=f"{POSTER}, Figure 9 and Table 1",
        question="Does AQuaSurF, which searches function and learning rate together, find a "
        "function that beats every tuned baseline? And does random search?",
        minutes=250,
        places=tuple(Place(find(table, "proxy"), RATES[table]) for table in ("cnn", "vit")),
    )
