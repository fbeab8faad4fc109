"""The recipes: one for each table and fidelity. Those of a table lie in the module of its name."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from act_bench.errors import ActBenchError, ArgumentError, ExitCode
from act_bench.tables.registry import BUILT_IN, choose_fidelity
from regenerate.recipes.recipe import Recipe

__all__ = ["RECIPES", "Recipe", "UnknownRecipeError", "find", "register"]

RECIPES: Final[dict[tuple[str, str], Recipe]] = {}
"""(table, fidelity) -> recipe."""


def register(recipe: Recipe) -> Recipe:
    """Add the recipe of a table and fidelity, for this process.

    Returns
    -------
    Recipe
        The same.

    Raises
    ------
    act_bench.tables.schema.UnknownNameError
        If there is no such table, or it has no such fidelity.
    ValueError
        If there is another recipe of it.

    Examples
    --------
    >>> import dataclasses
    >>> register(dataclasses.replace(find("mlp", "full"), epochs=9))
    Traceback (most recent call last):
        ...
    act_bench.errors.ArgumentError: there is another recipe for mlp-full, d8349a0f8bc8
    """
    choose_fidelity(recipe.table, recipe.fidelity)
    known = RECIPES.setdefault((recipe.table, recipe.fidelity), recipe)
    if known != recipe:
        raise ArgumentError(
            f"there is another recipe for {recipe.table}-{recipe.fidelity}, {known.sha}"
        )
    return recipe


class UnknownRecipeError(ActBenchError, ValueError):
    """A table and fidelity for which there is no recipe."""

    exit_code = ExitCode.USAGE


def find(table: str, fidelity: str) -> Recipe:
    """Return the recipe of a table's fidelity.

    Raises
    ------
    UnknownRecipeError
        If there is none; the message names those that there are.

    Examples
    --------
    >>> find("mlp", "full").dataset
    'digits'
    """
    try:
        return RECIPES[table, fidelity]
    except KeyError:
        known = ", ".join(f"{table}-{fidelity}" for table, fidelity in RECIPES)
        raise UnknownRecipeError(
            f"no recipe for {table}-{fidelity}; the recipes are {known}"
        ) from None


for _table in BUILT_IN:
    for _recipe in import_module(f"{__name__}.{_table}").RECIPES:
        register(_recipe)
