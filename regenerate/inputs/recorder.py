"""Watch, or record, the inputs of the activation functions of a network in one pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn

from act_bench.functions.differentiable import ActivationModule
from act_bench.functions.named_modules import LearningActivation
from act_bench.tables.inputs.histograms import Histogram
from regenerate.activations import TabulatedActivation
from regenerate.activations.filled import FilledActivation

ACTIVATIONS: Final = (TabulatedActivation, ActivationModule, LearningActivation, FilledActivation)
"""Modules of activation functions, however they are computed."""


def watch(network: nn.Module, inputs: Tensor, see: Callable[[Tensor], None]) -> None:
    """Show what enters each activation function of a network in one pass, in the order of it.

    Batch normalization uses the statistics of this batch, as in training; neither it nor anything
    else in the network is changed.

    Parameters
    ----------
    network
        Whose activation functions are modules of :data:`ACTIVATIONS`; one module may stand at
        several places.
    inputs
        A batch as the network takes it.
    see
        Is shown the inputs of one place, without a gradient.
    """

    def seen(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        see(arguments[0].detach())

    hooks = [module.register_forward_pre_hook(seen) for module in _outermost(network)]
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    training = network.training
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            network.train()(inputs)
    finally:
        for hook in hooks:
            hook.remove()
        network.train(training)
        for buffer, before in buffers:
            buffer.copy_(before)


def record(network: nn.Module, inputs: Tensor) -> list[Histogram]:
    """Return a histogram for each place at which an activation function stands.

    Parameters
    ----------
    network, inputs
        As for :func:`watch`.

    Returns
    -------
    list of Histogram
        In the order of computation.

    Examples
    --------
    >>> from act_bench import parse
    >>> layers = nn.Linear(2, 3), parse("tanh(x)").to_torch(), nn.Linear(3, 2)
    >>> [found.count for found in record(nn.Sequential(*layers), torch.zeros(5, 2))]
    [15]
    """
    found: list[Histogram] = []
    watch(network, inputs, lambda seen: found.append(Histogram.of(seen.float().cpu().numpy())))
    return found


def _outermost(network: nn.Module) -> list[nn.Module]:
    """Return the modules of activation functions that are no part of another such module."""
    found = [module for module in network.modules() if isinstance(module, ACTIVATIONS)]
    inner = {part for each in found for part in each.modules() if part is not each}
    return [each for each in found if each not in inner]
