"""Numbers as they are printed: read from a text, and found in another to the digits printed."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

SMALL: Final = 12
"""Whole numbers up to this are not asked for."""

PRECISE: Final = 100
"""A whole number from here on may be a rounded one: it has three digits."""

_NO_NUMBERS: Final = re.compile(
    r"`[^`]*`"  # names, commands, fingerprints
    r"|\]\([^)]*\)"  # where links go
    r"|https?://\S+"
    r"|arXiv[: ]\s*\d{4}\.\d{4,5}"
    r"|\b[A-Za-z]\w*-\d[\w.]*"  # names: ResNet-56, CIFAR-10, bfloat16
    r"|\b[A-Za-z_]+\d[\w.]*"
    r"|\b(?:19|20)\d\d\b(?!,\d)"  # years
)
_NUMBER: Final = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?: ?%)?")


class Number(NamedTuple):
    """A number as it is printed.

    Attributes
    ----------
    text
        As it stands there, without commas and spaces; a trailing ``%`` belongs to it.
    """

    text: str

    @property
    def value(self) -> float:
        """The number, in percent where it says so."""
        return float(self.text.rstrip("%"))

    @property
    def digits(self) -> int:
        """Decimal digits printed."""
        return len(self.text.rstrip("%").partition(".")[2])

    @property
    def trivial(self) -> bool:
        """Whether nobody asks where it comes from."""
        return not self.digits and self.value <= SMALL and not self.text.endswith("%")

    def is_in(self, sources: Sources) -> bool:
        """Return whether a source has this number, to the digits printed.

        Examples
        --------
        >>> Number("0.92").is_in(Sources.of("0.9215")), Number("68%").is_in(Sources.of("0.681"))
        (True, True)
        >>> Number("17").is_in(Sources.of("16.6")), Number("178").is_in(Sources.of("178.3"))
        (False, True)
        """
        if self.text in sources.texts:
            return True
        if not (self.digits or self.text.endswith("%") or self.value >= PRECISE):
            return False
        known = sources.percents if self.text.endswith("%") else sources.values
        half = 0.5 * 10.0**-self.digits + 1e-9
        place = bisect.bisect_left(known, self.value - half)
        return place < len(known) and known[place] <= self.value + half


class Sources(NamedTuple):
    """The numbers that a page may quote.

    Attributes
    ----------
    texts
        As they are printed, without thousands' commas.
    values
        All that are no percentage, ascending.
    percents
        Percentages, and fractions as percentages, ascending.
    """

    texts: frozenset[str]
    values: tuple[float, ...]
    percents: tuple[float, ...]

    @classmethod
    def of(cls, *texts: str) -> Sources:
        """Read the numbers of some texts."""
        found = {number for text in texts for number in _all_numbers(text)}
        plain = {number.value for number in found if not number.text.endswith("%")}
        percents = {number.value for number in found if number.text.endswith("%")}
        percents |= {100 * value for value in plain if value <= 1}
        return cls(
            frozenset(number.text for number in found),
            tuple(sorted(plain)),
            tuple(sorted(percents)),
        )


def numbers_in(text: str) -> Iterator[Number]:
    """Yield the numbers of some text, without those in code, links, names and years.

    Examples
    --------
    >>> [each.text for each in numbers_in("ResNet-56 reaches 90.3 % in 1,024 runs (2023); `v2`.")]
    ['90.3%', '1024']
    """
    for match in _NUMBER.finditer(_NO_NUMBERS.sub(" ", text)):
        found = match.group().replace(",", "").replace(" ", "")
        yield Number(found)


def _all_numbers(text: str) -> Iterator[Number]:
    for match in _NUMBER.finditer(text):
        whole = match.group()
        # In a CSV, a comma may part two numbers as well as thousands.
        if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?: ?%)?", whole):
            yield Number(whole.replace(",", "").replace(" ", ""))
        for part in whole.split(","):
            if part.strip(" %") and re.match(r"\d", part):
                yield Number(part.replace(" ", ""))
