"""What a trainer does not do: a recipe that it could not follow to the letter is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from act_bench.errors import ArgumentError
from regenerate.recipes.recipe import Recipe

IMAGES_ONLY: Final[Mapping[str, tuple[object, ...]]] = {
    "optimizer": ("sgd", "adamw"),
    "sequence_length": (None,),
    "train_tokens": (None,),
    "evaluation_tokens": (None,),
    "previous_tokens": (0,),
    "adamw_factor": (1.0,),
}
"""Field of a recipe -> its values for trainers of images, which know no tokens."""


def check(recipe: Recipe, fixed: Mapping[str, tuple[object, ...]]) -> None:
    """Refuse a recipe with a field that the trainer would not follow.

    Parameters
    ----------
    recipe
        By which to train.
    fixed
        Field of a recipe to the values of it that the trainer knows; it follows all others.

    Raises
    ------
    act_bench.errors.ArgumentError
        If a field has another value.

    Examples
    --------
    >>> from regenerate.recipes import find
    >>> check(find("mlp", "full"), {"network": ("mlp",)})
    >>> check(find("mlp", "full"), {"dtype": ("bfloat16",)})
    Traceback (most recent call last):
    act_bench.errors.ArgumentError: the trainer of mlp needs a recipe with dtype 'bfloat16';
    mlp-full has 'float64'
    """
    for field, known in fixed.items():
        if (got := getattr(recipe, field)) not in known:
            choice = " or ".join(repr(value) for value in known)
            raise ArgumentError(
                f"the trainer of {recipe.network} needs a recipe with {field} {choice}; "
                f"{recipe.table}-{recipe.fidelity} has {got!r}"
            )


def check_batch(recipe: Recipe, images: int) -> None:
    """Refuse a batch larger than the training images, and more evaluations than steps.

    An epoch would have no step, or a point of the learning curve would have none.

    Examples
    --------
    >>> from regenerate.recipes import find
    >>> check_batch(find("mlp", "full"), 599)
    """
    if not 1 <= recipe.batch_size <= images:
        raise ArgumentError(
            f"expected a batch_size from 1 to the {images:,} training images; "
            f"{recipe.table}-{recipe.fidelity} has {recipe.batch_size:,}"
        )
    steps = images // recipe.batch_size
    if recipe.evaluations_per_epoch > steps:
        raise ArgumentError(
            f"expected at most one of evaluations_per_epoch for each of the {steps:,} steps; "
            f"{recipe.table}-{recipe.fidelity} has {recipe.evaluations_per_epoch:,}"
        )
