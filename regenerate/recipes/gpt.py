"""The recipes of Act-Bench-GPT: candidates, until ``builders/reports/gpt_calibration.py`` decides.

Not among ``regenerate.recipes.RECIPES`` before their table is registered.
"""

from __future__ import annotations

import dataclasses

from regenerate.recipes.recipe import Recipe

PROXY = Recipe(
    table="gpt",
    fidelity="proxy",
    network="gpt",
    dataset="sotu",
    epochs=1,
    batch_size=32,
    sequence_length=64,
    train_tokens=614_400,
    evaluation_tokens=65_536,
    previous_tokens=3,
    widths=(96, 96),
    optimizer="muon",
    learning_rate=0.02,
    momentum=0.95,
    nesterov=True,
    second_moment_decay=0.99,
    adamw_factor=0.2,
    schedule="cosine",
    warmup_epochs=0.1,
    clip_norm=1.0,
    initialization="data_dependent",
    dtype="bfloat16",
    activation="tabulated",
)
"""Two layers of 96 channels, 300 steps of 2,048 characters.

With Muon two seeds differ by a third of what they do with AdamW at the same spread of functions.
"""

LONG = dataclasses.replace(
    PROXY,
    fidelity="long",
    train_tokens=6_144_000,
    warmup_epochs=0.02,
    evaluations_per_epoch=12,
)
"""Ten times the characters: what the choice of ``proxy`` is judged by."""

FULL = dataclasses.replace(
    PROXY,
    fidelity="full",
    dataset="tinystories",
    batch_size=64,
    sequence_length=256,
    train_tokens=327_680_000,
    evaluation_tokens=1_048_576,
    widths=(384,) * 6,
    adamw_factor=0.05,
    weight_decay=0.01,
    second_moment_decay=0.95,
    warmup_epochs=0.02,
    evaluations_per_epoch=20,
)
"""Six layers of 384 channels on TinyStories, 20,000 steps of 16,384 characters; never run yet."""

RECIPES = (PROXY, LONG, FULL)
"""In the order of their cost."""
