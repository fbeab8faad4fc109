"""Torch's own optimizers with the settings of a recipe, for networks that torch steps."""

from __future__ import annotations

import torch
from torch import nn

from act_bench.errors import ArgumentError
from regenerate.activations.learnable import parameter_groups
from regenerate.recipes import Recipe


def torch_optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """Return the optimizer that a recipe names, over all parameters of a network.

    Both kinds work elementwise, so they keep stacked replicas apart. What activation functions
    learn does not decay (:func:`~regenerate.activations.learnable.parameter_groups`).

    Raises
    ------
    act_bench.errors.ArgumentError
        The recipe names another, such as ``muon``, which trains the gpt alone.

    Examples
    --------
    >>> import dataclasses
    >>> from regenerate.recipes import find
    >>> recipe = dataclasses.replace(find("vit", "full"), momentum=0.8)
    >>> torch_optimizer(recipe, nn.Linear(2, 2)).defaults["betas"]
    (0.8, 0.999)
    """
    groups = parameter_groups(network, recipe.weight_decay)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.nesterov
        )
    if recipe.optimizer != "adamw":
        raise ArgumentError(
            f"expected the optimizer 'sgd' or 'adamw' for {recipe.table}-{recipe.fidelity}, got "
            f"{recipe.optimizer!r}"
        )
    decays = (recipe.momentum, recipe.second_moment_decay)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=decays)
