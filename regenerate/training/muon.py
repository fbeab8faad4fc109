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

    All matrices are made orthogonal at once: each lies on its longer side, as the upper left corner
    of a slice of one batch. Rows and columns of zeros change no singular vector of the rest.
    """

    def __init__(self, recipe: Recipe, weights: FlatWeights) -> None:
        self._recipe, self._weights = recipe, weights
        plain = dataclasses.replace(recipe, optimizer="adamw", clip_norm=None, weight_decay=0.0)
        self._adamw = AdamW(plain, weights)
        self._places = [(place, *shape) for place, shape in weights.matrices]
        sides = [sorted(shape) for _, shape in weights.matrices]
        batch = (len(sides), max(short for short, _ in sides), max(long for _, long in sides))
        self._slopes = torch.zeros(batch, device=weights.master.device)
        self._velocity = torch.zeros_like(self._slopes)

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float) -> None:
        """See ``regenerate.training.flat_weights.Optimizer.step``."""
        recipe = self._recipe
        clip(gradient, recipe.clip_norm)
        for (place, rows, columns), padded in zip(self._places, self._slopes, strict=True):
            slope = gradient[place]
            _corner(padded, rows, columns).copy_(slope.view(rows, columns))
            slope.zero_()  # AdamW leaves alone what has never had a gradient
        moved = self._velocity.mul_(recipe.momentum).add_(self._slopes)
        if recipe.nesterov:
            moved = self._slopes.add(moved, alpha=recipe.momentum)
        for (place, rows, columns), update in zip(self._places, orthogonal(moved), strict=True):
            matrix = self._weights.master[place].view(rows, columns)
            if recipe.weight_decay:
                matrix.mul_(1 - learning_rate * recipe.weight_decay)
            scale = learning_rate * math.sqrt(max(1.0, rows / columns))
            matrix.add_(_corner(update, rows, columns), alpha=-scale)
        self._adamw.step(gradient, learning_rate * recipe.adamw_factor)


def _corner(padded: Tensor, rows: int, columns: int) -> Tensor:
    """Return the ``(rows, columns)`` matrix that lies in a padded one, perhaps on its side."""
    return padded[:columns, :rows].mT if rows > columns else padded[:rows, :columns]


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
