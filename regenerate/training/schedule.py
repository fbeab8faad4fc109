"""The learning rate over time, by a recipe's warm-up and schedule."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

from regenerate.recipes import Recipe


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """Return the learning rate at a time in epochs, by the recipe's warm-up and schedule.

    Examples
    --------
    >>> from regenerate.recipes import find
    >>> learning_rate(find("mlp", "full"), 0.0) > 0
    True
    """
    if epoch < recipe.warmup_epochs:
        start = recipe.initial_learning_rate
        return start + (recipe.learning_rate - start) * epoch / recipe.warmup_epochs
    falling = recipe.epochs - recipe.warmup_epochs - recipe.cooldown_epochs
    done = min(1.0, (epoch - recipe.warmup_epochs) / falling)
    factors: dict[str, Callable[[], float]] = {
        "constant": lambda: 1.0,
        "linear": lambda: 1.0 - done,
        "cosine": lambda: 0.5 * (1.0 + cos(pi * done)),
        "steps": lambda: 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01,
    }
    end = recipe.final_learning_rate
    return end + (recipe.learning_rate - end) * factors[recipe.schedule]()
