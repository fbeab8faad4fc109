"""State of the Union addresses: 233 speeches of 1790 to 2021, 10.7 million characters.

They come with this package (``builders/text.py`` makes the file), so nothing is downloaded. The
speeches are in the public domain. The split is by speech: of every ten in the order of their years
one is for validation and one for test, chosen by the hash of its name. So all three cover all
years, no speech is in two of them, and the split depends on no random generator.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from regenerate.data import DataMismatchError, DataNotFoundError
from regenerate.data.text import TextData, encode_all

FILE: Final = Path(__file__).with_name("sotu.parquet")
VOCABULARY: Final = (
    "\x02\n !\"$%&'()*+,-./0123456789:;?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_`abcdefghijklmnopqrstuvwxyz"
    "\N{DEGREE SIGN}\N{LATIN SMALL LETTER A WITH ACUTE}\N{LATIN SMALL LETTER I WITH DIAERESIS}"
    "\N{LATIN SMALL LETTER O WITH ACUTE}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}"
    "\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT DOUBLE QUOTATION MARK}"
    "\N{RIGHT DOUBLE QUOTATION MARK}\N{BULLET}"
)
"""The 98 characters that occur, sorted."""
FINGERPRINT: Final = "8d78adc20f055227"
"""``TextData.fingerprint`` of the split that the records were made with."""

BLOCK: Final = 10
"""Speeches of which one is for validation and one for test."""


def split_names(names: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the published split: the names of the speeches for train, validation and test.

    The names, which begin with the year, are sorted and taken by `BLOCK`. Within a block the name
    of the lowest SHA-256 is for validation, the next for test, and the others are for training;
    of a block of less than three all are. Each part is in the order of the hashes.

    Examples
    --------
    >>> train, validation, test = split_names(["1790_a", "1791_a", "1792_a", "1793_b"])
    >>> len(train), validation, test
    (2, ['1793_b'], ['1792_a'])
    """
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    ordered = sorted(names)
    for start in range(0, len(ordered), BLOCK):
        block = sorted(ordered[start : start + BLOCK], key=_digest)
        held = (1, 2) if len(block) > 2 else ()
        for place, name in enumerate(block):
            parts[held[place] if place < len(held) else 0].append(name)
    train, validation, test = (sorted(part, key=_digest) for part in parts)
    return train, validation, test


def load(data_dir: Path | None = None) -> TextData:
    """Load the speeches as characters.

    Parameters
    ----------
    data_dir
        Not used: the speeches come with this package.

    Raises
    ------
    DataNotFoundError
        If the file is missing.
    DataMismatchError
        If it is damaged.

    Examples
    --------
    >>> data = load()
    >>> len(data.train), len(data.validation), len(data.test)
    (8569962, 1193375, 996938)
    """
    del data_dir
    return read(FILE, fingerprint=FINGERPRINT)


def read(file: Path, *, fingerprint: str | None) -> TextData:
    """Read the speeches from a file; see `load`. A fingerprint of None accepts any speeches."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file, columns=["file", "text"])
        texts = dict(zip(*(table[name].to_pylist() for name in ("file", "text")), strict=True))
    except FileNotFoundError:
        raise DataNotFoundError(f"{file} is missing; reinstall act-bench") from None
    except (pa.ArrowException, OSError) as error:
        raise DataMismatchError(f"{file} is damaged ({error}); reinstall act-bench") from error
    train, validation, test = (
        encode_all((texts[name] for name in part), VOCABULARY) for part in split_names(list(texts))
    )
    data = TextData("sotu", VOCABULARY, train, validation, test)
    if fingerprint is not None and data.fingerprint != fingerprint:
        raise DataMismatchError(
            f"{file} holds other speeches: expected the fingerprint {fingerprint}, got "
            f"{data.fingerprint}; reinstall act-bench"
        )
    return data


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
