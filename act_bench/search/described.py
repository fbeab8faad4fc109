"""What a benchmark says of itself: what may be asked, and nothing of the answers."""

from __future__ import annotations

from functools import cached_property

from act_bench.search.benchmark_data import MetricInfo, SearchData
from act_bench.spaces.protocol import FunctionSpace, PartOfSpace
from act_bench.tables.schema import UnknownNameError


class Described:
    """What a :class:`~act_bench.search.benchmark.Benchmark` answers for itself.

    Parameters
    ----------
    data : SearchData
        What it answers from.
    """

    def __init__(self, data: SearchData) -> None:
        self._data = data

    @cached_property
    def space(self) -> FunctionSpace:
        """What can be asked for: spellings, operators, draws, neighbours, ``in``, ``len``.

        All functions that the table can answer for, and nothing of how well they train.

        Examples
        --------
        >>> import act_bench
        >>> space = act_bench.Benchmark("mlp").space
        >>> len(space), "swish" in space, space.sample(7) in space
        (2913, True, True)
        """
        space, covered = self._data.space, self._data.covered
        return space if len(covered) == len(space) else PartOfSpace(space, covered)

    @property
    def epochs(self) -> int | None:
        """Epochs of a whole training; None where there are no learning curves, so no parts."""
        try:
            return self._data.curves.epochs
        except UnknownNameError:
            return None

    @property
    def metric(self) -> MetricInfo:
        """What a score is made of, in which direction, and the score of what diverged.

        Examples
        --------
        >>> import act_bench
        >>> act_bench.Benchmark("mlp").metric
        MetricInfo(name='validation_accuracy', higher_is_better=True, worst_score=0.1)
        """
        return MetricInfo.of(self._data)

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates that a query may name, ascending; empty if the table has one only."""
        return self._data.rates

    @property
    def covered(self) -> tuple[int, ...]:
        """The entries that the table can answer for, ascending."""
        return self._data.covered
