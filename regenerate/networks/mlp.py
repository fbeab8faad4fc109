"""The multilayer perceptron of Act-Bench-MLP, several seeds in one stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import sqrt
from typing import TypeAlias

import torch
from torch import Tensor, nn

from act_bench.errors import ArgumentError
from regenerate.draws import uniform

Elementwise: TypeAlias = Callable[[Tensor], Tensor]

GAINS = {"he": 2.0, "lecun": 1.0}
"""Initialization -> variance of the initial weights times fan-in."""


class StackedMLP(nn.Module):
    """Multilayer perceptrons of equal shape and different seeds, evaluated together.

    The replicas share no parameter and no operation mixes them, so each computes what it would
    compute alone: a replica that diverges fills itself with NaN and no other.

    Parameters
    ----------
    widths
        Units of all layers from input to output, for instance (64, 32, 32, 10).
    activation
        Applied after every layer but the last, elementwise; or one for each of these layers.
    seeds
        One for each replica. The first weights are uniform with variance gain / fan-in, drawn
        layer by layer from ``regenerate.draws``; biases are 0.
    initialization
        A key of ``GAINS``.
    dtype
        Of the parameters.

    Raises
    ------
    ValueError
        If the initialization is not a key of ``GAINS``.

    Examples
    --------
    >>> network = StackedMLP((64, 32, 10), torch.tanh, seeds=(0, 1, 2))
    >>> network(torch.zeros(3, 5, 64, dtype=torch.float64)).shape
    torch.Size([3, 5, 10])
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation: Elementwise | Sequence[Elementwise],
        seeds: Sequence[int],
        *,
        initialization: str = "he",
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        if initialization not in GAINS:
            known = ", ".join(GAINS)
            raise ArgumentError(f"the mlp is initialized by one of {known}, not {initialization!r}")
        layers = len(widths) - 2
        self.activations = [activation] * layers if callable(activation) else list(activation)
        # Registered, so that what an activation learns is among the parameters.
        learners = [f for f in self.activations if isinstance(f, nn.Module)]
        self.learners = nn.ModuleList(learners).to(dtype)
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for layer, (inputs, outputs) in enumerate(pairwise(widths)):
            limit = sqrt(
                3.0 * GAINS[initialization] / inputs
            )  # uniform on [-1, 1) has variance 1/3
            draws = [uniform((inputs, outputs), seed, f"weights {layer}") for seed in seeds]
            weights = torch.stack([torch.from_numpy(draw) for draw in draws]) * limit
            self.weights.append(nn.Parameter(weights.to(dtype)))
            self.biases.append(nn.Parameter(torch.zeros(len(seeds), 1, outputs, dtype=dtype)))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (seeds, n, classes) for flattened images (seeds, n, pixels)."""
        hidden = images
        for layer, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(biases, hidden, weights)
            if layer + 1 < len(self.weights):
                hidden = self.activations[layer](hidden)
        return hidden
