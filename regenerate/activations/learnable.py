"""What trainers need to train a named function beside expressions: one module per layer.

An expression has no parameters, so one module serves all layers. A named function may learn one
(:mod:`act_bench.functions.catalogue`): then every layer has its own, by the function's granularity
one value or one per channel, and weight decay leaves it alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from torch import nn

from act_bench.functions.corrected import Corrected
from act_bench.functions.differentiable import ActivationModule
from act_bench.functions.expression import Expression
from act_bench.functions.named import NamedFunction
from act_bench.functions.named_modules import LearningActivation
from regenerate.activations.filled import Filled

Activation: TypeAlias = Expression | NamedFunction | Corrected | Filled
"""What a trainer takes; ``str`` of it is the name of the run."""


def learns(function: Activation) -> bool:
    """Return whether a function has a parameter to learn; if not, it can be tabulated."""
    if isinstance(function, Expression):
        return function.learns
    return function.parameter is not None


def layer_module(function: Activation, *, one: tuple[int, ...], each: tuple[int, ...]) -> nn.Module:
    """Return the activation module of one layer.

    Parameters
    ----------
    function
        What to compute.
    one
        Shape of a learned parameter with one value for the layer.
    each
        Its shape with one value for each channel. Both must broadcast against the layer's output.

    Examples
    --------
    >>> from act_bench.functions.catalogue import find
    >>> module = layer_module(find("swish_beta"), one=(), each=(96, 1, 1))
    >>> [tuple(parameter.shape) for parameter in module.parameters()]
    [(96, 1, 1)]
    """
    if isinstance(function, Expression):
        return function.to_torch(each)
    by_channel = function.parameter is not None and function.parameter.granularity == "channel"
    return function.to_torch(each if by_channel else one)


def learned_parameters(network: nn.Module) -> Iterator[nn.Parameter]:
    """Yield the parameters of a network's activation functions.

    Examples
    --------
    >>> from act_bench.functions.catalogue import find
    >>> network = nn.Sequential(nn.Linear(2, 2), find("prelu").to_torch())
    >>> [parameter.item() for parameter in learned_parameters(network)]
    [0.25]
    """
    for module in network.modules():
        if isinstance(module, LearningActivation | ActivationModule):
            learned: nn.Parameter | None = module.parameter
            if learned is not None:
                yield learned


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return groups for an optimizer of torch: learned parameters of activations do not decay.

    He et al. (2015, Section 2.1) leave PReLU's slope out of weight decay, because it would push the
    function towards ReLU; the same holds for the others.
    """
    learned = list(learned_parameters(network))
    apart = {id(parameter) for parameter in learned}
    weights = [parameter for parameter in network.parameters() if id(parameter) not in apart]
    groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": weight_decay}]
    return groups + ([{"params": learned, "weight_decay": 0.0}] if learned else [])
