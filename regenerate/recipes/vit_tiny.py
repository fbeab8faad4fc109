"""Recipes of no table: ViT-Tiny on CIFAR-10, as in Table 1 of Sun et al. (2024, arXiv 2405.12954).

``full`` is their training (Section 5.1, Appendix E) as far as it is legible: AdamW with a weight
decay of 0.05, 100 epochs in batches of 256, 20 of them warm-up, half a cosine, a clip norm of 1.
The exponents of their learning rates are lost in the text; 2.5e-4 is what is likely meant. Their
augmentation is that of timm, ours mirrors and shifts. ``proxy`` is a study's: images of 16 pixels,
16 patches in place of 64.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from regenerate.recipes.recipe import Recipe

FULL: Final = Recipe(
    table="vit_tiny",
    fidelity="full",
    network="vit_tiny",
    dataset="cifar10",
    epochs=100,
    batch_size=256,
    optimizer="adamw",
    learning_rate=2.5e-4,
    momentum=0.9,
    second_moment_decay=0.999,
    weight_decay=0.05,
    schedule="cosine",
    initial_learning_rate=1e-6,
    final_learning_rate=1e-5,
    warmup_epochs=20.0,
    clip_norm=1.0,
    initialization="lecun",
    augmentation="flip_shift",
    dtype="bfloat16",
    activation="tabulated",
)

PROXY: Final = dataclasses.replace(
    FULL,
    fidelity="proxy",
    image_size=16,
    train_images=15000,
    epochs=4,
    batch_size=64,
    learning_rate=1e-3,
    second_moment_decay=0.99,
    initial_learning_rate=0.0,
    final_learning_rate=0.0,
    warmup_epochs=0.5,
    augmentation="none",
)

RECIPES: Final = (PROXY, FULL)
