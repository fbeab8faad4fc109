"""The data sets that networks train on: pixels, labels and a fixed, published split."""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Name -> module with ``load(data_dir: Path | None) -> ImageData``; imported when asked for.
DATA_SETS = {
    "digits": "regenerate.data.digits",
    "cifar10": "regenerate.data.cifar10",
}


@dataclass(frozen=True)
class Split:
    """Images of one split.

    Parameters
    ----------
    images
        (n, height, width, channels) uint8, as published: not scaled, not shuffled.
    labels
        (n,) int64, from 0.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


@dataclass(frozen=True)
class ImageData:
    """A data set with its three disjoint splits.

    Parameters
    ----------
    name
        The key in ``DATA_SETS``.
    classes
        Number of classes.
    largest_pixel
        The value of a fully lit pixel, to scale by: 16 for digits, 255 for CIFAR-10.
    train, validation, test
        The splits. A search may see validation; test is for the final report.
    """

    name: str
    classes: int
    largest_pixel: int
    train: Split
    validation: Split
    test: Split

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of the SHA-256 over the pixels, labels and order of all splits."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            digest.update(repr(split.images.shape).encode())
            digest.update(np.ascontiguousarray(split.images).tobytes())
            digest.update(split.labels.astype("<i8").tobytes())
        return digest.hexdigest()[:16]


class DataNotFoundError(FileNotFoundError):
    """The pixels of a data set are not there; the message says how to get them."""


def load(name: str, data_dir: Path | None = None) -> ImageData:
    """Load a data set with its published split.

    Parameters
    ----------
    name
        A key of ``DATA_SETS``.
    data_dir
        Folder with the files, for data sets that do not come with a library; None looks where the
        data set's module says.

    Raises
    ------
    ValueError
        If there is no such data set.
    DataNotFoundError
        If its files are not found.

    Examples
    --------
    >>> digits = load("digits")
    >>> len(digits.train), len(digits.validation), len(digits.test)
    (599, 599, 599)
    """
    if name not in DATA_SETS:
        raise ValueError(f"unknown data set {name!r}; the data sets are {', '.join(DATA_SETS)}")
    data: ImageData = importlib.import_module(DATA_SETS[name]).load(data_dir)
    return data
