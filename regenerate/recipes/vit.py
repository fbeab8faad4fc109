"""The recipes of Act-Bench-ViT; where they depart from the original is told in docs/studies/vit.md.

`FULL` is the training of Bingham and Miikkulainen (2023) as far as it is known; the others are
shorter versions of it.
"""

from __future__ import annotations

import dataclasses

from regenerate.recipes.recipe import Recipe

FULL = Recipe(
    table="vit",
    fidelity="full",
    network="mobilevit_v2",
    dataset="imagenette",
    epochs=105,
    batch_size=256,
    optimizer="adamw",
    learning_rate=4e-3,
    momentum=0.9,
    second_moment_decay=0.999,
    weight_decay=0.02,
    schedule="cosine",
    initial_learning_rate=1e-4,
    final_learning_rate=1e-6,
    warmup_epochs=5.0,
    cooldown_epochs=5.0,
    clip_norm=1.0,
    initialization="lecun",
    augmentation="crop_mix",
    evaluation_crop=0.95,
    dtype="bfloat16",
    activation="tabulated",
    loss="binary_cross_entropy",
    target_threshold=0.2,
)
"""The original's budget: 160 pixels, all training images, 105 epochs."""

REDUCED = dataclasses.replace(
    FULL,
    fidelity="reduced",
    epochs=20,
    warmup_epochs=2.0,
    cooldown_epochs=0.0,
    batch_size=128,
    second_moment_decay=0.99,
    augmentation="crop",
    target_threshold=None,
)
"""The same network and images for 20 epochs, with the gentler augmentation that these allow."""

SHORT = dataclasses.replace(
    FULL,
    fidelity="proxy",
    image_size=64,
    epochs=2,
    batch_size=64,
    learning_rate=2e-3,
    final_learning_rate=0.0,
    initial_learning_rate=0.0,
    warmup_epochs=0.2,
    cooldown_epochs=0.0,
    second_moment_decay=0.99,
    augmentation="none",
    evaluation_crop=1.0,
    target_threshold=None,
)
"""What the candidates for ``proxy`` vary (``builders/reports/proxies.py``)."""

PROXY = dataclasses.replace(SHORT, image_size=48, train_images=7000, learning_rate=4e-3)
"""The whole network and the original's rate, fewer and smaller images; docs/studies/vit.md."""

LONG = dataclasses.replace(
    SHORT,
    fidelity="long",
    epochs=8,
    warmup_epochs=0.5,
    augmentation="flip_shift",
    evaluations_per_epoch=2,
)
"""64 pixels, eight passes over all images: what the choice of ``proxy`` was judged by."""

RECIPES = (PROXY, LONG, REDUCED, FULL)
