"""A whole GRAFS search: relax, discretize, train again from scratch; resumable at any moment."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from act_bench.arguments import whole_number
from act_bench.files.atomic import replacing
from act_bench.functions.expression import Expression
from act_bench.spaces.paper import NotInSpaceError, load_space
from act_bench.tables.registry import TABLES, Metric
from regenerate.grafs.relaxed import Stage, search_relaxed
from regenerate.grafs.settings import DEFAULT, SETTINGS, Settings
from regenerate.recipes import Recipe, find
from regenerate.runs.run import Run
from regenerate.runs.store import RunStore
from regenerate.training.dispatch import choose_device
from regenerate.training.trainers import RecipeTrainer, Summary, summarize, train_into

CHECKPOINT: Final = "grafs.pt"
RESULT: Final = "result.json"
RETRAININGS: Final = 3
"""Seeds with which the found function is trained, where the table's record has no number."""

Progress = Callable[[str, float], None]
"""Told what is being done, ``search`` or ``retrain``, and the share of it that is done."""


@dataclass(frozen=True)
class GrafsResult:
    """What a GRAFS search found, trained again from scratch as the expression that is printed.

    Attributes
    ----------
    table, fidelity, seed
        Of the search.
    expression
        The function, in the notation of :func:`act_bench.parse`.
    entry
        Its number in the space; None outside it. An entry is spelled as in the record.
    runs
        Its trainings by the recipe, one per seed, from 0; the weights of the search have no part in
        them.
    search_s, retraining_s
        Seconds of the search and of all trainings of the function, on the clock of
        ``regenerate.runs.clock``.
    history
        The stages of the search.

    Examples
    --------
    >>> result = GrafsResult("mlp", "full", 0, "tanh(x)", 7, (), 1.0, 0.0, ())
    >>> result.values, result.metric
    ((), 'validation_accuracy')
    """

    table: str
    fidelity: str
    seed: int
    expression: str
    entry: int | None
    runs: tuple[Run, ...]
    search_s: float
    retraining_s: float
    history: tuple[Stage, ...]

    @property
    def metric(self) -> Metric:
        """The metric of the table."""
        return TABLES[self.table].metric

    @property
    def values(self) -> tuple[float | None, ...]:
        """The metric of each run in validation; None where it diverged.

        Neither the search nor the choice of the function saw these images, so nothing is to be
        discounted from it for having been chosen by it.
        """
        return tuple(getattr(run, self.metric) for run in self.runs)

    @property
    def median(self) -> float | None:
        """The metric over the runs in validation, as in a table; None where it diverged."""
        by_accuracy = self.metric == "validation_accuracy"
        return self.summary.validation_accuracy if by_accuracy else self.summary.validation_loss

    @property
    def test(self) -> float | None:
        """The median over the runs in test, by the same metric; None where it diverged."""
        by_accuracy = self.metric == "validation_accuracy"
        return self.summary.test_accuracy if by_accuracy else self.summary.test_loss

    @property
    def summary(self) -> Summary:
        """The runs as one entry of a table: outcome and medians."""
        return summarize(self.runs)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON types, without the test metrics."""
        return {
            "method": "grafs",
            "table": self.table,
            "fidelity": self.fidelity,
            "seed": self.seed,
            "expression": self.expression,
            "entry": self.entry,
            "outcome": self.summary.outcome if self.runs else None,
            self.metric: self.median,
            "values": list(self.values),
            "seeds": [run.seed for run in self.runs],
            "search_s": self.search_s,
            "retraining_s": self.retraining_s,
            "history": [stage._asdict() for stage in self.history],
        }


def search(
    table: str,
    fidelity: str,
    *,
    seed: int,
    out: Path,
    data_dir: Path | None = None,
    progress: Progress | None = None,
    device: str = "auto",
    retrainings: int | None = None,
    settings: Settings | None = None,
    recipe: Recipe | None = None,
) -> GrafsResult:
    """Search an activation function for a recipe by gradient descent, and train it again.

    The relaxed search sees training images only. What it ends with, one operator a slot, is
    trained from scratch by the recipe, as any function is by ``act-bench regenerate``; its metrics
    are that training's and nothing else's.

    Parameters
    ----------
    table, fidelity
        Say the recipe.
    seed
        Of the search: first weights and alphas, samples, orders of images, the split. At least 0.
    out
        The search's folder, made if need be. A search that was interrupted there resumes.
    data_dir
        Folder of the data set, see ``regenerate.data.load``.
    progress
        Called often, with ``"search"`` or ``"retrain"`` and the share done of it.
    device
        As for ``regenerate.training.dispatch.train``.
    retrainings
        With how many seeds, from 0, the function is trained. None: as many as the table's record
        has, or 3.
    settings
        Those of the table if not given.
    recipe
        In place of the table's own.

    Raises
    ------
    regenerate.recipes.UnknownRecipeError
        If there is no such recipe.
    regenerate.runs.store.SearchFolderError
        If the folder holds another search, or cannot be written to.
    regenerate.grafs.relaxed.SearchFailedError
        If the losses of the search were not finite.
    """
    seed = whole_number(seed, "seed", least=0)
    if retrainings is not None:
        retrainings = whole_number(retrainings, "retrainings", least=0)
    recipe = recipe or find(table, fidelity)
    settings = settings or SETTINGS.get(table, DEFAULT)
    if retrainings is None:
        retrainings = TABLES[table].seeds.get(fidelity, RETRAININGS)
    told = progress or (lambda _what, _share: None)
    trainer = RecipeTrainer(recipe, device, data_dir)
    store = RunStore(
        out,
        {
            "method": "grafs",
            "seed": seed,
            "settings": dataclasses.asdict(settings),
            **trainer.identity,
        },
    )
    try:
        found = search_relaxed(
            recipe,
            settings,
            seed,
            out / CHECKPOINT,
            device=choose_device(recipe.network, device),
            data_dir=data_dir,
            progress=lambda share: told("search", share),
        )
    except BaseException:
        store.withdraw()
        raise
    expression, entry = resolved(found.expression)
    seeds = range(retrainings)
    if missing := store.missing(expression, seeds):
        runs = train_into(
            store.parts_folder,
            trainer,
            expression,
            entry,
            missing,
            lambda share: told("retrain", share),
        )
        store.note(runs)
    trained = store.runs(expression, seeds)
    result = GrafsResult(
        table=table,
        fidelity=fidelity,
        seed=seed,
        expression=expression,
        entry=entry,
        runs=tuple(trained),
        search_s=found.cost_s,
        retraining_s=sum(run.runtime_s for run in trained),
        history=found.history,
    )
    with replacing(out / RESULT) as draft:
        draft.write_text(json.dumps(result.to_dict(), indent=2) + "\n")
    return result


def resolved(expression: Expression) -> tuple[str, int | None]:
    """Return the spelling to train and print, and the entry: the record's own where there is one.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> resolved(parse("add(tanh(x),0)"))
    ('add(zero(x),tanh(x))', 12)
    >>> resolved(parse("add(tanh(x),0.5)"))
    ('add(tanh(x),0.5)', None)
    """
    space = load_space()
    try:
        entry = space.resolve(expression).entry
    except NotInSpaceError:
        return str(expression), None
    return space.representatives[entry], entry
