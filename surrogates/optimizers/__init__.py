"""Optimizers by ask and tell, one per file; those with a name here can be replayed from traces.

``OPTIMIZERS`` are the light ones, which a simulation runs unless told otherwise. The others take
longer, or need an extra, and are imported when they are asked for by :func:`find_optimizer`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Final

from act_bench.errors import (
    ActBenchError,
    ArgumentError,
    ArgumentTypeError,
    ExitCode,
    excerpt,
    needs_extra,
)
from act_bench.search.events import Setting
from surrogates.optimizers.evolution import RegularisedEvolution
from surrogates.optimizers.knn import NearestNeighbours
from surrogates.optimizers.local import LocalSearch
from surrogates.optimizers.random import RandomSearch
from surrogates.protocol import Factory, settings_of

OPTIMIZERS: Final[dict[str, Factory]] = {
    "random": RandomSearch,
    "local": LocalSearch,
    "knn": NearestNeighbours,
    "evolution": RegularisedEvolution,
}
"""Name -> ``factory(space, seed, **settings)``. Names stand in traces: they are never reused."""

_ON_DEMAND: Final[dict[str, tuple[str, str]]] = {
    "aquasurf": ("aquasurf", "AQuaSurF"),
    "fisher-filter": ("fisher_filter", "FisherFilter"),
    "gp-ei": ("gaussian_process", "GaussianProcessEI"),
    "gp-thompson": ("gaussian_process", "GaussianProcessThompson"),
    "forest-ei": ("forest", "RandomForestEI"),
    "tpe": ("tpe", "TreeParzen"),
    "halving": ("halving", "SuccessiveHalving"),
    "hyperband": ("halving", "Hyperband"),
    "controller": ("controller", "Controller"),
    "random-rates": ("joint", "RandomSearchAtRates"),
    "knn-rates": ("joint", "NearestNeighboursAtRates"),
    "gp-ei-rates": ("joint", "GaussianProcessAtRates"),
    "aquasurf-rates": ("joint", "AQuaSurFAtRates"),
}
"""Name -> module of this package, and class in it."""

NAMES: Final = (*OPTIMIZERS, *_ON_DEMAND)
"""All names that :func:`find_optimizer` knows."""


class UnknownOptimizerError(ActBenchError, LookupError):
    """There is no optimizer of that name."""

    exit_code = ExitCode.USAGE


def find_optimizer(name: str) -> Factory:
    """Return the factory of an optimizer by its name, with settings where the name has some.

    Parameters
    ----------
    name : str
        One of ``NAMES``; settings follow after colons, as in ``gp-ei:features=union:starts=20``.

    Raises
    ------
    UnknownOptimizerError
        There is no optimizer of that name.
    act_bench.errors.ArgumentError
        It has no such setting, or the setting no such value.
    act_bench.errors.MissingExtraError
        It needs a package that is not installed.

    Examples
    --------
    >>> find_optimizer("knn").__name__
    'NearestNeighbours'
    >>> settings_of(find_optimizer("knn:neighbours=5"))
    {'neighbours': 5, 'features': 'outputs'}
    """
    return with_settings(name, _find(plain_name(name)))


def find_optimizers(names: Mapping[str, Factory] | Iterable[str] | None) -> dict[str, Factory]:
    """Return factories by name.

    Parameters
    ----------
    names : mapping of str to Factory, or str, or iterable of str, optional
        Factories, which are returned as they are; names, each as for :func:`find_optimizer`; or
        names in one text, separated by commas. Default: ``OPTIMIZERS``.

    Raises
    ------
    act_bench.errors.ArgumentError
        None is named; else what :func:`find_optimizer` raises.
    act_bench.errors.ArgumentTypeError
        A name is no text, or a factory cannot be called; a TypeError.

    Examples
    --------
    >>> list(find_optimizers("random,knn:neighbours=5")), len(find_optimizers(None))
    (['random', 'knn:neighbours=5'], 4)
    """
    if names is None:
        return dict(OPTIMIZERS)
    if isinstance(names, Mapping):
        if wrong := [factory for factory in names.values() if not callable(factory)]:
            raise ArgumentTypeError(
                f"optimizers: expected name -> factory(space, seed), got {excerpt(wrong[0])} for a "
                "factory; optimizers that are known by name are given as a list of names"
            )
        return dict(names)
    given = names.split(",") if isinstance(names, str) else list(names)
    if wrong := [name for name in given if not isinstance(name, str)]:
        raise ArgumentTypeError(
            f"optimizers: expected names, got {excerpt(wrong[0])}; a factory of your own needs a "
            "name: {'mine': factory}"
        )
    wanted = [name.strip() for name in given if name.strip()]
    if not wanted:
        raise ArgumentError(f"no optimizer is named; choose from {', '.join(NAMES)}")
    return {name: find_optimizer(name) for name in wanted}


def with_settings(name: str, factory: Factory) -> Factory:
    """Return a factory with the settings that its name gives it.

    Parameters
    ----------
    name : str
        Settings follow after colons, as in ``gp-ei:features=union:starts=20``.
    factory : Factory
        What the name stands for without them.

    Raises
    ------
    act_bench.errors.ArgumentError
        The factory has no such setting, or the setting no such value.

    Examples
    --------
    >>> settings_of(with_settings("nearest:neighbours=5", NearestNeighbours))
    {'neighbours': 5, 'features': 'outputs'}
    """
    plain, *settings = name.split(":")
    known = settings_of(factory)
    chosen: dict[str, Setting] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if key not in known or not equals:
            raise ArgumentError(
                f"{name}: expected setting=value with one of the settings of {plain}, "
                f"{', '.join(known) or 'of which there are none'}, got {setting!r}"
            )
        if key in chosen:
            raise ArgumentError(f"{name}: the setting {key} is given twice; give it once")
        chosen[key] = _value(name, value, known[key])
    return partial(factory, **chosen) if chosen else factory


def asks_for_rates(factory: Factory) -> bool:
    """Return whether an optimizer searches learning rates too, given its factory.

    Examples
    --------
    >>> asks_for_rates(find_optimizer("knn-rates:neighbours=5")), asks_for_rates(RandomSearch)
    (True, False)
    """
    while isinstance(factory, partial):
        if getattr(factory.func, "searches_rates", False):
            return True
        factory = factory.func
    return False


def plain_name(name: str) -> str:
    """Return a name without the settings that may follow it: ``knn:neighbours=5`` is ``knn``."""
    return name.partition(":")[0]


def _value(name: str, text: str, default: Setting) -> Setting:
    """Return the value of a setting, of the type of its default."""
    if isinstance(default, bool):
        if text in ("true", "false"):
            return text == "true"
        raise ArgumentError(f"{name}: expected true or false, got {text!r}")
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise ArgumentError(f"{name}: expected {kind}, got {text!r}") from None
    return text


def _find(name: str) -> Factory:
    if name in OPTIMIZERS:
        return OPTIMIZERS[name]
    if name not in _ON_DEMAND:
        raise UnknownOptimizerError(f"no optimizer {name}; choose from {', '.join(NAMES)}")
    module, factory = _ON_DEMAND[name]
    with needs_extra(f"the optimizer {name}"):
        made: Factory = getattr(import_module(f"{__name__}.{module}"), factory)
        return made


__all__ = [
    "NAMES",
    "OPTIMIZERS",
    "LocalSearch",
    "NearestNeighbours",
    "RandomSearch",
    "RegularisedEvolution",
    "UnknownOptimizerError",
    "asks_for_rates",
    "find_optimizer",
    "find_optimizers",
    "plain_name",
    "with_settings",
]
