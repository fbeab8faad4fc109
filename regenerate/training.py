"""Train an expression by a recipe: finds the trainer of the recipe's network."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path

from act_bench.expression import Expression
from regenerate.recipes import Recipe
from regenerate.run import Run

# Network -> module with a function ``train`` of the signature of ``train`` below.
TRAINERS = {
    "mlp": "regenerate.training_stacked",
    "all_cnn_c": "regenerate.training_images",
}

Progress = Callable[[float], None]
"""Told the share of the training that is done, from 0 to 1."""


def train(
    recipe: Recipe,
    expression: Expression,
    seeds: Sequence[int],
    *,
    device: str = "cpu",
    data_dir: Path | None = None,
    progress: Progress | None = None,
) -> list[Run]:
    """Train one function with several seeds and return a run for each seed, in order.

    Parameters
    ----------
    recipe
        What to train, on which images, and how.
    expression
        The activation function, in or outside the space.
    seeds
        Different seeds, each at least 0.
    device
        ``"cpu"``, or a torch device such as ``"cuda"`` where the network's trainer takes one.
    data_dir
        Folder of the data set, see ``regenerate.data.load``.
    progress
        Called now and then with the share done.

    Raises
    ------
    ValueError
        If the recipe names an unknown network, or the seeds repeat or are negative.
    """
    if recipe.network not in TRAINERS:
        known = ", ".join(TRAINERS)
        raise ValueError(f"recipe names network {recipe.network!r}; the networks are {known}")
    if len(set(seeds)) != len(seeds) or any(seed < 0 for seed in seeds):
        raise ValueError(f"seeds must be different and at least 0, got {list(seeds)}")
    if not seeds:
        return []
    trainer = importlib.import_module(TRAINERS[recipe.network])
    runs: list[Run] = trainer.train(
        recipe, expression, seeds, device=device, data_dir=data_dir, progress=progress
    )
    return runs
