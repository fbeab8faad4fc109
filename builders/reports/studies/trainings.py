"""Train functions at several learning rates, resumably: what all studies share.

Seed 0 chooses the rate of each function; other seeds, the same for every function, then train it at
that rate and had no part in the choice. So every function is tuned with the same effort, and the
differences between functions can be taken seed by seed. What a table has recorded by the same
recipe, rate and seed is not trained again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from act_bench.files.manifest import AbsentDataError
from act_bench.spaces.paper import load_space, recorded_as
from act_bench.tables.catalogued.named import load_named_runs
from act_bench.tables.registry import TABLES
from act_bench.tables.runs import load_runs
from act_bench.tables.schema import RUN_COLUMNS, arrow_schema
from builders.rates import RATE, choose_rates
from regenerate.activations.reading import read_activation
from regenerate.recipes import Recipe
from regenerate.recipes.rates import with_rate
from regenerate.runs import parts
from regenerate.sweeps.executor import Executor
from regenerate.sweeps.sweep import Task, plan, sweep
from regenerate.sweeps.time_limit import TimeLimit

CHOOSING: Final = 0
"""The seed that chooses the rates."""


@dataclass(frozen=True)
class Resources:
    """Where and for how long to train.

    Attributes
    ----------
    executor
        Where the trainings run.
    data_dir
        Folder of the images.
    limit
        Nothing begins that would end later; None trains all.
    """

    executor: Executor
    data_dir: Path | None = None
    limit: TimeLimit | None = None


class Used(NamedTuple):
    """Trainings that a comparison rests on.

    Attributes
    ----------
    runs
        How many.
    recorded
        How many of them a table had already.
    core_s
        Seconds of all.
    """

    runs: int
    recorded: int
    core_s: float

    def __add__(self, other: tuple[Any, ...]) -> Used:
        """Return both together."""
        return Used(*(a + b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True)
class Trainings:
    """Functions to be tuned and compared by one recipe.

    Parameters
    ----------
    recipe
        At its own rate.
    functions
        Names or expressions, as ``regenerate.activations.reading.read_activation`` takes them.
    rates
        Peaks of the learning rate.
    fresh
        Seeds beside the one that chooses: 1 to ``fresh``, or none.
    chosen
        Function, as its runs name it, to its rate, where that is known already; then seed 0 has
        nothing to choose, and is not trained.

    Examples
    --------
    >>> from regenerate.recipes import find
    >>> found = Trainings(find("mlp", "full"), ("gelu", "swish", "silu"), (0.1, 0.2))
    >>> found.texts
    ('gelu(x)', 'add(zero(x),swish(x))')
    """

    recipe: Recipe
    functions: tuple[str, ...]
    rates: tuple[float, ...]
    fresh: int = 3
    chosen: Mapping[str, float] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        """The functions as their runs name them, each once."""
        return tuple(dict.fromkeys(map(text_of, self.functions)))

    def train(self, folder: Path, resources: Resources) -> int:
        """Train what the folder lacks; return how many trainings are left."""
        for rate in self.rates:
            of_rate = [text for text in self.texts if text not in self.chosen]
            self._sweep(folder, rate, plan(_entries(of_rate), [CHOOSING]), resources)
        if self._choices_left(folder) or not self.fresh:  # the rates are not known yet
            return self.left(folder)
        fresh = range(1, self.fresh + 1)
        chosen = self.best_rates(folder)
        for rate in self.rates:
            of_rate = [text for text, best in chosen.items() if best == rate]
            self._sweep(folder, rate, plan(_entries(of_rate), fresh), resources)
        return self.left(folder)

    def _sweep(self, folder: Path, rate: float, tasks: list[Task], resources: Resources) -> None:
        known = self.recorded.filter(pl.col(RATE) == rate).select("expression", "seed").rows()
        tasks = without(tasks, known)
        if tasks and (resources.limit is None or resources.limit.left_s):
            sweep(
                with_rate(self.recipe, rate),
                tasks,
                folder / f"rate-{rate:g}",
                resources.executor,
                data_dir=resources.data_dir,
                functions_per_part=1,
                limit=resources.limit,
            )

    @cached_property
    def recorded(self) -> pl.DataFrame:
        """The runs of these functions that a table has, by this recipe at these rates."""
        none = pl.DataFrame(arrow_schema(RUN_COLUMNS).empty_table())
        table, fidelity = self.recipe.table, self.recipe.fidelity
        if table not in TABLES or fidelity not in TABLES[table].fidelities:
            return none
        found = [none]
        with suppress(AbsentDataError):  # this table has none
            found.append(load_runs(table, fidelity, rate="all"))
        with suppress(AbsentDataError):
            found.append(load_named_runs(table, fidelity))
        own = {with_rate(self.recipe, rate).sha for rate in self.rates}
        return pl.concat(found).filter(
            pl.col("expression").is_in(self.texts), pl.col("recipe_sha").is_in(own)
        )

    def runs(self, folder: Path) -> pl.DataFrame:
        """Return the runs that there are, of these functions, with the columns of runs."""
        tables = [
            part.table
            for rate in self.rates
            for part in parts.read(folder / f"rate-{rate:g}", with_rate(self.recipe, rate))
        ]
        found = pl.concat([*(pl.DataFrame(table) for table in tables), self.recorded])
        return found.filter(pl.col("expression").is_in(self.texts)).unique(
            ["expression", RATE, "seed"], maintain_order=True
        )

    def used(self, folder: Path) -> Used:
        """Return the runs that rates are chosen by and functions compared by."""
        best = self.best_rates(folder)
        rate_of = pl.col("expression").replace_strict(best, return_dtype=pl.Float64)
        chooses = (pl.col("seed") == CHOOSING) & ~pl.col("expression").is_in([*self.chosen])
        compares = pl.col("seed").is_between(1, self.fresh) & (pl.col(RATE) == rate_of)
        runs = self.runs(folder).filter(chooses | compares)
        recorded = runs.join(self.recorded, on=["expression", RATE, "seed"], how="semi")
        return Used(runs.height, recorded.height, float(runs["runtime_s"].sum()))

    def best_rates(self, folder: Path) -> dict[str, float]:
        """Return the rate at which each function does best with seed 0; of equals the nearest."""
        first = self.runs(folder).filter(pl.col("seed") == CHOOSING)
        rows = choose_rates(first, self.recipe.learning_rate, "expression")
        found = dict(rows.select("expression", RATE).rows())
        return {text: self.chosen.get(text, found.get(text, self.rates[0])) for text in self.texts}

    def left(self, folder: Path) -> int:
        """Return how many trainings the folder lacks."""
        if choices := self._choices_left(folder):
            return choices + len(self.texts) * self.fresh
        best = pl.DataFrame(
            list(self.best_rates(folder).items()), {"expression": pl.String, RATE: pl.Float64},
            orient="row",
        )  # fmt: skip
        fresh = self.runs(folder).filter(pl.col("seed").is_between(1, self.fresh))
        return len(self.texts) * self.fresh - fresh.join(best, on=["expression", RATE]).height

    def _choices_left(self, folder: Path) -> int:
        """Return how many trainings with seed 0 the folder lacks."""
        open_texts = [text for text in self.texts if text not in self.chosen]
        first = self.runs(folder).filter(pl.col("seed") == CHOOSING)
        done = first.filter(pl.col("expression").is_in(open_texts)).height
        return len(open_texts) * len(self.rates) - done


def without(tasks: Iterable[Task], known: Iterable[tuple[str, int]]) -> list[Task]:
    """Return tasks without the seeds that are known already.

    Examples
    --------
    >>> tasks = [Task("relu(x)", 20, (0, 1)), Task("golu", None, (0,))]
    >>> without(tasks, [("relu(x)", 0), ("golu", 0)])
    [Task(expression='relu(x)', entry=20, seeds=(1,))]
    """
    there = set(known)
    left = (
        task._replace(seeds=tuple(s for s in task.seeds if (task.expression, s) not in there))
        for task in tasks
    )
    return [task for task in left if task.seeds]


def text_of(function: str) -> str:
    """Return a function as its runs name it: an entry by its first spelling.

    Examples
    --------
    >>> text_of("relu"), text_of("golu")
    ('add(zero(x),relu(x))', 'golu')
    """
    return recorded_as(str(read_activation(function)))


def _entries(texts: list[str]) -> dict[str, int | None]:
    return {text: load_space().entry_of.get(text) for text in texts}
