"""The benchmark: look up what a training would give, on a clock, with the test split sealed.

A :class:`Benchmark` is *one search* over one table. What the rules are:

- **Validation only.** A query shows validation accuracy, and a score: the metric of the table,
  higher being better. Test is sealed until
  :meth:`Benchmark.reveal`, which ends the search: it can be called once, and no query comes after.
- **Any spelling**, name or entry number. It resolves to its entry, and the result says how.
- **A repeat is charged once.** Asking for an entry again, in whatever spelling, costs nothing and
  is no new evaluation.
- **The clock is training time.** ``clock_s`` is the sum of ``runtime_s`` over the runs that stand
  behind the queried entries: with ``seed=None`` an entry's value is the median over its runs, so
  all of them are charged; with ``seed=3`` one run is. Seconds are those of the machine that made
  the table. Work that a search does besides, such as features, is added with
  :meth:`Benchmark.charge`; the search's own computing is not on the clock.
- **A training can be stopped and taken up again.** ``query(expression, epochs=3)`` shows the
  validation accuracy after three epochs and charges their share of the training; asking later for
  more epochs, or for all, charges the difference. Only what was trained to the end is an
  evaluation and can be revealed.
- **Unknown is not free.** Where a table does not say what a training took, its ``cost_s`` is None;
  the clock leaves it out and says so: ``clock_is_lower_bound``.
- **Outcomes are typed.** ``ok``, ``diverged`` or ``missing``; never a sentinel number.
- **Threads may share one search.** A query, a charge and the reveal are one step each, so that
  nothing is charged twice; in which order they come is up to the threads. Processes have a copy
  each: start them by ``spawn``, since polars and Arrow have threads, which a ``fork`` breaks.

Reading needs pyarrow, not polars, so that a cold start stays short.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from act_bench.arguments import finite_number
from act_bench.errors import ArgumentError, ArgumentTypeError, excerpt
from act_bench.files.html import html_table
from act_bench.search.account import Account
from act_bench.search.benchmark_data import SearchData
from act_bench.search.events import Charge, Partial, Result, Revealed, Searcher
from act_bench.search.loading import load_data
from act_bench.search.optimum import Optimum, best_of
from act_bench.search.refusals import SealedError, SearchOverError
from act_bench.search.request import understood
from act_bench.spaces.protocol import Asked
from act_bench.tables.rates import View, view_name

if TYPE_CHECKING:
    from act_bench.search.trace import Trace


class Benchmark(Account):
    """One search over one table: its own clock, its own trace and its own seal.

    Threads may share it: a query, a charge and the reveal are one step each.

    Parameters
    ----------
    table : str or SearchData
        A table with data, as ``act_bench.list_tables()`` names them; or data already in memory.
    fidelity : str, optional
        A named recipe of the table. Default: the highest that covers every entry; it is shown.
    edition : {"regenerated", "upstream"}
        Whose measurements.
    seed : int, optional
        Answer from the single run with this seed. Default: the medians over all runs.
    searcher : Searcher, optional
        Who searches, for the trace.
    rate : {"own", "tuned"} or float, optional
        Answer with the training at the recipe's own learning rate, with the one at the rate that
        suits the entry best, or with the one at this rate. ``tuned`` is charged the trainings at
        all rates behind it. Default: the recipe's own.

    Raises
    ------
    ValueError
        Unknown table, fidelity, edition or rate, or no run has the seed; the message lists what
        there is. Or one of these is given beside data in memory, which have their own.
    act_bench.files.manifest.DataError
        The file is absent or damaged.

    Examples
    --------
    >>> bench = Benchmark("mlp")
    >>> result = bench.query("add(tanh(x),elu(x))")
    >>> result.outcome, result.how_resolved, result.repeated
    ('ok', 'exact', False)
    >>> bench.query("add(elu(x), tanh(x))").cost_s  # the same function: charged once
    0.0
    >>> bench.evaluations, bench.clock_s == result.cost_s
    (1, True)
    """

    def __init__(
        self,
        table: str | SearchData,
        fidelity: str | None = None,
        edition: str = "regenerated",
        seed: int | None = None,
        *,
        searcher: Searcher | None = None,
        rate: View | None = None,
    ) -> None:
        if not isinstance(table, str) and not isinstance(getattr(table, "table", None), str):
            raise ArgumentTypeError(
                f"expected the name of a table, or the data of a search, got {excerpt(table)}"
            )
        unsaid = fidelity is None and edition == "regenerated" and seed is None and rate is None
        if not (isinstance(table, str) or unsaid):
            raise ArgumentError(
                "data in memory have their own fidelity, edition, seed and rate: give these to "
                "load_data, or give the name of a table in place of the data"
            )
        super().__init__(
            load_data(table, fidelity, edition, seed, rate) if isinstance(table, str) else table
        )
        self.searcher = searcher
        self._revealed = False
        self._lock = threading.RLock()  # a query, a charge and the reveal are one step each

    @property
    def optimum(self) -> Optimum:
        """The best that any search could have found; known once :meth:`reveal` ended this one.

        Where this search asked for learning rates, it is the best at any of them. For reports,
        :func:`act_bench.optimum` tells it of a table without a search.

        Raises
        ------
        SealedError
            The search is not over: an optimizer must not know it.
        act_bench.tables.schema.UnknownNameError
            It is a live search: what was not trained is not known.
        """
        if not self._revealed:
            raise SealedError(
                "the optimum is sealed until reveal() ends the search; for a report of a table, "
                f"act_bench.optimum({self._data.table!r}) tells it"
            )
        return best_of(self._data, any_rate=any(isinstance(key, tuple) for key in self._seen))

    @property
    def regret(self) -> float:
        """The score of :attr:`optimum` less the best score found; known after :meth:`reveal`.

        Examples
        --------
        >>> bench = Benchmark("mlp")
        >>> result, revealed = bench.query("tanh"), bench.reveal()
        >>> bench.optimum.expression, round(bench.regret, 4)
        ('add(tanh(x),tanh(x))', 0.0234)
        """
        optimum = self.optimum
        scores = (each.score for each in self._seen.values() if each.score is not None)
        return optimum.regret(max(scores))

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy in another process needs; a lock stays in its own."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what another process had, with a lock of its own."""
        self.__dict__.update(state)
        self._lock = threading.RLock()

    @property
    def trace(self) -> Trace:
        """The search so far, ready to be saved and replayed."""
        from act_bench.search.trace import Header, Trace

        return Trace(Header.of(self._data, self.searcher), self.events)

    def query(
        self,
        expression: Asked | Partial,
        epochs: int | None = None,
        rate: float | None = None,
    ) -> Result:
        """Look up what the training with an expression gives in validation.

        Parameters
        ----------
        expression : str or Expression or int or Partial
            Any spelling of a function of the space, its name in the catalogue, or the number of its
            entry; with :class:`Partial`, epochs and rate too.
        epochs : int, optional
            Stop after so many epochs of the training. Default: train to the end.
        rate : float, optional
            Train at this learning rate, one of :attr:`rates`. A function at two rates is two
            evaluations, on one clock. Default: that of the benchmark.

        Returns
        -------
        Result

        Raises
        ------
        act_bench.functions.expression.ParseError
            The text is no expression.
        act_bench.spaces.paper.NotInSpaceError
            The function is not in the space; the message offers the nearest entries. Where it is a
            named function with values beside the space, a :class:`BesideSpaceError` gives them.
        MissingRunError
            The benchmark was opened with a seed, and this entry has no run with it.
        SearchOverError
            The test split was revealed.
        ValueError
            There is no entry of this number, the training has not so many epochs, this edition has
            no learning curves, or the table was not trained at that rate.

        Examples
        --------
        >>> bench = Benchmark("mlp")
        >>> [Benchmark("mlp").query(each).entry for each in ("max(relu(x),elu(x))", "ReLU", 20)]
        [20, 20, 20]
        >>> begun, ended = bench.query("elu(x)", epochs=2), bench.query("elu(x)")
        >>> begun.epochs, round(begun.cost_s / bench.clock_s, 4), bench.evaluations
        (2, 0.25, 1)
        """
        with self._lock:
            if self._revealed:
                raise _query_after_reveal()
            return self._answer(*understood(self._data, expression, epochs, rate))

    def query_many(
        self,
        expressions: Iterable[Asked | Partial],
        epochs: int | None = None,
        rate: float | None = None,
    ) -> list[Result]:
        """Look up several functions, in order, each as :meth:`query` does.

        All are understood before any is charged: where one raises, nothing was asked.

        Parameters
        ----------
        expressions : iterable of str or Expression or int or Partial
            Each as for :meth:`query`, and with the same errors.
        epochs, rate
            For all that are no :class:`Partial`.

        Examples
        --------
        >>> bench = Benchmark("mlp")
        >>> [result.entry for result in bench.query_many(["relu", 265, "add(tanh(x),relu(x))"])]
        [20, 265, 265]
        >>> bench.evaluations
        2
        """
        if isinstance(expressions, str | Partial) or not isinstance(expressions, Iterable):
            raise ArgumentError(
                f"expected several functions, got {expressions!r}; query() takes a single one"
            )
        with self._lock:
            asked = list(expressions)
            if asked and self._revealed:
                raise _query_after_reveal()
            requests = [understood(self._data, each, epochs, rate) for each in asked]
            self._begin([text for text, *_ in requests])
            return [self._answer(*request) for request in requests]

    def _begin(self, texts: Sequence[str]) -> None:
        """Get ready for several functions; there is nothing to do for a look-up."""

    def charge(self, seconds: float, reason: str) -> None:
        """Add to the clock what a search spent besides training, such as computing features.

        Parameters
        ----------
        seconds : float
            Not negative.
        reason : str
            Kept in the trace.
        """
        try:
            seconds = finite_number(seconds, "seconds", least=0)
        except ArgumentError as error:
            raise ArgumentError(
                f"a charge is a finite number of seconds, 0 or more, got {seconds!r}"
            ) from error
        with self._lock:
            if self._revealed:
                raise SearchOverError("this search ended with reveal(): the clock has stopped")
            self._clock_s += seconds
            self._events.append(Charge(str(reason), seconds, self._clock_s))

    def reveal(self) -> Revealed:
        """End the search and return the test metrics of its best entry by validation; once.

        Returns
        -------
        Revealed

        Raises
        ------
        SearchOverError
            It was revealed before.
        ValueError
            Nothing was trained to the end yet.
        """
        with self._lock:
            return self._reveal()

    def _reveal(self) -> Revealed:
        if self._revealed:
            raise SearchOverError(
                "the test split was revealed already, once per search: the answer is the last line "
                "of bench.trace. bench.restart() begins a fresh search over the same data"
            )
        if not self._seen:
            raise ArgumentError(
                "nothing was trained to the end yet: there is no best entry to reveal"
            )
        # max keeps the first of equals, and a dict keeps the order of the queries.
        key, best = max(self._seen.items(), key=lambda item: _rank(item[1]))
        data = self._data if isinstance(key, int) else self._data.at_rate(key[1])
        revealed = Revealed(
            entry=best.entry,
            expression=data.space.representatives[best.entry],
            validation_accuracy=best.validation_accuracy,
            test_accuracy=data.test_accuracy[best.entry],
            test_loss=data.test_loss[best.entry],
            evaluations=self.evaluations,
            clock_s=self._clock_s,
        )
        self._revealed = True
        self._events.append(revealed)
        return revealed

    def restart(self, searcher: Searcher | None = None) -> Benchmark:
        """Return a fresh search over the same data: clock at 0, sealed. Cheap.

        Parameters
        ----------
        searcher : Searcher, optional
            Who searches; default: as before.
        """
        return Benchmark(self._data, searcher=searcher or self.searcher)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        data = self._data
        return html_table(
            f"Benchmark of {data.table}",
            {
                "edition": data.edition,
                "fidelity": data.fidelity,
                "learning rate": view_name(data.rate),
                "values": data.values,
                "entries": f"{len(data.covered):,} of {len(data.outcome):,}",
                "evaluations": self.evaluations,
                "clock": shown_clock(self.clock_s, self.clock_is_lower_bound),
                "test metrics": "revealed" if self._revealed else "sealed",
            },
        )

    def __repr__(self) -> str:
        data, clock = self._data, shown_clock(self.clock_s, self.clock_is_lower_bound)
        return (
            f"<Benchmark {data.table}: edition {data.edition}, fidelity {data.fidelity}, rate "
            f"{view_name(data.rate)}, "
            f"values {data.values}; {len(data.covered):,} of {len(data.outcome):,} entries; "
            f"{self.evaluations} evaluations, clock {clock}"
            f"{', revealed' if self._revealed else ''}>"
        )


def shown_clock(seconds: float, is_lower_bound: bool) -> str:
    """Return a clock in words.

    Examples
    --------
    >>> shown_clock(2.25, False), shown_clock(2.25, True)
    ('2.2 s of training', 'at least 2.2 s of training')
    """
    return f"{'at least ' if is_lower_bound else ''}{seconds:,.1f} s of training"


def data_behind(bench: Benchmark) -> SearchData:
    """Return what a benchmark answers from, sealed metrics too: for a harness, never an optimizer.

    Examples
    --------
    >>> data_behind(Benchmark("cnn")).fidelity
    'proxy'
    """
    return bench._data


def _query_after_reveal() -> SearchOverError:
    return SearchOverError(
        "this search ended with reveal(): no query may follow the test metrics. "
        "bench.restart() begins a fresh search over the same data"
    )


def _rank(result: Result) -> tuple[bool, float]:
    """Return what the best result has most of: what trained comes before what diverged."""
    return result.outcome == "ok", -math.inf if result.score is None else result.score
