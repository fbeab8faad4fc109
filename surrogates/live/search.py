"""A whole live search: propose, train, tell, confirm, reveal; resumable after any interruption."""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from act_bench.arguments import whole_number
from act_bench.errors import ArgumentError
from act_bench.files.atomic import replacing
from act_bench.files.documents import check_types, read_object
from act_bench.search.events import Searcher
from regenerate.runs.store import RunStore, SearchFolderError
from surrogates.live.confirm import FRESH, Candidate, Confirmed, Estimate, confirm
from surrogates.live.course import Budget, pool
from surrogates.live.found import Evaluated, Found
from surrogates.live.methods import Context, find_method, open_session
from surrogates.live.problem import Problem
from surrogates.optimizers import plain_name
from surrogates.protocol import settings_of

RESULT: Final = "result.json"


class Confirmation(NamedTuple):
    """How many of the best functions are trained again, and with how many fresh seeds.

    Examples
    --------
    >>> Confirmation.parse("3x5")
    Confirmation(functions=3, seeds=5)
    """

    functions: int = 3
    seeds: int = 3

    @classmethod
    def parse(cls, text: str) -> Confirmation:
        """Read ``3x5``; ``0`` is none.

        Raises
        ------
        ValueError
            If the text is neither.
        """
        if text == "0":
            return cls(0, 0)
        functions, _, seeds = text.partition("x")
        if functions.isdecimal() and seeds.isdecimal() and int(functions) > 0 and int(seeds) > 0:
            return cls(int(functions), int(seeds))
        raise ArgumentError(
            f"expected functions x seeds such as 3x5, three functions with five seeds each, or 0 "
            f"for none; got {text!r}"
        )


class Watcher(Protocol):
    """Is told what a search does."""

    def evaluated(self, each: Evaluated) -> None:
        """Take notice of a function that was trained."""

    def share(self, done: float) -> None:
        """Take notice of the share done of the training in hand."""

    def confirming(self, expression: str) -> None:
        """Take notice that a function is trained again."""


class Silent:
    """An observer that does nothing."""

    def evaluated(self, each: Evaluated) -> None:
        """Do nothing."""

    def share(self, done: float) -> None:
        """Do nothing."""

    def confirming(self, expression: str) -> None:
        """Do nothing."""


def search(
    problem: Problem,
    out: Path,
    *,
    method: str = "gp-ei",
    budget: Budget = Budget(evaluations=30),  # noqa: B008  (immutable)
    seed: int = 0,
    workers: int = 1,
    confirmation: Confirmation = Confirmation(),  # noqa: B008  (immutable)
    reveal: bool = True,
    watcher: Watcher | None = None,
) -> Found:
    """Search by real training, and say what was found.

    Called again with the same arguments it resumes where it stopped: what is stored is told to the
    optimizer again and not trained again. A larger budget continues the search,
    as long as test is sealed.

    Parameters
    ----------
    problem
        From :func:`surrogates.live.problem.table_problem` or
        :func:`surrogates.live.user_network.network.network_problem`.
    out
        The search's own folder; made if need be.
    method
        A name of :data:`surrogates.live.methods.METHODS`: an optimizer, or another method. Settings
        follow after colons, as in ``gp-ei:features=union``.
    budget
        When to stop.
    seed
        Of the method.
    workers
        Processes that train at a time.
    confirmation
        What is trained again at the end.
    reveal
        Whether to end with the test metrics of the best, which ends the search for good.
    watcher
        Told what happens.

    Raises
    ------
    SearchFolderError
        The folder belongs to another search, cannot be written to, or its search is over.
    surrogates.live.methods.MethodError
        There is no such method or setting, or the method does what live training cannot; a
        ValueError.

    Examples
    --------
    >>> import dataclasses
    >>> from surrogates.live.problem import table_problem
    >>> from regenerate.recipes import find
    >>> tiny = dataclasses.replace(find("mlp", "full"), epochs=1)
    >>> problem = table_problem("mlp", seeds=[0], recipe=tiny)
    >>> found = search(
    ...     problem, getfixture("tmp_path"), method="random", budget=Budget(evaluations=2),
    ...     confirmation=Confirmation(1, 2),
    ... )
    >>> [row.candidate.role for row in found.confirmed]
    ['found', 'best of the table']
    """
    watcher = watcher or Silent()
    seed, workers = whole_number(seed, "seed", least=0), whole_number(workers, "workers", least=1)
    confirmation = Confirmation(
        whole_number(confirmation.functions, "functions to confirm", least=0),
        whole_number(confirmation.seeds, "seeds of the confirmation", least=0),
    )
    searcher = Searcher(plain_name(method), settings_of(find_method(method)), seed, workers)
    store = RunStore(out, {**problem.identity, "searcher": searcher._asdict()})
    _refuse_if_over(out, budget)
    if problem.prepare is not None:
        problem.prepare(out)
    evaluated: list[Evaluated] = []
    try:
        with pool(workers) as processes:
            session = open_session(Context(problem, store, searcher, processes, watcher.share))
            for each in session.evaluations(budget):
                evaluated.append(each)
                watcher.evaluated(each)
    except BaseException:
        store.withdraw()
        raise
    if not evaluated:
        raise ArgumentError(f"a budget of {budget} allows no training")
    confirmed = _confirmed(problem, store, evaluated, confirmation, watcher)
    tested = session.reveal() if reveal else None
    if tested is not None and confirmed:
        tested = tested._replace(fresh=_fresh_test(problem, store, tested.expression, confirmation))
    found = Found(tuple(evaluated), tuple(confirmed), tested, evaluated[-1].clock_s)
    with replacing(out / RESULT) as draft:
        document = {"budget": astuple(budget), **found.to_json()}
        draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return found


def _refuse_if_over(out: Path, budget: Budget) -> None:
    """Refuse to go on with a search whose test metrics were shown; to repeat it is allowed."""
    try:
        result = read_object(out / RESULT)
        check_types(result, {"tested": (dict, type(None)), "budget": (list,)})
    except FileNotFoundError:
        return
    except ValueError as error:
        raise SearchFolderError(f"{out / RESULT} is damaged ({error}): delete it") from error
    if result["tested"] is not None and result["budget"] != list(astuple(budget)):
        raise SearchFolderError(
            f"the search in {out} is over: its test metrics were shown, so it cannot go on with "
            "another budget. Choose another --out, and --sealed to be able to go on"
        )


def _confirmed(
    problem: Problem,
    store: RunStore,
    evaluated: list[Evaluated],
    confirmation: Confirmation,
    watcher: Watcher,
) -> list[Confirmed]:
    trained = [each for each in evaluated if each.outcome == "ok"]
    best = sorted(trained, key=lambda each: each.worth, reverse=True)[: confirmation.functions]
    found = [
        Candidate(each.expression, each.entry, "found", problem.value(each.score)) for each in best
    ]
    if not found:
        return []
    return confirm(
        store,
        problem.trainer,
        found,
        confirmation.seeds,
        problem.chance,
        problem.reference,
        problem.metric,
        watcher.confirming,
        watcher.share,
    )


def _fresh_test(
    problem: Problem, store: RunStore, expression: str, confirmation: Confirmation
) -> Estimate | None:
    """Return test of the function that was revealed, where each run has it."""
    runs = store.runs(expression, range(FRESH, FRESH + confirmation.seeds))
    by_accuracy = problem.metric == "validation_accuracy"
    values = [run.test_accuracy if by_accuracy else run.test_loss for run in runs]
    known = [value for value in values if value is not None]
    return Estimate.of(known) if runs and len(known) == len(runs) else None
