"""Optimisers by ask and tell, one a file; those that have a name here can be replayed from traces.

``OPTIMIZERS`` are the light ones, which a simulation runs unless told otherwise. The others take
longer, or need an extra, and are imported when they are asked for by :func:`find_optimizer`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from surrogates.optimizers.evolution import RegularisedEvolution
from surrogates.optimizers.knn import NearestNeighbours
from surrogates.optimizers.local import LocalSearch
from surrogates.optimizers.random import RandomSearch
from surrogates.protocol import Factory

OPTIMIZERS: Final[dict[str, Factory]] = {
    "random": RandomSearch,
    "local": LocalSearch,
    "knn": NearestNeighbours,
    "evolution": RegularisedEvolution,
}
"""Name -> ``factory(space, seed, **settings)``. Names stand in traces: they are never reused."""

_ON_DEMAND: Final[dict[str, tuple[str, str]]] = {
    "gp-ei": ("gaussian_process", "GaussianProcessEI"),
    "gp-thompson": ("gaussian_process", "GaussianProcessThompson"),
    "forest-ei": ("forest", "RandomForestEI"),
    "tpe": ("tpe", "TreeParzen"),
    "halving": ("halving", "SuccessiveHalving"),
    "hyperband": ("halving", "Hyperband"),
    "controller": ("controller", "Controller"),
}
"""Name -> module of this package, and class in it."""

NAMES: Final = (*OPTIMIZERS, *_ON_DEMAND)
"""All names that :func:`find_optimizer` knows."""

_EXTRAS: Final = {"sklearn": "surrogates", "optuna": "optuna"}


class MissingExtraError(ImportError):
    """An optimiser needs a package that is not installed; the message names the extra."""


def find_optimizer(name: str) -> Factory:
    """Return the factory of an optimiser by its name.

    Parameters
    ----------
    name : str
        One of ``NAMES``.

    Raises
    ------
    LookupError
        There is no optimiser of that name.
    MissingExtraError
        It needs a package that is not installed.

    Examples
    --------
    >>> find_optimizer("knn").__name__
    'NearestNeighbours'
    """
    if name in OPTIMIZERS:
        return OPTIMIZERS[name]
    if name not in _ON_DEMAND:
        raise LookupError(f"no optimiser {name}; choose from {', '.join(NAMES)}")
    module, factory = _ON_DEMAND[name]
    try:
        return cast("Factory", getattr(import_module(f"{__name__}.{module}"), factory))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        raise MissingExtraError(
            f"the optimiser {name} needs {package}, which is not installed: "
            f"pip install 'act-bench[{_EXTRAS[package]}]'"
        ) from error


__all__ = [
    "NAMES",
    "OPTIMIZERS",
    "LocalSearch",
    "MissingExtraError",
    "NearestNeighbours",
    "RandomSearch",
    "RegularisedEvolution",
    "find_optimizer",
]
