"""Live search: the optimizers of ``surrogates`` on real training, resumable.

>>> from surrogates.live import Budget, search, table_problem
>>> problem = table_problem("mlp", seeds=[0])
>>> problem.reference.role
'best of the table'
"""

from __future__ import annotations

from surrogates.live.course import Budget
from surrogates.live.found import Evaluated, Found
from surrogates.live.problem import Problem, table_problem
from surrogates.live.search import Confirmation, Watcher, search

__all__ = [
    "Budget",
    "Confirmation",
    "Evaluated",
    "Found",
    "Problem",
    "Watcher",
    "search",
    "table_problem",
]
