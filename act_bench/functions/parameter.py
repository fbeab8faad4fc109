"""What is learned with the weights, and what a backend needs to know of the function."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, Protocol

GOLU_IS_ZERO: Final = -20.0
"""Below it the gate of GoLU, exp(-exp(-x)), is 0 in every dtype."""
TELU_IS_ZERO: Final = -800.0
"""Below it TeLU is."""
GATE_IS_ONE: Final = 60.0
"""Above it the gates of both are 1, slopes included."""
XIELU_BETA: Final = 0.5
"""The slope of xIELU at 0, which is fixed (Huang and Schlag 2024)."""


class Parameter(NamedTuple):
    """What is learned with the weights: one number, or several together.

    Attributes
    ----------
    symbol : str
        As in the formula.
    initial : float or tuple of float
        Its value before training; several numbers lie along a first axis of their own.
    granularity : {"layer", "channel"}
        Whether a layer has one of them, or each of its channels.
    note : str
        Where the initial value and the granularity are from.
    """

    symbol: str
    initial: float | tuple[float, ...]
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
