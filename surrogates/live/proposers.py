"""Methods that are no optimizers, as live searches use them: see ``surrogates.live.methods``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from act_bench.tables.registry import TABLES
from regenerate.training.trainers import RecipeTrainer
from surrogates.live.course import Budget
from surrogates.live.methods import MethodError
from surrogates.live.problem import Problem
from surrogates.live.sessions import Proposal

_FAILURES = 3


def grafs(problem: Problem, seed: int, out: Path, budget: Budget) -> Iterator[Proposal]:
    """Search by gradient descent, again and again with other seeds, until the budget is spent.

    Each search proposes one function. Its seconds are on the clock. A search whose losses stop
    being finite proposes none, and the next seed follows; its seconds are lost to the clock.

    Raises
    ------
    MethodError
        The problem is a user's own network: GRAFS searches in the networks of the tables.
    """
    from regenerate.grafs import SearchFailedError, search

    trainer = problem.trainer
    if problem.table not in TABLES or not isinstance(trainer, RecipeTrainer):
        raise MethodError("grafs searches in the networks of the tables, not in your own")
    clock_s, proposed, failed = 0.0, 0, 0
    for number in count():
        if not budget.allows(proposed, clock_s):
            return
        try:
            found = search(
                problem.table,
                problem.fidelity,
                seed=seed + number,
                out=out / f"grafs-{number}",
                data_dir=trainer.data_dir,
                device=trainer.device,
                retrainings=0,  # it is trained by the session, like everything else
                recipe=trainer.recipe,
            )
        except SearchFailedError:
            failed += 1
            if failed == _FAILURES:  # rather the recipe's fault than a seed's
                raise
            continue
        proposed, failed = proposed + 1, 0
        clock_s += found.search_s
        yield Proposal(found.expression, found.search_s)
