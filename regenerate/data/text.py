"""Text data sets: characters as small integers, in a fixed, published split."""

from __future__ import annotations

import hashlib
import importlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from act_bench.errors import ArgumentError
from regenerate.data import SPLITS

TEXTS: Final = {
    "sotu": "regenerate.data.sotu",
    "tinystories": "regenerate.data.tinystories",
}
"""Name -> module with ``load(data_dir: Path | None) -> TextData``; imported when asked for."""

OTHER: Final = "\N{REPLACEMENT CHARACTER}"
"""Stands for every character that a vocabulary lacks, if the vocabulary has it."""

Tokens = NDArray[np.uint8]


@dataclass(frozen=True)
class TextData:
    """A text with its three disjoint splits.

    Parameters
    ----------
    name
        The key in ``TEXTS``.
    vocabulary
        The different characters, sorted: token ``i`` is ``vocabulary[i]``.
    train, validation, test
        ``(characters,)`` uint8 tokens. A search may see validation; test is for the final report.
    """

    name: str
    vocabulary: str
    train: Tokens
    validation: Tokens
    test: Tokens

    @property
    def sizes(self) -> dict[str, int]:
        """How many tokens each split has, under the names that files about them use."""
        return {f"{name}_tokens": len(getattr(self, name)) for name in SPLITS}

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of the SHA-256 over the vocabulary and the tokens of all splits."""
        digest = hashlib.sha256(self.vocabulary.encode())
        for tokens in (self.train, self.validation, self.test):
            digest.update(repr(tokens.shape).encode())
            digest.update(np.ascontiguousarray(tokens).tobytes())
        return digest.hexdigest()[:16]

    def bits_per_byte(self, loss: float, tokens: Tokens) -> float:
        """Return a loss in nats per character of a split as bits per byte of its UTF-8.

        Examples
        --------
        >>> data = TextData("ab", "a\N{LATIN SMALL LETTER E WITH ACUTE}", *3 * [np.uint8([0, 1])])
        >>> round(data.bits_per_byte(math.log(8), data.test), 3)  # three bytes of two characters
        2.0
        """
        sizes = np.array([len(character.encode()) for character in self.vocabulary])
        counts = np.bincount(tokens, minlength=len(sizes))
        return loss / math.log(2) * float(counts.sum() / (counts @ sizes))


def load(name: str, data_dir: Path | None = None) -> TextData:
    """Load a text with its published split.

    Parameters
    ----------
    name
        A key of ``TEXTS``.
    data_dir
        Folder with the files, for texts that do not come with this package.

    Raises
    ------
    ValueError
        If there is no such text.
    DataNotFoundError
        If its files are not found.
    DataMismatchError
        If they are another text.

    Examples
    --------
    >>> len(load("sotu").vocabulary)
    98
    """
    if name not in TEXTS:
        raise ArgumentError(f"unknown text {name!r}; the texts are {', '.join(TEXTS)}")
    data: TextData = importlib.import_module(TEXTS[name]).load(data_dir)
    return data


def encode(text: str, vocabulary: str) -> Tokens:
    """Return the place of each character of a text in a vocabulary.

    Raises
    ------
    ValueError
        If a character is not in the vocabulary, nor `OTHER`.

    Examples
    --------
    >>> encode("abba", "ab").tolist(), decode(encode("abba", "ab"), "ab")
    ([0, 1, 1, 0], 'abba')
    """
    known = _codes(vocabulary)
    codes = _codes(text)
    places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    lost = known[places] != codes
    if lost.any():
        if OTHER not in vocabulary:
            raise ArgumentError(
                f"expected characters of the vocabulary {vocabulary!r}, got "
                f"{chr(int(codes[lost][0]))!r}"
            )
        places[lost] = vocabulary.index(OTHER)
    return places.astype(np.uint8)


def decode(tokens: Tokens, vocabulary: str) -> str:
    """Return the text that tokens stand for."""
    return "".join(vocabulary[token] for token in tokens.tolist())


def encode_all(texts: Iterable[str], vocabulary: str) -> Tokens:
    r"""Return the tokens of some texts, one after the other, each with a line break at its end.

    Examples
    --------
    >>> encode_all(["b", "a"], "\nab").tolist()
    [2, 0, 1, 0]
    """
    parts = [encode(f"{text}\n", vocabulary) for text in texts]
    return np.concatenate(parts) if parts else np.empty(0, np.uint8)


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.uint32)
