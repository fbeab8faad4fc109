"""The spaces that a live search can be over, and what optimisers may know of their functions."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.expression import Expression
from act_bench.spaces.paper import NotInSpaceError, Resolution, finite_outputs, load_space
from act_bench.tables.maps import load_map
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import one_of
from surrogates.live.benchmark import LiveData
from surrogates.live.spectra import SPECTRA, read_spectra, seconds_each
from surrogates.protocol import SearchSpace

if TYPE_CHECKING:
    from act_bench.spaces.paper import Space

SPACES: Final = ("paper", "large", "swish")
"""The 2,913 functions of the tables; the large space of ``act-bench space``; the Swish paper's."""


class SwishFunctions:
    """The space of the Swish paper with as much of a ``Space`` as a search uses.

    Attributes
    ----------
    representatives
        One spelling of each function.

    Examples
    --------
    >>> space = SwishFunctions()
    >>> space.representatives[space.resolve("mul(identity(x),sigmoid(x))").entry]
    'mul(identity(x),sigmoid(x))'
    """

    def __init__(self) -> None:
        from surrogates.swish import swish_space

        self.search_space = swish_space()
        self.representatives = self.search_space.expressions

    def resolve(self, expression: str | Expression) -> Resolution:
        """Return the position of a function in any spelling.

        Raises
        ------
        act_bench.spaces.paper.NotInSpaceError
            It is none of the space.
        """
        text = str(expression)
        position = self.search_space.find(text)
        if position is None:
            raise NotInSpaceError(text, ())
        exact = text == self.representatives[position]
        return Resolution(position, "exact" if exact else "commuted")


def open_space(name: str) -> Space:
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
        return cast("Space", SwishFunctions())  # these two have what a benchmark asks of a space
    from surrogates.live.large import open_large_space

    return cast("Space", open_large_space())


def search_space(name: str, data: LiveData, folder: Path) -> SearchSpace:
    """Return what optimisers may know of the functions of a space.

    Parameters
    ----------
    name
        Of the space.
    data
        Over that space.
    folder
        The search's own, with the Fisher spectra of a user's own network if they were asked for.
    """
    if name == "swish":
        swish: SwishFunctions = cast("SwishFunctions", data.space)
        return swish.search_space
    if name == "large":
        from surrogates.live.large import LargeSpace

        large: LargeSpace = cast("LargeSpace", data.space)
        return large.search_space(data.table, data.fidelity, folder)
    if data.table in TABLES:
        # What is known without training is what is known of the table: spectra, maps, their cost.
        return SearchSpace.of(dataclasses.replace(data, edition="regenerated"))
    space, spectra = data.space, folder / SPECTRA
    spellings: list[list[str]] = [[] for _ in space.representatives]
    for text, entry in space.entry_of.items():
        spellings[entry].append(text)
    known = spectra.exists()
    return SearchSpace(
        data.covered,
        spellings,
        finite_outputs(space.outputs),
        lambda text: space.resolve(text).entry,
        (lambda: read_spectra(spectra)) if known else _no_spectra,
        stored_map=_map_by_outputs,
        spectrum_s=seconds_each(spectra) if known else 0.0,
    )


def _map_by_outputs(kind: str) -> NDArray[np.float64] | None:
    """Return the stored map by outputs, which no network changes."""
    if kind != "outputs":
        return None
    return load_map("mlp", "outputs").places.astype(np.float64)


def _no_spectra() -> NoReturn:
    raise ValueError(
        "it needs Fisher spectra of your network: give --fisher, or fisher=True to network_problem"
    )
