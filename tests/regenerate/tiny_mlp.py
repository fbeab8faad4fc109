"""A training of a fraction of a second, for tests of what is around trainings."""

from __future__ import annotations

from typing import Final

from regenerate.recipes import Recipe

TINY: Final = Recipe(
    table="mlp",
    fidelity="tiny",
    network="mlp",
    dataset="digits",
    widths=(16, 16),
    train_images=100,
    epochs=1,
    batch_size=50,
    optimizer="sgd",
    learning_rate=0.1,
    dtype="float64",
)
