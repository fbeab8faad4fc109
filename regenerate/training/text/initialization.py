"""Initial weights of a GPT, for any activation function.

With the usual normal draws of one small variance a short training measures how long a function
takes to leave the scale that it was given. Here every function meets the same numbers at first:
``data_dependent`` scales the weights and shifts the biases before it so that, over one batch, every
channel has mean 0 and variance 1 (as ``regenerate.training.initialization`` does for images), and
what follows it begins at 0, so that no function's scale disturbs what the network knows already.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from regenerate import draws
from regenerate.networks.gpt import GPT
from regenerate.training.flat_weights import FlatWeights

EMBEDDING_DEVIATION = 0.02


@torch.no_grad()
def initialize(network: GPT, weights: FlatWeights, seed: int, kind: str, tokens: Tensor) -> None:
    """Set all weights and biases but those of norms.

    Embeddings are uniform draws of standard deviation 0.02, weights of linear layers of variance
    1 / fan-in, each from a stream of its own; biases are 0. The layers that end in a shortcut begin
    at 0.

    Parameters
    ----------
    network, weights
        The network, with bfloat16 parameters that are views of ``weights``.
    seed
        Seed of the draws.
    kind
        ``lecun`` leaves it at that; ``data_dependent`` then looks at data.
    tokens
        ``(n, length)`` int64: the batch that is looked at.
    """
    for parameter, values in initial_weights(network, seed):
        weights.master_of(parameter).copy_(values)
    for block in network.blocks:
        for layer in block.ends():
            weights.master_of(layer.weight).zero_()
    weights.publish()
    if kind == "data_dependent":
        _standardize(network, weights, tokens)


def initial_weights(network: GPT, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each parameter but those of norms with its draws, before any look at data.

    The layers that end in a shortcut are drawn here as all others.

    Examples
    --------
    >>> network = GPT(nn.GELU, vocabulary=9, length=4, layers=1, channels=32)
    >>> [tuple(values.shape) for _, values in initial_weights(network, 0)][:3]
    [(9, 32), (4, 32), (96, 32)]
    """
    embeddings = [network.embedding.weight, network.positions]
    embeddings += [each.weight for each in network.previous]
    for number, parameter in enumerate(embeddings):
        yield parameter, _drawn(parameter, seed, f"embedding {number}", EMBEDDING_DEVIATION)
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    for number, layer in enumerate(layers):
        deviation = 1 / math.sqrt(layer.in_features)
        yield layer.weight, _drawn(layer.weight, seed, f"weights {number}", deviation)
        if layer.bias is not None:
            yield layer.bias, torch.zeros(layer.bias.shape, dtype=torch.float64)


def _drawn(parameter: Tensor, seed: int, purpose: str, deviation: float) -> Tensor:
    # A uniform draw from [-1, 1) has variance 1/3.
    drawn = draws.uniform(tuple(parameter.shape), seed, purpose) * (math.sqrt(3.0) * deviation)
    return torch.from_numpy(drawn)


def _standardize(network: GPT, weights: FlatWeights, tokens: Tensor) -> None:
    """Give every channel before an activation mean 0 and variance 1 over ``tokens``."""
    features = network.embed(tokens)
    for block in network.blocks:
        widen = block.feed_forward.widen
        response = widen(block.norm_2(block.attended(features))).float()
        variance, mean = torch.var_mean(response, (0, 1), correction=0)
        rescale = torch.where(variance > 0, variance.rsqrt(), torch.ones_like(variance))
        weights.master_of(widen.weight).mul_(rescale[:, None])
        weights.master_of(widen.bias).copy_(-mean * rescale)
        weights.publish()
        features = block(features)
