"""The methods that a live search can use, by name: all optimizers, and those that are none.

A method that is no optimizer is a function in a module of its own, imported when it is asked for:

.. code-block:: python

    def propose(problem, seed, out, budget) -> Iterator[Proposal]: ...

It yields :class:`~surrogates.live.sessions.Proposal` one after the other, and keeps in ``out`` what
it needs to go on after a kill.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from act_bench.errors import ActBenchError, ArgumentError, ExitCode
from act_bench.search.events import Searcher
from regenerate.runs.store import RunStore
from regenerate.training.trainers import Progress
from surrogates import optimizers
from surrogates.live.benchmark import LiveBenchmark
from surrogates.live.problem import Problem
from surrogates.live.sessions import OptimizerSession, Proposal, ProposalSession, Session
from surrogates.live.spaces import search_space
from surrogates.optimizers import NAMES, plain_name
from surrogates.protocol import Factory
from surrogates.searches.single import begin

Propose = Callable[..., Iterator[Proposal]]

PROPOSERS: Final[dict[str, str]] = {"grafs": "surrogates.live.proposers:grafs"}
"""Name -> ``module:function`` of a method that is no optimizer."""

OPTIMIZERS: Final[dict[str, str]] = {"transfer": "surrogates.live.transfer:Transfer"}
"""Name -> ``module:class`` of an optimizer for live searches only."""

STOP_EARLY: Final = frozenset({"halving", "hyperband"})
"""Optimizers that stop trainings and take them up again, which a live search cannot."""

METHODS: Final = (*(name for name in NAMES if name not in STOP_EARLY), *OPTIMIZERS, *PROPOSERS)
"""All names that a live search knows."""


class MethodError(ActBenchError, ValueError):
    """Unknown method or setting, or a method that cannot search here."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True)
class Context:
    """Where a session takes place.

    Attributes
    ----------
    problem, store
        What is searched, and the search's folder.
    searcher
        Who searches: a plain name of :data:`METHODS`, all settings, seed and workers.
    processes
        Workers to train on; None trains in this process.
    progress
        Told the share of a training in this process.
    """

    problem: Problem
    store: RunStore
    searcher: Searcher
    processes: Executor | None = None
    progress: Progress | None = None


def find_method(name: str) -> Factory | Propose:
    """Return the factory of an optimizer, or the function that proposes.

    Parameters
    ----------
    name
        One of :data:`METHODS`; settings of an optimizer follow after colons.

    Raises
    ------
    MethodError
        There is no method of that name, it stops trainings early, or it has no such setting.
    act_bench.errors.MissingExtraError
        It needs a package that is not installed.

    Examples
    --------
    >>> from surrogates.protocol import settings_of
    >>> settings_of(find_method("gp-ei:starts=5"))
    {'starts': 5, 'features': 'outputs'}
    """
    plain = plain_name(name)
    if plain in STOP_EARLY:
        raise MethodError(
            f"{plain} stops trainings early and takes them up again, which a live search cannot: "
            f"choose from {', '.join(METHODS)}"
        )
    if plain not in METHODS:
        raise MethodError(f"no method {plain!r}; choose from {', '.join(METHODS)}")
    if plain not in PROPOSERS:
        return find_optimizer(name)
    if name != plain:
        raise MethodError(f"{plain} has no settings, got {name!r}")
    return find_proposer(plain)


def find_optimizer(name: str) -> Factory:
    """Return the factory of an optimizer that a live search knows, see :func:`find_method`."""
    plain = plain_name(name)
    try:
        if plain in OPTIMIZERS:
            return optimizers.with_settings(name, _at(OPTIMIZERS[plain]))
        return optimizers.find_optimizer(name)
    except ArgumentError as error:
        raise MethodError(str(error)) from error


def find_proposer(name: str) -> Propose:
    """Return the function of a method of :data:`PROPOSERS`."""
    propose: Propose = _at(PROPOSERS[name])
    return propose


def _at(address: str) -> Any:
    module, _, name = address.partition(":")
    return getattr(importlib.import_module(module), name)


def open_session(context: Context) -> Session:
    """Return the session of a method.

    Raises
    ------
    MethodError
        As :func:`find_method`, or the method needs what this problem has not.
    """
    problem, store, searcher = context.problem, context.store, context.searcher
    if searcher.name in PROPOSERS:
        if problem.space != "paper" or searcher.workers > 1:
            raise MethodError(
                f"{searcher.name} searches a space of its own, in one process: expected "
                f"space='paper' and workers=1, got {problem.space!r} and {searcher.workers}"
            )
        propose = partial(find_proposer(searcher.name), problem, searcher.seed, store.folder)
        return ProposalSession(problem, store, propose, context.progress)
    data = problem.data()
    bench = LiveBenchmark(
        data,
        store,
        problem.trainer,
        problem.seeds,
        searcher=searcher,
        workers=context.processes,
        progress=context.progress,
    )
    known = search_space(data, store.folder)
    factory = find_optimizer(searcher.name)
    try:
        optimizer = begin(bench, known, factory, searcher.seed, searcher.settings)
    except ArgumentError as error:
        raise MethodError(f"{searcher.name}: {error}") from error
    return OptimizerSession(bench, optimizer, known, searcher.workers)
