"""The augmentations that work on levels, 0 to 255: crops, RandAugment, MixUp and CutMix.

Order and draws depend on the seed and the epoch alone, and are the same on every device.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor
from torch.nn import functional

from act_bench.errors import ArgumentError
from regenerate import draws
from regenerate.images.batches import Levels, Pixels, epoch_order
from regenerate.images.mixing import mixed
from regenerate.images.rand_augment import OPERATIONS, rand_augment
from regenerate.images.random_crops import random_crops, resize

LEAST_AREA = 0.08
GENTLE_LEAST_AREA = 0.35
MAGNITUDE = 6.0
OPERATIONS_AN_IMAGE = 2


def cropped(
    pixels: Pixels, batch_size: int, seed: int, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield random crops of at least 0.35 of the area, resized, half of them mirrored."""
    levels = _levels(pixels)
    for images, index, _ in _crops(levels, pixels, batch_size, seed, epoch, GENTLE_LEAST_AREA):
        yield levels.normalized(images), pixels.labels[index]


def cropped_and_mixed(
    pixels: Pixels, batch_size: int, seed: int, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield crops of at least 0.08 of the area, after RandAugment, mixed by MixUp or CutMix.

    Two operations of RandAugment an image at magnitude 6. Targets are ``(batch_size, classes)``.
    """
    levels = _levels(pixels)
    for images, index, step in _crops(levels, pixels, batch_size, seed, epoch, LEAST_AREA):
        count = len(index) * OPERATIONS_AN_IMAGE
        raw = draws.raw(count, seed, f"operations {epoch} {step}")
        choices = ((raw >> np.uint64(32)) % np.uint64(2 * len(OPERATIONS))).astype(np.int64)
        augmented = rand_augment(images, choices.reshape(-1, OPERATIONS_AN_IMAGE), MAGNITUDE)
        shares = functional.one_hot(pixels.labels[index], levels.classes).float()
        yield mixed(levels.normalized(augmented), shares, seed, f"mixing {epoch} {step}")


def _crops(
    levels: Levels, pixels: Pixels, batch_size: int, seed: int, epoch: int, least_area: float
) -> Iterator[tuple[Tensor, Tensor, int]]:
    """Yield levels ``(n, 3, side, side)``, the indices of the images and the number of the step."""
    side = levels.images.shape[1]
    order = epoch_order(pixels, batch_size, seed, epoch)
    all_crops = random_crops(len(order) * batch_size, side, least_area, seed, f"crops {epoch}")
    for step, index in enumerate(order):
        part = slice(step * batch_size, (step + 1) * batch_size)
        yield resize(levels.images[index], all_crops.part(part), side), index, step


def _levels(pixels: Pixels) -> Levels:
    if pixels.levels is None:
        raise ArgumentError(
            "this augmentation works on levels from 0 to 255, which are kept for data sets that "
            "load at any size (regenerate.data.DataSet.sized); use flip_shift for the others"
        )
    return pixels.levels
