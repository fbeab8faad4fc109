"""Muon: momentum whose matrices are made orthogonal before they move the weights.

Jordan et al., *Muon: An optimizer for hidden layers in neural networks* (2024). The step of a
matrix is U V^T of its momentum's singular value decomposition U S V^T, nearly: all singular values
are brought close to 1 by a polynomial. So a direction that the gradient rarely takes is learned as
fast as the others.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import torch
from torch import Tensor

from regenerate.recipes.recipe import Recipe
from regenerate.training.flat_weights import AdamW, FlatWeights, clip

COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
"""Of x, x^3 and x^5: steep at 0, and in five steps all of [0.01, 1] ends in about [0.7, 1.2]."""

ITERATIONS: Final = 5
_TINY: Final = 1e-7  # keeps 0 / 0 out of the norm


class Muon:
    """Muon for the matrices of linear layers, AdamW for all else.

    v <- m v + g;  u = v, or with Nesterov's momentum g + m v;  w <- w - r d w - r s orthogonal(u),
    where s = sqrt(max(1, rows / columns)) gives a layer's outputs steps of one size whatever its
    shape, and d is the weight decay. AdamW moves the rest at ``adamw_factor`` times the rate,
    without weight decay. Clipping is by the norm of the whole gradient.
    """

    def __init__(self, recipe: Recipe, weights: FlatWeights) -> None:
        self._recipe, self._weights = recipe, weights
        plain = dataclasses.replace(recipe, optimizer="adamw", clip_norm=None, weight_decay=0.0)
        self._adamw = AdamW(plain, weights)
        self._velocity = torch.zeros_like(weights.master)
        shapes: dict[tuple[int, int], list[slice]] = {}
        for place, shape in weights.matrices:
            shapes.setdefault(shape, []).append(place)
        self._groups = list(shapes.items())

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float) -> None:
        """See ``regenerate.training.flat_weights.Optimizer.step``."""
        recipe, master, velocity = self._recipe, self._weights.master, self._velocity
        clip(gradient, recipe.clip_norm)
        for (rows, columns), places in self._groups:
            moved = []
            for place in places:
                slope, mean = gradient[place], velocity[place]
                mean.mul_(recipe.momentum).add_(slope)
                moved.append(slope.add(mean, alpha=recipe.momentum) if recipe.nesterov else mean)
                slope.zero_()  # AdamW leaves alone what has never had a gradient
            updates = orthogonal(torch.stack(moved).view(-1, rows, columns))
            scale = learning_rate * math.sqrt(max(1.0, rows / columns))
            for place, update in zip(places, updates, strict=True):
                master[place].mul_(1 - learning_rate * recipe.weight_decay)
                master[place].add_(update.flatten(), alpha=-scale)
        self._adamw.step(gradient, learning_rate * recipe.adamw_factor)


def orthogonal(matrices: Tensor) -> Tensor:
    """Return matrices of the same singular vectors and of singular values near 1.

    By Newton-Schulz iteration, x <- a x + b x x^T x + c (x x^T)^2 x, from a norm of at most 1.

    Parameters
    ----------
    matrices
        ``(n, rows, columns)`` float32.

    Examples
    --------
    >>> values = torch.linalg.svdvals(orthogonal(torch.tensor([[[3.0, 0.0], [0.0, 0.1]]])))
    >>> bool(((values > 0.6) & (values < 1.3)).all())
    True
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + _TINY)).to(torch.bfloat16)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return (x.mT if tall else x).float()
