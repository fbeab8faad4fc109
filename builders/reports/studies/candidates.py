"""The functions that a study's search may choose from: a random draw of a space, with spectra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators import BASELINES
from act_bench.spaces import large
from act_bench.spaces.paper import NotInSpaceError, finite_outputs, load_space
from regenerate.fisher.features import fisher_feature
from regenerate.fisher.networks import Setting
from surrogates.live.spectra import SPECTRA, compute_spectra, read_spectra, seconds_each
from surrogates.metering import Meter
from surrogates.search_space import SearchSpace

Source = Literal["paper", "27", "31"]
"""The 2,913 functions, or the large space of 27 or of 31 operators."""

SEED: Final = 20231210
"""Of the draws, beside the number of the search."""


def draw(source: Source, count: int, number: int) -> list[str]:
    """Return the baselines and ``count`` other functions, each as likely as any other.

    Parameters
    ----------
    source
        The space; a large one must have been made: ``act-bench space build``.
    count
        How many.
    number
        Of the search: another number, another draw.

    Raises
    ------
    act_bench.spaces.large.NotBuiltError
        The large space has not been made on this machine.

    Examples
    --------
    >>> found = draw("paper", 3, 0)
    >>> len(found), found[0]
    (11, 'add(zero(x),elu(x))')
    """
    space = load_space()
    first = [space.representatives[space.resolve(name).entry] for name in BASELINES]
    if source == "paper":
        names: Sequence[str] = space.representatives
        known = set(first)
    else:
        try:
            rows = large.scan_outputs(source).sort("class").select("expression", "entry").collect()
        except large.NotBuiltError as error:
            raise large.NotBuiltError(f"{error}, with --variant {source}") from error
        names, entries = rows["expression"].to_list(), rows["entry"].to_list()
        own = {space.resolve(name).entry for name in BASELINES}
        known = {text for text, entry in zip(names, entries, strict=True) if entry in own}
    order = np.random.default_rng([SEED, number]).permutation(len(names))
    others = (names[int(position)] for position in order)
    chosen: list[str] = []
    while len(chosen) < count and (text := next(others, None)) is not None:
        if text not in known:
            chosen.append(text)
    return first + chosen


class DrawnSpace(SearchSpace):
    """Drawn functions as a search space, at several learning rates.

    Spectra are computed into the search's folder when a search first asks for any; what one takes
    on average is charged as its function enters a pool.

    Parameters
    ----------
    texts
        The functions.
    rates, own_rate
        Of the search, and the recipe's.
    setting
        Makes the network and batch of the spectra; called when they are computed.
    folder
        The search's own.
    """

    def __init__(
        self,
        texts: Sequence[str],
        rates: Sequence[float],
        own_rate: float,
        setting: Callable[[], Setting],
        folder: Path,
    ) -> None:
        points = load_space().points
        with np.errstate(all="ignore"):
            outputs = np.array([parse(text).to_numpy()(points) for text in texts])
        super().__init__(
            range(len(texts)),
            [[text] for text in texts],
            finite_outputs(outputs),
            meter=_SpectraMeter(folder),
            rates=tuple(rates),
            own_rate=own_rate,
        )
        self._setting, self._folder = setting, folder

    def _entry_of(self, expression: str) -> int:
        """Return the position of a baseline by its plain spelling, ``elu(x)``."""
        entry = load_space().resolve(expression).entry
        if entry not in self._position_of_entry:
            raise NotInSpaceError(expression, ())
        return self._position_of_entry[entry]

    @cached_property
    def _position_of_entry(self) -> dict[int, int]:
        return {
            load_space().entry_of[text]: place
            for place, text in enumerate(self.expressions[: len(BASELINES)])
        }

    def _spectra(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the spectra, computed where they are not there yet."""
        if not (self._folder / SPECTRA).exists():
            setting = self._setting()

            def spectrum(
                expression: Expression,
            ) -> tuple[NDArray[np.float32], list[int]] | None:
                feature = fisher_feature(expression, setting)
                if feature.quantiles is None:
                    return None
                return feature.quantiles, [layer.weights for layer in feature.layers]

            self._folder.mkdir(parents=True, exist_ok=True)
            compute_spectra(self._folder, self.expressions, spectrum)
        return read_spectra(self._folder / SPECTRA)


class _SpectraMeter(Meter):
    """A meter that knows what a spectrum costs once they are computed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(None)
        self._file = folder / SPECTRA

    def _spectra_s(self, functions: int) -> float:
        if self._spectrum_s is None and self._file.exists():
            self._spectrum_s = seconds_each(self._file)
        return super()._spectra_s(functions)
