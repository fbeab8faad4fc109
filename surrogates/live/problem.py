"""What a live search is about: a space, a trainer, and what a result is measured against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from act_bench.arguments import whole_seeds
from act_bench.errors import ArgumentError
from act_bench.spaces.paper import load_space
from act_bench.tables.registry import Metric, choose_fidelity, table_info
from act_bench.tables.schema import one_of
from regenerate.recipes import Recipe, find
from regenerate.training.trainers import RecipeTrainer, Trainer
from surrogates.live.benchmark import LiveData
from surrogates.live.confirm import FRESH, Candidate
from surrogates.live.spaces import SPACES, open_space

BEST_OF_TABLE = "best of the table"


@dataclass(frozen=True)
class Problem:
    """Everything that a search needs to know but how to choose.

    Parameters
    ----------
    table, fidelity
        What stands in traces and runs: a table and its fidelity, or names of a user's own.
    chance
        Score of what diverged: that of guessing.
    trainer
        Trains a function.
    seeds
        What each function is trained with, below 1000: later ones are for confirmations.
    space
        Name of the space, one of ``surrogates.live.spaces.SPACES``.
    reference
        What a result is compared with; None for nothing.
    prepare
        Called once with the search's folder before anything else, to compute features into it that
        lie nowhere yet. Default: there is nothing to prepare.
    metric
        What is searched by. A score is the metric, a loss negated.

    Raises
    ------
    act_bench.errors.ArgumentError
        A seed is one of those that confirmations are to have for themselves; a ValueError.
    """

    table: str
    fidelity: str
    chance: float
    trainer: Trainer
    seeds: tuple[int, ...]
    space: str
    reference: Candidate | None
    prepare: Callable[[Path], None] | None = None
    metric: Metric = "validation_accuracy"

    def __post_init__(self) -> None:
        """Check that confirmations have seeds that no search chooses by."""
        if max(self.seeds) >= FRESH:
            raise ArgumentError(
                f"expected seeds below {FRESH}, since the best are trained again with those from "
                f"{FRESH} on, got {max(self.seeds)}"
            )

    @property
    def identity(self) -> Mapping[str, object]:
        """All that the answers depend on, as values of JSON."""
        return {
            "table": self.table,
            "fidelity": self.fidelity,
            "chance": self.chance,
            "seeds": list(self.seeds),
            "space": self.space,
            # Left out where it is what it was when there was no choice.
            **({} if self.metric == "validation_accuracy" else {"metric": self.metric}),
            **self.trainer.identity,
        }

    def data(self) -> LiveData:
        """Return data in which nothing is trained yet."""
        space = open_space(self.space)
        return LiveData(self.table, self.fidelity, self.chance, space, metric=self.metric)

    def value(self, score: float) -> float:
        """Return a score in the unit of the metric."""
        return score if self.metric == "validation_accuracy" else -score


def table_problem(
    table: str,
    fidelity: str | None = None,
    *,
    seeds: Sequence[int] | None = None,
    space: str = "paper",
    recipe: Recipe | None = None,
    device: str = "auto",
    data_dir: Path | None = None,
) -> Problem:
    """Return the search for the best function of a table's network.

    Parameters
    ----------
    table
        ``mlp``, ``cnn``, ...
    fidelity
        A named recipe of the table; its default if not given.
    seeds
        What each function is trained with; as many as in the published table if not given.
    space
        ``paper``, the 2,913 functions; ``large``, those of ``act-bench space``; or ``swish``, those
        of the Swish paper, whose beta is learned with the weights.
    recipe
        Another recipe in place of the fidelity's.
    device, data_dir
        As for ``regenerate.training.dispatch.train``.

    Raises
    ------
    act_bench.tables.schema.UnknownNameError
        Unknown table, fidelity or space; a ValueError.

    Examples
    --------
    >>> problem = table_problem("mlp")
    >>> len(problem.seeds), problem.reference.role
    (10, 'best of the table')
    """
    fidelity, info = choose_fidelity(table, fidelity), table_info(table)
    recipe = recipe or find(table, fidelity)
    return Problem(
        table=table,
        fidelity=fidelity,
        chance=info.worst_score,
        trainer=RecipeTrainer(recipe, device, data_dir),
        seeds=whole_seeds(range(info.seeds.get(fidelity, 1)) if seeds is None else seeds),
        space=one_of("space", space, SPACES),
        reference=best_of_table(table, fidelity) or relu(),
        metric=info.metric,
    )


def best_of_table(table: str, fidelity: str) -> Candidate | None:
    """Return the entry of the highest score; None where none is embedded.

    Raises
    ------
    act_bench.files.manifest.DataError
        The table's file is damaged.

    Examples
    --------
    >>> best_of_table("mlp", "full").role
    'best of the table'
    """
    from act_bench.files.manifest import AbsentDataError
    from act_bench.search.loading import load_data

    try:
        data = load_data(table, fidelity)
    except AbsentDataError:
        return None
    trained = [entry for entry in data.covered if data.outcome[entry] == "ok"]
    if not trained:
        return None
    scores = {entry: score for entry in trained if (score := data.score(entry)) is not None}
    best = max(scores, key=scores.__getitem__)
    return Candidate(data.space.representatives[best], best, BEST_OF_TABLE, None)


def relu() -> Candidate:
    """Return ReLU as a reference, for networks that have no table."""
    space = load_space()
    entry = space.resolve("relu(x)").entry
    return Candidate(space.representatives[entry], entry, "ReLU", None)
