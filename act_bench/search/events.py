"""What happens in a search: questions, answers, charges and the end. All of it is immutable.

Benchmarks make these, traces store them, optimizers are told of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from act_bench.arguments import plain_settings, whole_number

if TYPE_CHECKING:
    from act_bench.spaces.protocol import How

Outcome = Literal["ok", "diverged", "missing"]
Setting = bool | int | float | str | None


class Result(NamedTuple):
    """The answer to one query. Immutable.

    Attributes
    ----------
    outcome : {"ok", "diverged", "missing"}
        ``diverged``: a loss was not finite. ``missing``: the table has no run of this entry.
    validation_accuracy : float or None
        Fraction in [0, 1]; None unless ``ok``.
    cost_s : float or None
        What this query added to the clock, in seconds of training; 0 for a repeat. None where the
        table does not say what the training took: then the clock is a lower bound.
    entry : int
        Number of the function in the space.
    how_resolved : {"exact", "commuted", "numerical"}
        How the spelling that was asked for relates to the first spelling of its entry: it is that
        one, or that one with arguments swapped, or another formula with the same values.
    score : float or None
        What a maximizer may use: the metric of the table, negated where lower is better; when
        ``diverged`` that of a network which learned nothing, such as the accuracy of guessing; None
        when ``missing``.
    repeated : bool
        Whether this search had asked for the entry before, for as many epochs or more.
    epochs : int or None
        After how many epochs this is; None after the whole training.
    learning_rate : float or None
        Peak of the learning rate of the training: the recipe's own, the one asked for, or in a
        tuned benchmark the one that suits the entry. None where it is not known, or where the
        entry diverged at every rate.
    """

    outcome: Outcome
    validation_accuracy: float | None
    cost_s: float | None
    entry: int
    how_resolved: How
    score: float | None
    repeated: bool
    epochs: int | None = None
    learning_rate: float | None = None

    @property
    def loss(self) -> float | None:
        """What a minimizer may use: minus the score, so the loss of a table that is searched by it.

        Examples
        --------
        >>> result = Result("ok", 0.75, 2.0, 20, "exact", score=0.75, repeated=False)
        >>> result.score, result.loss
        (0.75, -0.75)
        """
        return None if self.score is None else -self.score

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from act_bench.files.html import html_table

        return html_table("Result of a query", self._asdict())


class Partial(NamedTuple):
    """A question for less, or other, than the whole training of an expression.

    Attributes
    ----------
    expression : str
        Any spelling of a function, or its name.
    epochs : int or None
        Stop after so many; None trains to the end.
    rate : float or None
        Learning rate; None is that of the benchmark.
    """

    expression: str
    epochs: int | None = None
    rate: float | None = None


class Query(NamedTuple):
    """One query of a search.

    Attributes
    ----------
    expression : str
        What was asked.
    result : Result
        The answer.
    clock_s : float
        The clock after it, in seconds.
    rate : float or None
        The learning rate that was asked for; None where the benchmark's own was meant.
    """

    expression: str
    result: Result
    clock_s: float
    rate: float | None = None


class Charge(NamedTuple):
    """Seconds that a search was charged besides training, for what, and the clock after it."""

    reason: str
    cost_s: float
    clock_s: float


class Revealed(NamedTuple):
    """The end of a search: the best entry by validation and its sealed test metrics.

    Attributes
    ----------
    entry : int
        Of the highest score; of equals, the one that was queried first.
    expression : str
        Its first spelling in the space.
    validation_accuracy, test_accuracy : float or None
        Fractions in [0, 1]; None when everything that was queried diverged.
    test_loss : float or None
        In nats.
    evaluations : int
        Number of different entries that were queried.
    clock_s : float
        The clock at the end, in seconds.
    """

    entry: int
    expression: str
    validation_accuracy: float | None
    test_accuracy: float | None
    test_loss: float | None
    evaluations: int
    clock_s: float


Event = Query | Charge | Revealed


class _Searcher(NamedTuple):
    name: str
    settings: Mapping[str, Setting]
    seed: int
    workers: int = 1


class Searcher(_Searcher):
    """Who searches: what a trace needs to run the search again.

    Numbers of NumPy become those of Python, so that the trace can be saved.

    Attributes
    ----------
    name : str
        Of the optimizer.
    settings : mapping of str to bool, int, float, str or None
    seed : int
    workers : int
        How many trainings ran at a time.

    Raises
    ------
    act_bench.errors.ArgumentError
        Seed or workers are no whole numbers, or a setting has no place in a trace; a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> Searcher("knn", {"neighbours": np.int64(3)}, seed=np.uint32(7)).settings
    {'neighbours': 3}
    """

    __slots__ = ()

    def __new__(
        cls, name: str, settings: Mapping[str, Setting], seed: int, workers: int = 1
    ) -> Self:
        """Return who searches, in numbers of Python."""
        return super().__new__(
            cls,
            str(name),
            plain_settings(settings),
            whole_number(seed, "seed"),
            whole_number(workers, "workers"),
        )
