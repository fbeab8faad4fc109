"""CIFAR-100 by its 100 fine classes, split as CIFAR-10 is: see `regenerate.data.cifar`.

No published run was trained on it, so any fingerprint is accepted; each run states its own.
"""

from __future__ import annotations

import os
from typing import Final

from regenerate.data import ImageData
from regenerate.data.cifar import Cifar

CIFAR100: Final = Cifar(
    "cifar100", "CIFAR-100", 100, "uoft-cs/cifar100", "cifar100", label="fine_label"
)


def load(
    data_dir: str | os.PathLike[str] | None = None, *, fingerprint: str | None = None
) -> ImageData:
    """Load CIFAR-100; see `regenerate.data.cifar.Cifar.load`."""
    return CIFAR100.load(data_dir, fingerprint=fingerprint)
