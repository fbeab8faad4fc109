"""The spaces that a live search can be over, and what optimizers may know of their functions."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from act_bench.errors import ArgumentError
from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators import SWISH_OPERATORS
from act_bench.spaces.paper import NotInSpaceError, Space, finite_outputs, load_space
from act_bench.spaces.protocol import Asked, FunctionSpace, Resolution
from act_bench.tables.maps import load_map
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import one_of
from surrogates.live.benchmark import LiveData
from surrogates.live.spectra import SPECTRA, read_spectra, seconds_each
from surrogates.metering import Meter
from surrogates.search_space import SearchSpace

SPACES: Final = ("paper", "large", "swish")
"""The 2,913 functions of the tables; the large space of ``act-bench space``; the Swish paper's."""


class SwishFunctions(FunctionSpace):
    """The space of the Swish paper.

    Attributes
    ----------
    representatives
        One spelling of each function.
    expressions
        The 6,250 of the paper.
    entry_of
        The number of each of them.
    outputs
        Finite values of the functions at fixed points.

    Examples
    --------
    >>> space = SwishFunctions()
    >>> space.representatives[space.resolve("mul(identity(x),sigmoid(x))").entry]
    'mul(identity(x),sigmoid(x))'
    """

    representatives: tuple[str, ...]
    expressions: tuple[str, ...]
    entry_of: dict[str, int]
    outputs: NDArray[np.float64]

    def __init__(self) -> None:
        from surrogates.swish import swish_space

        self.search_space = swish_space()
        self.representatives = self.search_space.expressions
        self.entry_of = self.search_space.entry_of
        self.expressions = tuple(self.entry_of)
        self.outputs = self.search_space.outputs

    def resolve(self, expression: Asked) -> Resolution:
        """Return the position of a function in any spelling.

        Raises
        ------
        act_bench.spaces.paper.NotInSpaceError
            It is none of the space.
        """
        text = self.spelling(expression)
        position = self.search_space.find(text)
        if position is None:
            raise NotInSpaceError(text, ())
        exact = text == self.representatives[position]
        return Resolution(position, "exact" if exact else "commuted")

    def _tree(self, text: str) -> Expression:
        return parse(text, SWISH_OPERATORS)


def open_space(name: str) -> FunctionSpace:
    """Return a space by its name.

    Raises
    ------
    act_bench.tables.schema.UnknownNameError
        There is no such space; a ValueError.
    act_bench.files.manifest.DataError
        The large space was not built yet.

    Examples
    --------
    >>> len(open_space("paper").representatives)
    2913
    """
    if one_of("space", name, SPACES) == "paper":
        return load_space()
    if name == "swish":
        return SwishFunctions()
    from surrogates.live.large import open_large_space

    return open_large_space()


def search_space(data: LiveData, folder: Path) -> SearchSpace:
    """Return what optimizers may know of the functions of a space.

    Parameters
    ----------
    data
        Over that space.
    folder
        The search's own, with the Fisher spectra of a user's own network if they were asked for.
    """
    if isinstance(data.space, SwishFunctions):
        return data.space.search_space
    if not isinstance(data.space, Space):
        from surrogates.live.large import LargeSpace

        if isinstance(data.space, LargeSpace):
            return data.space.search_space(data.table, data.fidelity, folder)
    if data.table in TABLES:
        # What is known without training is what is known of the table: spectra, maps, their cost.
        return SearchSpace.of(data)
    return NetworkSpace(data.space, folder / SPECTRA)


class NetworkSpace(SearchSpace):
    """The functions of the paper's space as a user's own network sees them.

    Parameters
    ----------
    space
        All of it.
    spectra
        The file of the network's Fisher spectra, if they were computed.
    """

    def __init__(self, space: FunctionSpace, spectra: Path) -> None:
        spellings: list[list[str]] = [[] for _ in space.representatives]
        for text, entry in space.entry_of.items():
            spellings[entry].append(text)
        super().__init__(
            range(len(spellings)),
            spellings,
            finite_outputs(space.outputs),
            meter=Meter(seconds_each(spectra)) if spectra.exists() else None,
        )
        self._resolve, self._file = space.resolve, spectra

    def _entry_of(self, expression: str) -> int:
        return self._resolve(expression).entry

    def _spectra(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        if not self._file.exists():
            raise ArgumentError(
                "it needs Fisher spectra of your network: give --fisher, or fisher=True to "
                "network_problem"
            )
        return read_spectra(self._file)

    def _stored_map(self, kind: str) -> NDArray[np.float64] | None:
        """Return the stored map by outputs, which no network changes."""
        if kind != "outputs":
            return None
        return load_map("mlp", "outputs").places.astype(np.float64)
