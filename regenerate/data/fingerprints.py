"""Data sets of any kind, of images or of text, by what tells each from all others."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from regenerate import data
from regenerate.data import text


class AnyData(Protocol):
    """What is asked of a data set where it does not matter what it is made of."""

    @property
    def name(self) -> str:
        """Its key in ``regenerate.data.DATA_SETS``, or in ``regenerate.data.text.TEXTS``."""

    @property
    def fingerprint(self) -> str:
        """That of all its splits."""

    @property
    def sizes(self) -> dict[str, int]:
        """How much each split has, such as ``train_images``."""


def load_any(name: str, data_dir: Path | None = None, *, image_size: int | None = None) -> AnyData:
    """Load a data set of images or of text.

    Parameters
    ----------
    name
        A key of ``regenerate.data.DATA_SETS``, or of ``regenerate.data.text.TEXTS``.
    data_dir, image_size
        As for ``regenerate.data.load``.

    Examples
    --------
    >>> load_any("digits").sizes["train_images"], load_any("sotu").sizes["train_tokens"]
    (599, 8569962)
    """
    if name in text.TEXTS:
        return text.load(name, data_dir)
    return data.load(name, data_dir, image_size=image_size)


def fingerprint(name: str, data_dir: Path | None = None, *, image_size: int | None = None) -> str:
    """Load a data set of any kind and return its fingerprint, which tells it from all others.

    Parameters
    ----------
    name, data_dir, image_size
        As for :func:`load_any`.

    Examples
    --------
    >>> fingerprint("digits"), fingerprint("sotu")
    ('420ae8afe12c7447', '8d78adc20f055227')
    """
    return load_any(name, data_dir, image_size=image_size).fingerprint
