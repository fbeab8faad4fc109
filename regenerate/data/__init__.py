"""The data sets that networks train on: pixels, labels and a fixed, published split."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench.errors import ActBenchError, ArgumentError, ExitCode

SPLITS: Final = ("train", "validation", "test")


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
    def sizes(self) -> dict[str, int]:
        """How many images each split has, under the names that files about them use."""
        return {f"{name}_images": len(getattr(self, name)) for name in SPLITS}

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of the SHA-256 over the pixels, labels and order of all splits."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            digest.update(repr(split.images.shape).encode())
            digest.update(np.ascontiguousarray(split.images).tobytes())
            digest.update(split.labels.astype("<i8").tobytes())
        return digest.hexdigest()[:16]


class DataSet(NamedTuple):
    """How a data set is loaded.

    Attributes
    ----------
    load
        A function ``load(data_dir: Path | None) -> ImageData``, or the module that has one of this
        name, which is imported when it is needed.
    sized
        Whether it takes ``image_size`` too: for images too large to be loaded whole and then
        shrunk.
    """

    load: str | Callable[..., ImageData]
    sized: bool = False


DATA_SETS: Final = {
    "digits": DataSet("regenerate.data.digits"),
    "cifar10": DataSet("regenerate.data.cifar10"),
    "cifar100": DataSet("regenerate.data.cifar100"),
    "imagenette": DataSet("regenerate.data.imagenette", sized=True),
}
"""Name -> how the data set is loaded."""


def register(name: str, data_set: DataSet) -> None:
    """Add a data set, for this process.

    Raises
    ------
    ArgumentError
        If the name is taken.
    """
    if name in DATA_SETS:
        raise ArgumentError(f"the name {name!r} is that of another data set")
    DATA_SETS[name] = data_set


class DataNotFoundError(ActBenchError, FileNotFoundError):
    """The pixels of a data set are not there; the message says how to get them."""

    exit_code = ExitCode.DATA


class DataMismatchError(ActBenchError, ValueError):
    """The images or labels are not those that the published runs were trained on."""

    exit_code = ExitCode.DATA


def load(name: str, data_dir: Path | None = None, *, image_size: int | None = None) -> ImageData:
    """Load a data set with its published split.

    Parameters
    ----------
    name
        A key of ``DATA_SETS``.
    data_dir
        Folder with the files, for data sets that do not come with a library; None looks where the
        data set's module says.
    image_size
        Side of the images in pixels, for data sets that are ``sized``; others come as published.

    Raises
    ------
    ValueError
        If there is no such data set.
    DataNotFoundError
        If its files are not found.
    DataMismatchError
        If they are other images.

    Examples
    --------
    >>> digits = load("digits")
    >>> len(digits.train), len(digits.validation), len(digits.test)
    (599, 599, 599)
    """
    if name not in DATA_SETS:
        raise ArgumentError(f"unknown data set {name!r}; the data sets are {', '.join(DATA_SETS)}")
    function, sized = DATA_SETS[name]
    if isinstance(function, str):
        function = importlib.import_module(function).load
    data: ImageData = function(data_dir, **({"image_size": image_size} if sized else {}))
    return data
