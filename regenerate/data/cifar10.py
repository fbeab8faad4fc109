"""CIFAR-10 with its published split: see `regenerate.data.cifar`."""

from __future__ import annotations

import os
from typing import Final

from regenerate.data import ImageData
from regenerate.data.cifar import Cifar

CIFAR10: Final = Cifar("cifar10", "CIFAR-10", 10, "uoft-cs/cifar10", "plain_text")
FINGERPRINT: Final = "4527a1f28b55f800"


def load(
    data_dir: str | os.PathLike[str] | None = None, *, fingerprint: str | None = FINGERPRINT
) -> ImageData:
    """Load CIFAR-10; see `regenerate.data.cifar.Cifar.load`."""
    return CIFAR10.load(data_dir, fingerprint=fingerprint)
