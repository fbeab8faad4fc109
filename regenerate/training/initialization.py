"""Initial weights of an image network, for any activation function.

The default in deep nets, a variance of 2 / fan-in (He et al. 2015), is made for ReLU. With other
functions the signal dies out or blows up over nine layers, and short training then measures how
long a function takes to leave that state and not how well it trains. ``data_dependent`` asks of the
data what no formula knows: layer by layer, weights are scaled and biases shifted so that, over one
batch, every channel has mean 0 and variance 1 before the activation function (Salimans and Kingma
2016, "Weight Normalization", arXiv 1602.07868, section 3; Krähenbühl et al. 2016, arXiv
1511.06856). The function itself is not changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from act_bench.errors import ArgumentError
from regenerate import draws
from regenerate.activations.learnable import Activation
from regenerate.networks.all_cnn_c import AllCNNC
from regenerate.training.flat_weights import FlatWeights

WEIGHTED = (nn.Conv2d, nn.Linear)
"""Layers whose weights are drawn; what other modules learn keeps the values of construction."""


@torch.no_grad()
def initialize(
    network: nn.Module,
    weights: FlatWeights,
    expression: Activation,
    seed: int,
    kind: str,
    images: Tensor,
) -> None:
    """Set all weights and biases of the convolutions and linear layers.

    Weights are uniform draws, from a stream of their own for every layer, times a gain; biases are
    0. The gain of the first layer is 1: the images have no activation function to make up for.

    Parameters
    ----------
    network, weights
        The network, with bfloat16 parameters that are views of ``weights``.
    expression
        Its activation function.
    seed
        Seed of the draws.
    kind
        ``Recipe.initialization``.
    images
        ``(n, 3, height, width)`` bfloat16: the batch that ``data_dependent`` measures on.

    Raises
    ------
    ValueError
        If ``kind`` is ``data_dependent`` and the network is no plain stack.
    """
    for layer, drawn in initial_weights(network, expression, seed, kind):
        weights.master_of(layer.weight).copy_(torch.from_numpy(drawn))
        if layer.bias is not None:
            weights.master_of(layer.bias).zero_()
    weights.publish()
    if kind == "data_dependent":
        if not isinstance(network, AllCNNC):
            raise ArgumentError(
                "initialization 'data_dependent' walks through a plain stack of convolutions, and "
                f"{type(network).__name__} is none; with batch normalization use 'lecun' or 'he'"
            )
        _standardize(network, weights, images)


def initial_weights(
    network: nn.Module, expression: Activation, seed: int, kind: str
) -> Iterator[tuple[nn.Conv2d | nn.Linear, NDArray[np.float64]]]:
    """Yield each convolution and linear layer with its draws, before any look at data.

    Parameters
    ----------
    network, expression, seed, kind
        As for :func:`initialize`.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> ((layer, drawn),) = initial_weights(nn.Linear(2, 3), parse("relu(x)"), 0, "he")
    >>> drawn.shape
    (3, 2)
    """
    gain = _gain(kind, expression)
    layers = [module for module in network.modules() if isinstance(module, WEIGHTED)]
    for number, layer in enumerate(layers):
        drawn = draws.uniform(tuple(layer.weight.shape), seed, f"weights {number}")
        # A uniform draw from [-1, 1) has variance 1/3.
        scale = math.sqrt(3.0 / layer.weight[0].numel()) * (gain if number else 1.0)
        yield layer, drawn * scale


def _standardize(network: AllCNNC, weights: FlatWeights, images: Tensor) -> None:
    """Give every channel before an activation mean 0 and variance 1 over ``images``."""
    features = images
    for layer, convolution in enumerate(network.convolutions):
        weight, bias = weights.master_views[2 * layer : 2 * layer + 2]
        response = convolution(features).float()
        variance, mean = torch.var_mean(response, (0, 2, 3), correction=0)
        # A constant channel (a constant function below) has no scale to set.
        rescale = torch.where(variance > 0, variance.rsqrt(), torch.ones_like(variance))
        weight.mul_(rescale[:, None, None, None])
        bias.copy_(-mean * rescale)
        weights.publish()
        if layer < len(network.activations):
            features = network.activations[layer](convolution(features))


def _gain(kind: str, expression: Activation) -> float:
    if kind == "he":
        return math.sqrt(2.0)
    if kind == "variance_preserving":
        return 1.0 / math.sqrt(second_moment(expression))
    return 1.0


def second_moment(expression: Activation) -> float:
    """Return E[f(z)^2] for standard normal z; 1 where that is 0 or not finite.

    By the trapezoidal rule over [-8, 8], where its error for smooth f is far below rounding.
    Points at which f is not finite are left out.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> round(second_moment(parse("relu(x)")), 6), round(second_moment(parse("square(x)")), 6)
    (0.5, 3.0)
    """
    z = np.linspace(-8.0, 8.0, 4001)
    density = np.exp(-z * z / 2)
    with np.errstate(all="ignore"):
        squares = np.square(expression.to_numpy()(z))
        finite = np.isfinite(squares)
        moment = float((squares * density)[finite].sum() / density[finite].sum())
    return moment if math.isfinite(moment) and moment > 0 else 1.0
