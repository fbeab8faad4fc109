"""The recipes of Act-Bench-ResNet; what is known of them is told in docs/studies/resnet.md.

``full`` is the training of He et al. 2015 (arXiv 1512.03385, section 4.2): 64,000 steps of 128
images, which on 45,000 training images are 182 epochs, a learning rate of 0.1 that falls to a tenth
after a half and again after three quarters, momentum 0.9, weight decay 0.0001, images mirrored and
shifted by up to 4 pixels. The paper decays all weights; here those of batch normalization are left
out. ``proxy`` is one of the candidates of ``builders/reports/proxies.py``.
"""

from __future__ import annotations

import dataclasses

from regenerate.recipes.recipe import Recipe

PROXY = Recipe(
    table="resnet",
    fidelity="proxy",
    network="resnet56",
    dataset="cifar10",
    image_size=16,
    train_images=10000,
    epochs=1,
    batch_size=64,
    optimizer="sgd",
    learning_rate=0.1,
    momentum=0.9,
    nesterov=True,
    weight_decay=1e-4,
    schedule="cosine",
    warmup_epochs=0.25,
    clip_norm=1.0,
    initialization="he",
    dtype="bfloat16",
    activation="tabulated",
)
"""All layers and channels, a quarter of the pixels, 156 steps."""

LONG = dataclasses.replace(
    PROXY,
    fidelity="long",
    train_images=None,
    epochs=4,
    warmup_epochs=0.5,
    evaluations_per_epoch=3,
)
"""Four passes over all images: what the choice of ``proxy`` was judged by."""

FULL = Recipe(
    table="resnet",
    fidelity="full",
    network="resnet56",
    dataset="cifar10",
    epochs=182,
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    schedule="steps",
    initialization="he",
    augmentation="flip_shift",
    dtype="bfloat16",
    activation="tabulated",
)
"""The paper's training."""

REDUCED = dataclasses.replace(
    FULL,
    fidelity="reduced",
    epochs=8,
    nesterov=True,
    schedule="cosine",
    warmup_epochs=0.5,
    augmentation="none",
)
"""The same network and images for 8 epochs, which are too few for images to be varied."""

RECIPES = (PROXY, LONG, REDUCED, FULL)
