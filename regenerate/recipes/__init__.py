"""The recipes: one for each table and fidelity."""

from __future__ import annotations

from act_bench.errors import ActBenchError, ExitCode
from regenerate.recipes import cnn, mlp, resnet, vit
from regenerate.recipes.recipe import Recipe

__all__ = ["RECIPES", "Recipe", "UnknownRecipeError", "find"]

RECIPES: dict[tuple[str, str], Recipe] = {
    (recipe.table, recipe.fidelity): recipe
    for recipe in (*mlp.RECIPES, *cnn.RECIPES, *resnet.RECIPES, *vit.RECIPES)
}


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
