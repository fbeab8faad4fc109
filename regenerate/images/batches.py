"""Images on the device, once, and batches of them without a copy to the host."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from act_bench.errors import ArgumentError
from regenerate import data, draws

SHIFT = 4
"""Largest shift in pixels, each way, of the augmentation ``flip_shift``."""
Augmentation: TypeAlias = Callable[["Pixels", int, int, int], Iterator[tuple[Tensor, Tensor]]]
"""Of (training images, batch size, seed, epoch); yields what ``batches`` does."""

AUGMENTATIONS: Final = {
    "none": "regenerate.images.batches:as_they_are",
    "flip_shift": "regenerate.images.batches:flipped_and_shifted",
    "crop": "regenerate.images.augmentation:cropped",
    "crop_mix": "regenerate.images.augmentation:cropped_and_mixed",
}
"""Augmentation of a recipe -> module and function, imported when asked for."""
_CHUNK = 5_000_000
"""Pixels to prepare at a time; in float32 they take 60 MB."""

Doubles: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Levels:
    """Images as they were loaded, for augmentations that work on whole levels.

    Attributes
    ----------
    images
        ``(n, height, width, 3)`` uint8.
    mean, deviation
        ``(3,)`` float32, of each channel over the whole training split, in levels.
    classes
        Number of classes.
    """

    images: Tensor
    mean: Tensor
    deviation: Tensor
    classes: int

    def normalized(self, levels: Tensor) -> Tensor:
        """Return levels ``(n, 3, height, width)`` for a network: bfloat16, ``channels_last``."""
        centered = (levels - self.mean.view(3, 1, 1)) / self.deviation.view(3, 1, 1)
        return centered.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Pixels:
    """Images ready for a network.

    Attributes
    ----------
    images
        ``(n, height, width, 3)`` bfloat16, each channel with mean 0 and, before images are
        averaged down, variance 1 over the whole training split.
    labels
        ``(n,)`` int64.
    levels
        The same images as levels, where an augmentation may need them.
    """

    images: Tensor
    labels: Tensor
    levels: Levels | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Splits:
    """The three splits on a device, the fingerprint of what they were made from, the classes."""

    train: Pixels
    validation: Pixels
    test: Pixels
    fingerprint: str
    classes: int


def _sized(dataset: str) -> bool:
    return dataset in data.DATA_SETS and data.DATA_SETS[dataset].sized


@lru_cache(maxsize=2)
def load_splits(
    dataset: str,
    *,
    image_size: int | None,
    train_images: int | None,
    device: str,
    data_dir: Path | None,
    evaluation_crop: float = 1.0,
) -> Splits:
    """Load a data set onto a device; what was loaded last is kept.

    Parameters
    ----------
    dataset
        A key of ``regenerate.data.DATA_SETS``, of colored images.
    image_size
        Side in pixels; images are averaged down over blocks, so it must divide their own side,
        unless the data set loads at any size (``data.DataSet.sized``). None keeps that.
    train_images
        How many training images to keep, the first ones; None keeps all.
    device
        A torch device.
    data_dir
        Folder of the data, see ``regenerate.data.load``.
    evaluation_crop
        Share of the side in the middle of validation and test images that is seen, resized to the
        whole side.

    Raises
    ------
    ValueError
        If ``image_size`` does not divide the side of the images.
    """
    sized = {"image_size": image_size} if _sized(dataset) else {}
    source = data.load(dataset, data_dir, **sized)
    side = source.train.images.shape[1]
    size = image_size or side
    if side % size:
        raise ArgumentError(f"image_size must divide the side of the images, {side}; got {size}")
    mean, deviation = (
        torch.from_numpy(each).float() for each in _color(source.train.images, source.largest_pixel)
    )

    def prepared(images: Tensor) -> Tensor:
        scaled = (images.float() / source.largest_pixel - mean) / deviation
        blocks = scaled.view(len(images), size, side // size, size, side // size, 3)
        return blocks.mean((2, 4)).to(torch.bfloat16)

    def pixels(split: data.Split, count: int | None = None, crop: float = 1.0) -> Pixels:
        chunks = torch.split(torch.from_numpy(split.images[:count]), max(1, _CHUNK // side**2))
        if crop < 1.0:
            chunks = tuple(_center(chunk, crop) for chunk in chunks)
        return Pixels(
            torch.cat([prepared(chunk) for chunk in chunks]).to(device),
            torch.from_numpy(split.labels[:count]).to(device),
        )

    train = pixels(source.train, train_images)
    if _sized(dataset):
        train = replace(
            train,
            levels=Levels(
                torch.from_numpy(source.train.images[:train_images]).to(device),
                (mean * source.largest_pixel).to(device),
                (deviation * source.largest_pixel).to(device),
                source.classes,
            ),
        )
    return Splits(
        train=train,
        validation=pixels(source.validation, crop=evaluation_crop),
        test=pixels(source.test, crop=evaluation_crop),
        fingerprint=source.fingerprint,
        classes=source.classes,
    )


def _color(images: NDArray[np.uint8], largest: int) -> tuple[Doubles, Doubles]:
    """Return mean and standard deviation of each channel, as shares of the largest level.

    From how often each level occurs, with the levels in float32, as the images become: exact,
    and much faster than a mean over the images, without a copy of them.
    """
    counts = np.zeros((3, 256))
    for part in np.array_split(images, max(1, len(images) // 100)):
        for channel, count in enumerate(counts):
            count += np.bincount(part[..., channel].ravel(), minlength=256)
    shares = counts / counts.sum(1, keepdims=True)
    levels = (np.arange(256, dtype=np.float32) / np.float32(largest)).astype(np.float64)
    mean = shares @ levels
    return mean, np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(1))


def _center(images: Tensor, share: float) -> Tensor:
    """Return the middle of images ``(n, side, side, 3)``, resized to all of it, as levels."""
    from regenerate.images.random_crops import central_crop, resize

    side = images.shape[1]
    parts = torch.split(images, 100)  # in float64 the weights of a chunk would take gigabytes
    crops = [resize(part, central_crop(len(part), side, share), side) for part in parts]
    return torch.cat(crops).permute(0, 2, 3, 1)


def to_network(images: Tensor) -> Tensor:
    """Return ``(n, height, width, 3)`` as ``(n, 3, height, width)`` in ``channels_last``."""
    return images.permute(0, 3, 1, 2)


def batches(
    pixels: Pixels, batch_size: int, seed: int, epoch: int, augmentation: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of one epoch in a random order; an incomplete last batch is dropped.

    Parameters
    ----------
    pixels
        The training images.
    batch_size
        Images a batch.
    seed, epoch
        Order and augmentation depend on these two alone.
    augmentation
        A key of ``AUGMENTATIONS``.

    Yields
    ------
    images
        ``(batch_size, 3, height, width)`` bfloat16, ``channels_last``.
    targets
        ``(batch_size,)`` int64 labels, or ``(batch_size, classes)`` float32 shares of the classes
        where the augmentation mixes images.

    Raises
    ------
    ValueError
        If there is no such augmentation.
    """
    if augmentation not in AUGMENTATIONS:
        raise ArgumentError(
            f"augmentation is one of {', '.join(AUGMENTATIONS)}, got {augmentation!r}"
        )
    module, function = AUGMENTATIONS[augmentation].split(":")
    made: Augmentation = getattr(importlib.import_module(module), function)
    yield from made(pixels, batch_size, seed, epoch)


