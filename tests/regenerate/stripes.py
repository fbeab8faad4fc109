"""Images that a small network learns in a second, in the place of a data set."""

from __future__ import annotations

import numpy as np

from regenerate import data


def stripes(count: int, random: int | np.random.Generator, *, colored: bool = False) -> data.Split:
    """Return ten classes: a bright row at a place that tells the class, in noise.

    Parameters
    ----------
    count
        Of the images, 32 by 32.
    random
        A seed, or what the noise is drawn from.
    colored
        Whether each class has a color as well.
    """
    labels = np.arange(count) % 10
    images = np.random.default_rng(random).integers(0, 60, (count, 32, 32, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        channels = label % 3 if colored else slice(None)
        image[3 * label : 3 * label + 4, :, channels] += 180
    return data.Split(images, labels.astype(np.int64))


def striped(train: int, validation: int, test: int, *, colored: bool = False) -> data.ImageData:
    """Return such images, so many of each split, by the name of CIFAR-10."""
    splits = [
        stripes(count, seed, colored=colored)
        for seed, count in enumerate((train, validation, test))
    ]
    return data.ImageData("cifar10", 10, 255, *splits)
