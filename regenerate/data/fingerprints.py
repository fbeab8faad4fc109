"""The fingerprint of a data set, of images or of text."""

from __future__ import annotations

from pathlib import Path

from regenerate import data
from regenerate.data import text


def fingerprint(name: str, data_dir: Path | None = None, *, image_size: int | None = None) -> str:
    """Load a data set of any kind and return its fingerprint, which tells it from all others.

    Parameters
    ----------
    name
        A key of ``regenerate.data.DATA_SETS``, or of ``regenerate.data.text.TEXTS``.
    data_dir, image_size
        As for ``regenerate.data.load``.

    Examples
    --------
    >>> fingerprint("digits"), fingerprint("sotu")
    ('420ae8afe12c7447', '8d78adc20f055227')
    """
    if name in text.TEXTS:
        return text.load(name, data_dir).fingerprint
    return data.load(name, data_dir, image_size=image_size).fingerprint