def epoch_order(pixels: Pixels, batch_size: int, seed: int, epoch: int) -> tuple[Tensor, ...]:
    """Return the indices of the images of each batch of an epoch, on their device."""
    count = len(pixels) // batch_size * batch_size
    order = torch.from_numpy(draws.permutation(len(pixels), seed, f"epoch {epoch}")[:count])
    return torch.split(order.to(pixels.labels.device), batch_size)


def as_they_are(
    pixels: Pixels, batch_size: int, seed: int, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of the images as they are."""
    for index in epoch_order(pixels, batch_size, seed, epoch):
        yield to_network(pixels.images[index]), pixels.labels[index]


def flipped_and_shifted(
    pixels: Pixels, batch_size: int, seed: int, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of images mirrored with probability 1/2 and shifted by up to 4 pixels each way.

    The border is filled with the mean color.
    """
    device = pixels.labels.device
    count = len(pixels) // batch_size * batch_size
    height, width = pixels.images.shape[1:3]
    # The padded copy is made once per epoch; mean color is 0 after normalization.
    padded = torch.nn.functional.pad(pixels.images, (0, 0, SHIFT, SHIFT, SHIFT, SHIFT))
    raw = draws.raw(count, seed, f"augmentation {epoch}")
    shifts = 2 * SHIFT + 1
    down, right = (raw >> np.uint64(32)) % shifts, (raw >> np.uint64(8)) % shifts
    rows = torch.from_numpy(down.astype(np.int64)[:, None] + np.arange(height))
    columns = torch.from_numpy(right.astype(np.int64)[:, None] + np.arange(width))
    mirrored = torch.from_numpy((raw & np.uint64(1)).astype(bool))
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    for index, row, column in zip(
        epoch_order(pixels, batch_size, seed, epoch),
        torch.split(rows.to(device), batch_size),
        torch.split(columns.to(device), batch_size),
        strict=True,
    ):
        images = padded[index[:, None, None], row[:, :, None], column[:, None, :]]
        yield to_network(images), pixels.labels[index]
