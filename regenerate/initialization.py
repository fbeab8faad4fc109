"""Initial weights of a plain convolutional network, for any activation function.

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

import numpy as np
import torch
from torch import Tensor

from regenerate import draws
from regenerate.flat_weights import FlatWeights
from regenerate.learnable import Activation
from regenerate.networks.all_cnn_c import AllCNNC


@torch.no_grad()
def initialize(
    network: AllCNNC,
    weights: FlatWeights,
    expression: Activation,
    seed: int,
    kind: str,
    images: Tensor,
) -> None:
    """Set all weights and biases of the convolutions.

    Weights are uniform draws, from a stream of their own for every layer, times a gain.

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
    """
    gain = _gain(kind, expression)
    features = images
    for layer, convolution in enumerate(network.convolutions):
        weight, bias = weights.master_views[2 * layer : 2 * layer + 2]
        fan_in = weight[0].numel()
        drawn = draws.uniform(tuple(weight.shape), seed, f"weights {layer}")
        # A uniform draw from [-1, 1) has variance 1/3. The images have no gain to make up for.
        scale = math.sqrt(3.0 / fan_in) * (gain if layer else 1.0)
        weight.copy_(torch.from_numpy(drawn * scale))
        bias.zero_()
        weights.publish()
        if kind == "data_dependent":
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
    >>> from act_bench.expression import parse
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
