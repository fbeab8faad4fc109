"""Scikit-learn's digits: 1,797 images of 8 x 8 pixels with values 0 to 16.

They are the test part of the UCI data set "Optical Recognition of Handwritten Digits" (Alpaydin
and Kaynak, 1998) and come with scikit-learn, so nothing is downloaded.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from act_bench.errors import needs_extra
from regenerate.data import ImageData, Split

FINGERPRINT = "420ae8afe12c7447"
"""``ImageData.fingerprint`` of the split that the records were made with."""


def split_indices(
    images: NDArray[np.uint8], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the published split: indices of train, validation and test images.

    Within each class the images are put in the order of the SHA-256 of their pixels and dealt in
    turn to train, test and validation, and dealing goes on from class to class without starting
    again. So the split is stratified, and depends on the pixels alone: on no random generator, on
    no order of the file. Each part is in the order of the hashes. All 1,797 images are different.

    Examples
    --------
    >>> images = np.arange(6, dtype=np.uint8).reshape(6, 1)
    >>> [part.size for part in split_indices(images, np.array([0, 0, 0, 1, 1, 1]))]
    [2, 2, 2]
    """
    digests = [hashlib.sha256(image.tobytes()).digest() for image in images]
    dealt = sorted(range(len(labels)), key=lambda index: (labels[index], digests[index]))
    parts = [sorted(dealt[start::3], key=lambda index: digests[index]) for start in range(3)]
    train, test, validation = (np.array(part, dtype=np.int64) for part in parts)
    return train, validation, test


def load(data_dir: Path | None = None) -> ImageData:
    """Load the digits: 599 images each for train, validation and test, (n, 8, 8, 1).

    Parameters
    ----------
    data_dir
        Not used: the images come with scikit-learn.

    Raises
    ------
    act_bench.errors.MissingExtraError
        If scikit-learn is not installed.

    Examples
    --------
    >>> load().train.images.shape
    (599, 8, 8, 1)
    """
    del data_dir
    with needs_extra("the data set digits"):
        from sklearn.datasets import load_digits
    pixels, targets = load_digits(return_X_y=True)
    images = pixels.astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = targets.astype(np.int64)
    train, validation, test = (
        Split(images[part], labels[part]) for part in split_indices(images, labels)
    )
    return ImageData(
        name="digits", classes=10, largest_pixel=16, train=train, validation=validation, test=test
    )
