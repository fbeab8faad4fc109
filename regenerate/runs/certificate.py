"""Certificates: a retrained function compared with its record."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, variance
from typing import Literal

from act_bench.errors import ArgumentError
from act_bench.files.atomic import replacing
from act_bench.tables.registry import Metric
from act_bench.tables.runs import load_runs
from regenerate.recipes import Recipe
from regenerate.runs.environment import same_platform
from regenerate.runs.run import Run, diverges

LARGEST_Z = 3.0
"""Beyond this ``|z|`` a retraining is said to differ: by chance once in 370 for normal noise."""

Verdict = Literal["exact", "agrees", "differs", "undecided", "no record"]


@dataclass(frozen=True)
class Comparison:
    """How retrained runs stand to the recorded runs of the same function and recipe.

    Parameters
    ----------
    verdict
        ``exact``: at least one seed is in both, and each such seed has the same outcome and the
        same losses and accuracies to the last bit. ``agrees``: the outcome is the same, and
        ``|z|`` is at most ``LARGEST_Z``. ``differs``: the outcome or z says otherwise.
        ``undecided``: there are too few finite runs for a z. ``no record``: nothing is recorded.
    z
        Retrained less recorded mean of the table's metric over its standard error
        s sqrt(1/n + 1/m), with the pooled standard deviation s of the n and m finite runs. None
        where there is no s. Seeds in both make the two dependent, so that ``|z|`` is then smaller
        than for fresh seeds.
    difference
        Retrained less recorded mean of the metric, in its unit; None where either has no finite
        run.
    seed_std
        The pooled standard deviation s.
    shared_seeds, identical_seeds
        Seeds that are in both, and those of them whose results are the same to the last bit.
    same_platform
        Whether all runs were made on one platform, see ``regenerate.runs.environment``; None
        without a record.
    """

    verdict: Verdict
    z: float | None = None
    difference: float | None = None
    seed_std: float | None = None
    shared_seeds: tuple[int, ...] = ()
    identical_seeds: tuple[int, ...] = ()
    same_platform: bool | None = None


def results(run: Run) -> tuple[object, ...]:
    """Return what must be the same, bit for bit, when a run is repeated on one platform."""
    return (
        run.outcome,
        run.images_seen,
        run.train_accuracy,
        run.validation_accuracy,
        run.test_accuracy,
        run.train_loss,
        run.validation_loss,
        run.test_loss,
    )


def compare(
    retrained: Sequence[Run], record: Sequence[Run], metric: Metric = "validation_accuracy"
) -> Comparison:
    """Set retrained runs against the recorded ones by a metric; see ``Comparison``.

    Raises
    ------
    ValueError
        If there is no retrained run, or the runs are of different recipes.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> from regenerate.recipes import find
    >>> from regenerate.training.dispatch import train
    >>> runs = train(find("mlp", "full"), parse("relu(x)"), seeds=[0, 1])
    >>> compare(runs[:1], runs).verdict
    'exact'
    """
    if not retrained:
        raise ArgumentError("expected at least one retrained run, got none")
    if not record:
        return Comparison("no record")
    recipes = {run.recipe_sha for run in (*retrained, *record)}
    if len(recipes) > 1:
        raise ArgumentError(f"runs of different recipes cannot be compared: {sorted(recipes)}")
    recorded = {run.seed: run for run in record}
    shared = tuple(run.seed for run in retrained if run.seed in recorded)
    identical = tuple(
        run.seed
        for run in retrained
        if run.seed in recorded and results(run) == results(recorded[run.seed])
    )
    new, old = (_values(runs, metric) for runs in (retrained, record))
    difference = fmean(new) - fmean(old) if new and old else None
    std = _pooled_std(new, old)
    z = None
    if difference is not None and std is not None and std > 0:
        z = difference / (std * sqrt(1 / len(new) + 1 / len(old)))
    return Comparison(
        verdict=_verdict(shared, identical, diverges(retrained) == diverges(record), z, new, old),
        z=z,
        difference=difference,
        seed_std=std,
        shared_seeds=shared,
        identical_seeds=identical,
        same_platform=same_platform(run.versions for run in (*retrained, *record)),
    )


def _values(runs: Sequence[Run], metric: Metric) -> list[float]:
    values = [getattr(run, metric) for run in runs]
    return [value for value in values if value is not None]


def _verdict(
    shared: tuple[int, ...],
    identical: tuple[int, ...],
    same_outcome: bool,
    z: float | None,
    new: Sequence[float],
    old: Sequence[float],
) -> Verdict:
    if shared and shared == identical:
        return "exact"
    if not same_outcome:
        return "differs"
    if z is not None:
        return "agrees" if abs(z) <= LARGEST_Z else "differs"
    if not new and not old:
        return "agrees"  # all diverged, here and there
    return "agrees" if set(new) == set(old) else "undecided"


def _pooled_std(new: Sequence[float], old: Sequence[float]) -> float | None:
    """Return the standard deviation within the two samples, None if neither has two values."""
    samples = [sample for sample in (new, old) if len(sample) > 1]
    if not samples:
        return None
    squares = sum(variance(sample) * (len(sample) - 1) for sample in samples)
    return sqrt(squares / sum(len(sample) - 1 for sample in samples))


def find_record(recipe: Recipe, entry: int) -> list[Run]:
    """Return the embedded runs of an entry that were made by a recipe, in the order of seeds.

    Raises
    ------
    act_bench.files.manifest.DataError
        If the table has no embedded runs.
    """
    runs = load_runs(recipe.table, fidelity=recipe.fidelity, rate="all")
    rows = runs.filter((runs["entry"] == entry) & (runs["recipe_sha"] == recipe.sha)).to_dicts()
    return [Run.from_row(row) for row in sorted(rows, key=lambda row: row["seed"])]


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The evidence of a retraining: recipe, environment, runs, record and comparison.

    Parameters
    ----------
    expression
        What was trained.
    entry
        Its number in the space, None outside it.
    recipe
        By which it was trained.
    retrained, record
        The runs made now and those embedded.
    comparison
        The one against the other.
    """

    expression: str
    entry: int | None
    recipe: Recipe
    retrained: tuple[Run, ...]
    record: tuple[Run, ...]
    comparison: Comparison

    def to_dict(self) -> dict[str, object]:
        """Return the certificate as JSON types.

        The environment, with the fingerprint of the images, stands once for the retrained runs and
        once for each different one in the record.
        """

        def environments(runs: Sequence[Run]) -> list[object]:
            return [json.loads(versions) for versions in dict.fromkeys(r.versions for r in runs)]

        def rows(runs: Sequence[Run]) -> list[dict[str, object]]:
            omitted = {"expression", "entry", "fidelity", "recipe_sha", "versions"}
            as_dicts = [dataclasses.asdict(run) for run in runs]
            return [{k: v for k, v in row.items() if k not in omitted} for row in as_dicts]

        return {
            "certificate": 1,
            "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "expression": self.expression,
            "entry": self.entry,
            "table": self.recipe.table,
            "fidelity": self.recipe.fidelity,
            "recipe": dataclasses.asdict(self.recipe),
            "recipe_sha": self.recipe.sha,
            "comparison": dataclasses.asdict(self.comparison),
            "retrained": rows(self.retrained),
            "retrained_environments": environments(self.retrained),
            "record": rows(self.record),
            "record_environments": environments(self.record),
        }

    def write(self, path: Path) -> None:
        """Write the certificate as a JSON file."""
        with replacing(path) as draft:
            draft.write_text(json.dumps(self.to_dict(), indent=2) + "\n")
