"""Other learning rates than the recipe's own, and the runs that no learning rate can change."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping

from act_bench.errors import ActBenchError, ExitCode
from regenerate.recipes import Recipe


class RateError(ActBenchError, ValueError):
    """A learning rate with which nothing can be trained."""

    exit_code = ExitCode.USAGE


def with_rate(recipe: Recipe, rate: float | None) -> Recipe:
    """Return the recipe with another peak of the learning rate; None leaves it as it is.

    Everything else stays, the fidelity's name too. So the hash of the recipe tells the rate.

    Raises
    ------
    RateError
        If the rate is not a positive number.

    Examples
    --------
    >>> from regenerate.recipes import find
    >>> with_rate(find("cnn", "proxy"), 0.1).learning_rate
    0.1
    >>> with_rate(find("cnn", "proxy"), 0.05).sha == find("cnn", "proxy").sha
    True
    """
    if rate is None:
        return recipe
    if not 0 < rate < math.inf:
        raise RateError(f"expected a learning rate above 0, got {rate}")
    return dataclasses.replace(recipe, learning_rate=float(rate))


def steps_without_rate(recipe: Recipe) -> int:
    """Return how many losses of a training the learning rate has no part in.

    The first loss is that of the initial weights. Where the warm-up begins at 0, the first update
    leaves them as they are, and so the second loss has no part of it either.

    Examples
    --------
    >>> from regenerate.recipes import find
    >>> steps_without_rate(find("cnn", "proxy")), steps_without_rate(find("mlp", "full"))
    (2, 1)
    """
    from_zero = recipe.warmup_epochs > 0 and recipe.initial_learning_rate == 0
    return 2 if from_zero else 1


def same_at_every_rate(recipe: Recipe, outcome: str, images_seen: int) -> bool:
    """Return whether a run would be the same, to the last bit, at every learning rate.

    That is a run that diverged before the learning rate had any part in it.

    Parameters
    ----------
    recipe
        By which it was trained, at whatever rate.
    outcome, images_seen
        Of the run.

    Examples
    --------
    >>> from regenerate.recipes import find
    >>> same_at_every_rate(find("cnn", "proxy"), "diverged", 128)
    True
    """
    return outcome == "diverged" and images_seen <= steps_without_rate(recipe) * recipe.batch_size


def fixed_runs(recipe: Recipe, runs: Iterable[Mapping[str, object]]) -> set[tuple[int, int]]:
    """Return the runs that are the same at every learning rate, as entry and seed.

    Parameters
    ----------
    recipe
        Of the runs, at whatever rate.
    runs
        Rows with ``entry``, ``seed``, ``outcome`` and ``images_seen``.

    Examples
    --------
    >>> from regenerate.recipes import find
    >>> row = {"entry": 7, "seed": 0, "outcome": "diverged", "images_seen": 64}
    >>> fixed_runs(find("cnn", "proxy"), [row, row | {"entry": 8, "outcome": "ok"}])
    {(7, 0)}
    """
    return {
        (int(str(row["entry"])), int(str(row["seed"])))
        for row in runs
        if same_at_every_rate(recipe, str(row["outcome"]), int(str(row["images_seen"])))
    }
