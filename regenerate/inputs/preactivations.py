"""What comes into the activation functions of a network: the densities that EAFO asks for."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from act_bench.errors import ArgumentError
from regenerate.activations.learnable import Activation, layer_module
from regenerate.inputs.recorder import watch
from regenerate.networks.mlp import StackedMLP
from regenerate.recipes import Recipe
from regenerate.training.stacked_trainer import DTYPES, load_images


def preactivations(
    recipe: Recipe, function: Activation, seeds: tuple[int, ...] = (0, 1, 2)
) -> NDArray[np.float64]:
    """Return the pre-activations of a perceptron before training, all hidden layers together.

    Parameters
    ----------
    recipe : Recipe
        Of a table whose network is the ``mlp``.
    function : Expression or NamedFunction
        Its activation function: it decides what the second layer meets.
    seeds : tuple of int
        Of the initial weights.

    Returns
    -------
    ndarray, shape (n,)
        One value an image of the training split, unit and seed; no unit.

    Raises
    ------
    ValueError
        The recipe's network is another.
    """
    if recipe.network != "mlp":
        raise ArgumentError(
            f"pre-activations are measured on the mlp, got {recipe.network!r}: use the Gaussian"
        )
    images = load_images(recipe, None)
    pixels = images.train.images.shape[1]
    met: list[torch.Tensor] = []
    network = StackedMLP(
        (pixels, *recipe.widths, images.classes),
        layer_module(function, one=(len(seeds), 1, 1), each=(len(seeds), 1, 1)),
        seeds,
        initialization=recipe.initialization,
        dtype=DTYPES[recipe.dtype],
    )
    watch(
        network,
        images.train.images.expand(len(seeds), -1, -1),
        lambda seen: met.append(seen.flatten()),
    )
    return torch.cat(met).to(torch.float64).numpy()
