"""A time limit for sweeps: on machines that are lent for minutes, or by a queue for hours."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

Task = TypeVar("Task")


class TimeLimit:
    """Lets trainings begin as long as they would end in time, by the longest that has ended.

    Time counts from the moment at which the limit is made.

    Parameters
    ----------
    seconds
        After these all that has begun should have ended.
    expected_s
        Seconds of a function, believed until one has ended.

    Examples
    --------
    >>> limit = TimeLimit(60, expected_s=1)
    >>> limit.took(40)
    >>> list(limit.within([["relu(x)"], ["elu(x)", "tanh(x)"]]))
    [['relu(x)']]
    """

    def __init__(self, seconds: float, expected_s: float = 0.0) -> None:
        self._end = time.monotonic() + seconds
        self._expected_s = expected_s
        self._longest_s: float | None = None

    @property
    def left_s(self) -> float:
        """Seconds that are left, at least 0."""
        return max(0.0, self._end - time.monotonic())

    def took(self, seconds: float) -> None:
        """Note how long a function took."""
        self._longest_s = max(seconds, self._longest_s or 0.0)

    def within(self, chunks: Iterable[Sequence[Task]]) -> Iterator[Sequence[Task]]:
        """Yield chunks of functions until one would end too late."""
        for chunk in chunks:
            each = self._expected_s if self._longest_s is None else self._longest_s
            if each * len(chunk) > self.left_s or not self.left_s:
                return
            yield chunk
