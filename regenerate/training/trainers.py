"""What a live search trains with: a recipe of a table, or anything of the same few methods."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from act_bench.tables.aggregation import median
from act_bench.tables.registry import Metric
from regenerate.activations.reading import read_activation
from regenerate.data.fingerprints import fingerprint
from regenerate.recipes import Recipe
from regenerate.runs.run import Outcome, Run, diverges
from regenerate.runs.store import write_runs
from regenerate.training.dispatch import train, trainer_of

Progress = Callable[[float], None]
"""Told the share of the training that is done, from 0 to 1."""


class Trainer(Protocol):
    """Trains one function with some seeds; picklable where there are several workers."""

    @property
    def identity(self) -> Mapping[str, object]:
        """All that a run depends on besides the function and the seed, as values of JSON."""
        ...

    @property
    def stacked(self) -> bool:
        """Whether all seeds train at once; if not, each is stored as it ends."""
        ...

    def __call__(
        self, expression: str, seeds: Sequence[int], progress: Progress | None = None
    ) -> list[Run]:
        """Return a run for each seed, in order."""
        ...


@dataclass(frozen=True)
class RecipeTrainer:
    """Trains by a recipe, as ``act-bench regenerate`` does.

    Parameters
    ----------
    recipe
        Of a table, see ``regenerate.recipes.find``.
    device, data_dir
        As for ``regenerate.training.dispatch.train``.
    """

    recipe: Recipe
    device: str = "auto"
    data_dir: Path | None = None

    @property
    def identity(self) -> Mapping[str, object]:
        """The recipe, and the fingerprint of its images or text."""
        recipe = self.recipe
        known = fingerprint(recipe.dataset, self.data_dir, image_size=recipe.image_size)
        return {"recipe": json.loads(self.recipe.canonical_json()), "data": known}

    @property
    def stacked(self) -> bool:
        """Whether the recipe's network trains its seeds in one stack."""
        return trainer_of(self.recipe.network).stacked

    def __call__(
        self, expression: str, seeds: Sequence[int], progress: Progress | None = None
    ) -> list[Run]:
        """Return a run for each seed, in order."""
        return train(
            self.recipe,
            read_activation(expression),
            seeds,
            device=self.device,
            data_dir=self.data_dir,
            progress=progress,
        )


def train_into(
    folder: Path,
    trainer: Trainer,
    expression: str,
    entry: int | None,
    seeds: Sequence[int],
    progress: Progress | None = None,
) -> list[Run]:
    """Train a function and write each training into the folder as it ends."""
    runs: list[Run] = []
    groups = [list(seeds)] if trainer.stacked else [[seed] for seed in seeds]
    for number, group in enumerate(groups):

        def report(share: float, done: int = number) -> None:
            if progress is not None:
                progress((done + share) / len(groups))

        trained = trainer(expression, group, report)
        trained = [dataclasses.replace(run, entry=entry) for run in trained]
        runs += write_runs(folder, trained)
    return runs


class Summary(NamedTuple):
    """What the runs of one function amount to, by ``act_bench.tables.aggregation``.

    Attributes
    ----------
    outcome
        ``diverged`` when at least half of the runs diverged, else ``ok``.
    validation_accuracy, test_accuracy, test_loss
        Medians in which a diverged run ranks below every finite one; None unless ``ok``. Test is
        None too where there is none, and a loss where the network has none.
    cost_s
        Seconds of all runs.
    validation_loss
        As the others.
    """

    outcome: Outcome
    validation_accuracy: float | None
    test_accuracy: float | None
    test_loss: float | None
    cost_s: float
    validation_loss: float | None = None

    def score(self, metric: Metric, worst: float) -> float:
        """Return what a maximizer may use: the metric, a loss negated; the worst if diverged."""
        if metric == "validation_accuracy":
            return worst if self.validation_accuracy is None else self.validation_accuracy
        return worst if self.validation_loss is None else -self.validation_loss


def summarize(runs: Sequence[Run]) -> Summary:
    """Return what some runs of one function amount to.

    Examples
    --------
    >>> from regenerate.recipes import find
    >>> trainer = RecipeTrainer(dataclasses.replace(find("mlp", "full"), epochs=1))
    >>> summarize(trainer("relu(x)", [0, 1])).outcome
    'ok'
    """
    cost_s = sum(run.runtime_s for run in runs)
    if diverges(runs):
        return Summary("diverged", None, None, None, cost_s)
    accuracy = median([run.validation_accuracy for run in runs])
    # Not every network has test data, or losses: then a run that is ok lacks the metric.
    test, loss, validation_loss = (
        _median(runs, name) for name in ("test_accuracy", "test_loss", "validation_loss")
    )
    return Summary("ok", accuracy, test, None if test is None else loss, cost_s, validation_loss)


def _median(runs: Sequence[Run], name: str) -> float | None:
    """Return the median of a metric; None where a run that is ok lacks it."""
    values = [getattr(run, name) for run in runs]
    if any(run.outcome == "ok" and value is None for run, value in zip(runs, values, strict=True)):
        return None
    return median(values, lower_is_better=name.endswith("loss"))
