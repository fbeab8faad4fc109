"""What all spaces share: what a benchmark, and a search, ask of a finite set of functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from act_bench.functions.expression import Expression
    from act_bench.spaces.paper import Resolution


class FunctionSpace(Protocol):
    """A finite set of functions, numbered from 0; :class:`~act_bench.spaces.paper.Space` is one."""

    @property
    def representatives(self) -> Sequence[str]:
        """One spelling of each function."""

    @property
    def entry_of(self) -> Mapping[str, int]:
        """The number of each expression that the space lists."""

    @property
    def outputs(self) -> NDArray[np.float32] | NDArray[np.float64]:
        """Values of each function at fixed points: (functions, points)."""

    def resolve(self, expression: str | Expression) -> Resolution:
        """Return which function an expression is.

        Raises
        ------
        act_bench.spaces.paper.NotInSpaceError
            It is none of the space.
        """
