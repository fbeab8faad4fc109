"""What is learned with the weights, and what a backend needs to know of the function."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol


class Parameter(NamedTuple):
    """A parameter that is learned with the weights.

    Attributes
    ----------
    symbol : str
        As in the formula.
    initial : float
        Its value before training.
    granularity : {"layer", "channel"}
        Whether a layer has one of them, or each of its channels.
    note : str
        Where the initial value and the granularity are from.
    """

    symbol: str
    initial: float
    granularity: Literal["layer", "channel"]
    note: str


class Named(Protocol):
    """What a backend needs of a :class:`act_bench.functions.named.NamedFunction`."""

    @property
    def name(self) -> str:
        """By which the backend has its formula."""
        ...

    @property
    def parameter(self) -> Parameter | None:
        """What is learned, if anything."""
        ...
