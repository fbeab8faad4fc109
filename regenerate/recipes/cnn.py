"""The recipes of Act-Bench-CNN; how they were chosen is told in docs/studies/cnn.md.

All three train All-CNN-C (Springenberg et al. 2015, arXiv 1412.6806) with stochastic gradient
descent, momentum 0.9 and a learning rate of 0.05, a value of the paper's own grid. Unlike the
paper they use Nesterov's momentum, a cosine schedule instead of three drops in 350 epochs, a
gradient clip for functions with steep slopes, and weights whose scale is set from data, without
which functions with another scale than ReLU's stay at chance for most of a short training.
"""

from __future__ import annotations

import dataclasses

from regenerate.recipes.recipe import Recipe

PROXY = Recipe(
    table="cnn",
    fidelity="proxy",
    network="all_cnn_c",
    dataset="cifar10",
    width=1 / 3,
    image_size=16,
    train_images=15000,
    epochs=2,
    batch_size=64,
    optimizer="sgd",
    learning_rate=0.05,
    momentum=0.9,
    nesterov=True,
    weight_decay=5e-4,
    schedule="cosine",
    warmup_epochs=0.25,
    clip_norm=1.0,
    initialization="data_dependent",
    dtype="bfloat16",
    activation="tabulated",
)
"""Every entry: a third of the width, images of 16 pixels, two passes over 15,000 images."""

LONG = dataclasses.replace(
    PROXY,
    fidelity="long",
    image_size=None,
    train_images=None,
    epochs=3,
    warmup_epochs=0.5,
    evaluations_per_epoch=4,
)
"""Whole images, three passes over all of them: what the choice of ``proxy`` was judged by."""

REDUCED = dataclasses.replace(
    PROXY,
    fidelity="reduced",
    width=1.0,
    image_size=None,
    train_images=None,
    epochs=5,
    batch_size=128,
)
"""The whole network on all training images, 225,000 image steps."""

FULL = dataclasses.replace(
    REDUCED,
    fidelity="full",
    epochs=30,
    warmup_epochs=1.0,
    weight_decay=1e-3,
    augmentation="flip_shift",
)
"""The paper's weight decay and augmentation (mirrored, shifted) with its schedule compressed."""

RECIPES = (PROXY, LONG, REDUCED, FULL)
