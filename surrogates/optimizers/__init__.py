"""Optimisers by ask and tell, one a file; ``OPTIMIZERS`` names those that traces can replay."""

from __future__ import annotations

from typing import Final

from surrogates.optimizers.knn import NearestNeighbours
from surrogates.optimizers.local import LocalSearch
from surrogates.optimizers.random import RandomSearch
from surrogates.protocol import Factory

OPTIMIZERS: Final[dict[str, Factory]] = {
    "random": RandomSearch,
    "local": LocalSearch,
    "knn": NearestNeighbours,
}
"""Name -> ``factory(space, seed, **settings)``. Names stand in traces: they are never reused."""

__all__ = ["OPTIMIZERS", "LocalSearch", "NearestNeighbours", "RandomSearch"]
