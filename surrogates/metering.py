"""What a search owes for the features that it asks for, besides its trainings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from act_bench.errors import ArgumentError

Returned = TypeVar("Returned")

ENTERING: Final = "Fisher spectra of functions as they are offered"
"""Reason of a charge for the spectra of some functions, not of the whole space."""


class Meter:
    """Notes the charges that a call runs up, and hands them over with what the call returned.

    Between such calls it holds nothing: what is asked for outside of a search costs nobody.

    Parameters
    ----------
    spectrum_s : float or None
        What the Fisher spectrum of a function costs, in seconds; None: it is not known, and asking
        for one is an error.

    Examples
    --------
    >>> meter = Meter(spectrum_s=0.5)
    >>> meter.metered(lambda: meter.spectra(4))
    (None, {'Fisher spectra of 4 functions': 2.0})
    """

    def __init__(self, spectrum_s: float | None = 0.0) -> None:
        self._spectrum_s = spectrum_s
        self._due: dict[str, float] | None = None

    def metered(self, call: Callable[[], Returned]) -> tuple[Returned, dict[str, float]]:
        """Return what a call returns, and what it cost: seconds by reason."""
        before, self._due = self._due, {}
        try:
            return call(), self._due
        finally:
            self._due = before

    @contextmanager
    def waived(self) -> Iterator[None]:
        """Charge nothing for what is asked for in the block."""
        before, self._due = self._due, None
        try:
            yield
        finally:
            self._due = before

    def spectra(self, functions: int) -> None:
        """Charge the Fisher spectra of a whole space; in one call of a search they cost once.

        Raises
        ------
        ValueError
            What one costs is not known.
        """
        seconds = self._spectra_s(functions)
        if self._due is not None:
            self._due[f"Fisher spectra of {functions} functions"] = seconds

    def entering(self, functions: int) -> None:
        """Charge the Fisher spectra of a few functions; what a call asks for adds up.

        Raises
        ------
        ValueError
            What one costs is not known.

        Examples
        --------
        >>> meter = Meter(spectrum_s=0.5)
        >>> meter.metered(lambda: [meter.entering(2), meter.entering(1)])[1]
        {'Fisher spectra of functions as they are offered': 1.5}
        """
        if functions:
            self.charge(ENTERING, self._spectra_s(functions))

    def _spectra_s(self, functions: int) -> float:
        if self._spectrum_s is None:
            raise ArgumentError(
                "these features need Fisher spectra, and what one costs in this table is not in "
                "its record, spectrum_s: benchmarks/feature_cost.py measures it"
            )
        return self._spectrum_s * functions

    def charge(self, reason: str, seconds: float) -> None:
        """Charge something else; what is charged for the same reason adds up."""
        if self._due is not None:
            self._due[reason] = self._due.get(reason, 0.0) + seconds
