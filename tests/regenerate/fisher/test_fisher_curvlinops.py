"""The K-FAC factors of linear and convolution layers against those of curvlinops."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from regenerate.fisher import FisherConvention, Labels
from regenerate.fisher.capture import LayerPass, forward
from regenerate.fisher.factors import Factor, input_factor
from regenerate.fisher.spectrum import gradient_factors

with warnings.catch_warnings():
    # A package that it imports still scripts functions by torch.jit.
    warnings.simplefilter("ignore", DeprecationWarning)
    from curvlinops import KFACLinearOperator

IMAGES, CLASSES = 6, 4


def double(network: nn.Sequential) -> nn.Sequential:
    """The network in float64 with weights of a fixed seed."""
    random = torch.Generator().manual_seed(0)
    network = network.double()
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=random, dtype=torch.float64) / 2
    return network


def whole(factor: Factor) -> NDArray[np.float64]:
    (matrix,) = factor.matrix.numpy()
    return (matrix * math.exp(factor.log_scale)).astype(np.float64)


def ours(step: LayerPass, gradients: Factor) -> NDArray[np.floating]:
    """The block of a layer, its weights in the order of torch and its bias behind them."""
    layer = step.layer
    block = np.kron(whole(gradients), whole(input_factor(layer, step.inputs)))
    places = np.arange(len(block)).reshape(layer.weight.shape[0], -1)
    weights = places if layer.bias is None else places[:, :-1]
    if layer.weight.ndim == 4:  # patches are (row, column, channel)
        _, channels, *kernel = layer.weight.shape
        weights = weights.reshape(-1, *kernel, channels).transpose(0, 3, 1, 2)
    order = weights.ravel()
    if layer.bias is not None:
        order = np.concatenate([order, places[:, -1]])
    return block[np.ix_(order, order)]


def theirs(network: nn.Module, layer: nn.Module, batch: Tensor) -> NDArray[np.float64]:
    """The block by curvlinops, with the exact expectation over the labels."""
    labels = torch.zeros(len(batch), dtype=torch.int64)  # the expectation does not ask for them
    operator = KFACLinearOperator(
        network,
        nn.CrossEntropyLoss(),
        list(layer.parameters()),
        [(batch, labels)],
        fisher_type="type-2",
        kfac_approx="expand",
        separate_weight_and_bias=False,
        check_deterministic=False,
    )
    size = sum(parameter.numel() for parameter in layer.parameters())
    found: Tensor = operator @ torch.eye(size, dtype=torch.float64)
    return found.numpy()


def linear(bias: bool) -> tuple[nn.Sequential, tuple[int, ...]]:
    first = nn.Linear(5, 7, bias=bias)
    return nn.Sequential(first, nn.Tanh(), nn.Linear(7, CLASSES, bias=bias)), (5,)


def convolutions(stride: int, padding: int, bias: bool) -> tuple[nn.Sequential, tuple[int, ...]]:
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3, stride, padding, bias=bias),
        nn.Tanh(),
        nn.Conv2d(3, 2, (2, 1), bias=bias),
        nn.Flatten(),
        nn.LazyLinear(CLASSES, bias=bias),
    )
    network(torch.zeros(1, 2, 6, 7))
    return network, (2, 6, 7)


@pytest.mark.parametrize(
    ("network", "shape"),
    [linear(True), linear(False)]
    + [convolutions(*each) for each in ((1, 1, True), (2, 1, True), (1, 0, False), (2, 2, False))],
    ids=["linear", "linear, no bias", "3x3", "stride 2", "no padding, no bias", "padding 2"],
)
def test_blocks_are_those_of_curvlinops(network: nn.Sequential, shape: tuple[int, ...]) -> None:
    double(network)
    random = torch.Generator().manual_seed(1)
    batch = torch.randn((IMAGES, *shape), generator=random, dtype=torch.float64)
    convention = FisherConvention(
        table="mlp", labels=Labels.PREDICTED, batch=(0, IMAGES), dtype="float64"
    )
    scores, passes = forward(network, batch)
    gradients = gradient_factors(scores, passes, convention)
    assert len(passes) == sum(isinstance(layer, nn.Linear | nn.Conv2d) for layer in network)
    for step, factor in zip(passes, gradients, strict=True):
        expected = theirs(network, step.layer, batch)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            ours(step, factor) / scale, expected / scale, rtol=1e-9, atol=1e-12, err_msg=step.name
        )
