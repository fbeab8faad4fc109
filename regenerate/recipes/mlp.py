"""The recipe of Act-Bench-MLP; why these settings is told in docs/studies/mlp.md."""

from __future__ import annotations

from regenerate.recipes.recipe import Recipe

FULL = Recipe(
    table="mlp",
    fidelity="full",
    network="mlp",
    dataset="digits",
    widths=(64, 64),
    initialization="lecun",
    epochs=8,
    batch_size=50,
    optimizer="sgd",
    learning_rate=0.2,
    schedule="linear",
    dtype="float64",
)

RECIPES = (FULL,)
