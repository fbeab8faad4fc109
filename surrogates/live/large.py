"""The large space as a benchmark and a search see it: one function a class, with its outputs.

The space itself is made and kept by :mod:`act_bench.spaces.large`. What a search needs of it fits
in memory: 430,000 spellings and as many rows of 80 outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.files.manifest import DataError
from act_bench.functions.catalogue import read
from act_bench.spaces import large as large_space
from act_bench.spaces.paper import NotInSpaceError, finite_outputs, load_space
from act_bench.spaces.protocol import Asked, FunctionSpace, Resolution
from surrogates.search_space import SearchSpace

Float = NDArray[np.float64]


class NotInLargeSpaceError(NotInSpaceError):
    """An expression that is none of the functions of the large space."""

    def __str__(self) -> str:
        ((name, distance),) = self.nearest
        return (
            f"{self.expression} is none of the functions of the large space; the nearest by "
            f"outputs is {name} (distance {distance:.2g}). Train it all the same: "
            f"act-bench regenerate '{self.expression}'"
        )


class Prior(NamedTuple):
    """What a table says, known before a search beyond it begins.

    Attributes
    ----------
    table, sha256
        Which table, and of which file.
    outputs
        (entries, 80), finite.
    scores
        (entries,) validation accuracy; chance level for what diverged.
    entries
        (entries,) their numbers.
    """

    table: str
    sha256: str
    outputs: NDArray[np.float32]
    scores: Float
    entries: NDArray[np.int64]


class LargeSearchSpace(SearchSpace):
    """The functions of the large space, and what a table says of 2,913 others.

    Parameters
    ----------
    space
        The large space.
    table, fidelity
        The table that is known.
    folder
        Of the search: features that are computed are kept there.
    """

    def __init__(self, space: LargeSpace, table: str, fidelity: str, folder: Path) -> None:
        super().__init__(
            range(len(space.representatives)),
            [[text] for text in space.representatives],
            space.outputs,
        )
        self._resolve = space.resolve
        self.table, self.fidelity, self.folder = table, fidelity, folder
        self.entry_in_table = space.entry_in_table

    def _entry_of(self, expression: str) -> int:
        return self._resolve(expression).entry

    @cached_property
    def prior(self) -> Prior:
        """The table's scores.

        Raises
        ------
        act_bench.files.manifest.DataError
            The table is not embedded at this fidelity.
        """
        return read_prior(self.table, self.fidelity)


@dataclass(frozen=True, eq=False)
class LargeSpace(FunctionSpace):
    """The large space as a benchmark sees it.

    Attributes
    ----------
    representatives
        The simplest spelling of each class, in the order of the classes.
    entry_in_table
        (classes,) the entry of the 2,913 that a class is; -1 for none.
    outputs
        (classes, 80) float32, finite.
    """

    representatives: tuple[str, ...]
    entry_in_table: NDArray[np.int64]
    outputs: NDArray[np.float32]

    @cached_property
    def entry_of(self) -> dict[str, int]:
        """Class of each representative."""
        return {text: number for number, text in enumerate(self.representatives)}

    @property
    def expressions(self) -> tuple[str, ...]:
        """The representatives: other spellings are resolved by their values."""
        return self.representatives

    def resolve(self, expression: Asked) -> Resolution:
        """Return the class of an expression: a representative, or any spelling of a function.

        Raises
        ------
        NotInLargeSpaceError
            The space has no such function.
        """
        text = self.spelling(expression)
        known = self.entry_of.get(text)
        if known is None:
            tree = read(text) if isinstance(expression, str) else expression
            known = self.entry_of.get(str(tree))
        if known is not None:
            return Resolution(known, "exact")
        nearest = large_space.neighbours(text, 1)
        if not nearest["same"][0]:
            raise NotInLargeSpaceError(text, ((nearest["expression"][0], nearest["distance"][0]),))
        return Resolution(int(nearest["class"][0]), "numerical")

    def search_space(self, table: str, fidelity: str, folder: Path) -> LargeSearchSpace:
        """Return what optimizers may know of it."""
        return LargeSearchSpace(self, table, fidelity, folder)


def open_large_space() -> LargeSpace:
    """Read the large space from the user's cache, in about two seconds.

    Raises
    ------
    act_bench.files.manifest.DataError
        It was not made on this machine; the message says how.
    """
    try:
        rows = (
            large_space.scan_outputs()
            .sort("class")
            .select("expression", pl.col("entry").fill_null(-1).cast(pl.Int64), "outputs")
            .collect()
        )
    except large_space.NotBuiltError as error:
        raise DataError(str(error)) from error
    outputs = rows["outputs"].explode().to_numpy().reshape(len(rows), -1)
    return LargeSpace(
        tuple(rows["expression"].to_list()), rows["entry"].to_numpy(), finite_outputs(outputs)
    )


def read_prior(table: str, fidelity: str) -> Prior:
    """Return what a table says of its entries.

    Raises
    ------
    act_bench.files.manifest.DataError
        It is not embedded at this fidelity.

    Examples
    --------
    >>> prior = read_prior("mlp", "full")
    >>> prior.outputs.shape, prior.scores.shape
    ((2913, 80), (2913,))
    """
    from act_bench.search.loading import load_data

    data = load_data(table, fidelity)
    covered = np.array(data.covered)
    scores = np.array([data.score(entry) for entry in data.covered], dtype=np.float64)
    outputs = finite_outputs(load_space().outputs)[covered]
    return Prior(table, data.sha256, outputs, scores, covered)
