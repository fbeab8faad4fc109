"""Recipes of no table: All-CNN-C and ResNet-56 on CIFAR-100, as in Table 1 of the poster.

The settings of the poster's trainings are not known. ``full`` are those of the tables `cnn` and
`resnet` on the other images; ``proxy`` their proxies.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from regenerate.recipes import cnn, resnet
from regenerate.recipes.recipe import Recipe


def _on_cifar100(recipe: Recipe) -> Recipe:
    return dataclasses.replace(recipe, table=f"{recipe.table}_cifar100", dataset="cifar100")


RECIPES: Final = tuple(
    _on_cifar100(recipe) for recipe in (cnn.PROXY, cnn.FULL, resnet.PROXY, resnet.FULL)
)
