"""One forward pass that keeps what enters each layer, and backward passes to what leaves it.

Gradients of weights are never formed: K-FAC needs a layer's input and the gradient at its output.
So parameters are detached, and the graph starts at the output of the first layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call

from act_bench.errors import ActBenchError, ExitCode
from regenerate.fisher.convention import Labels

Layer: TypeAlias = nn.Linear | nn.Conv2d


class UnsupportedLayerError(ActBenchError, ValueError):
    """A layer of which the K-FAC block is not known here; the message names it."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True)
class LayerPass:
    """What one layer read and what it gave.

    Attributes
    ----------
    name
        Name of the module in the network.
    layer
        The module.
    inputs
        What it read: maps ``(images, channels, height, width)`` of a convolution, tokens
        ``(images, ..., features)`` of a linear layer.
    outputs
        What it gave, part of the graph that gradients go back through.
    """

    name: str
    layer: Layer
    inputs: Tensor
    outputs: Tensor


def weighted_layers(network: nn.Module) -> dict[str, Layer]:
    """Return the linear layers and convolutions of a network, by name.

    Raises
    ------
    UnsupportedLayerError
        For a convolution with a dilation, with groups other than 1 or one for each channel, or
        with a padding other than a fixed number of zeros.

    Examples
    --------
    >>> list(weighted_layers(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))))
    ['0', '2']
    """
    layers: dict[str, Layer] = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            layers[name] = module
        elif isinstance(module, nn.Conv2d):
            depthwise = module.groups == module.in_channels == module.out_channels
            if (
                (module.groups != 1 and not depthwise)
                or module.dilation != (1, 1)
                or isinstance(module.padding, str)
                or module.padding_mode != "zeros"
            ):
                raise UnsupportedLayerError(
                    f"layer {name}: expected a convolution without dilation, with groups of 1 or "
                    f"depthwise, and padded by a number of zeros; got {module}"
                )
            layers[name] = module
    return layers


def forward(network: nn.Module, images: Tensor) -> tuple[Tensor, list[LayerPass]]:
    """Return the class scores and what each layer read and gave, in the order of the pass.

    Parameters
    ----------
    network
        Its linear layers and convolutions may each be used once. The mode (``train``, ``eval``) is
        left as it is.
    images
        The batch, in the format that the network takes.

    Raises
    ------
    UnsupportedLayerError
        If a layer is not supported, is used twice, or works in place on what another one keeps.
    """
    names = {layer: name for name, layer in weighted_layers(network).items()}
    passes: list[LayerPass] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
        assert isinstance(module, nn.Linear | nn.Conv2d)  # noqa: S101  (hooked below, no other)
        name = names.pop(module, None)
        if name is None:
            raise UnsupportedLayerError(
                f"{module} is used twice: its block is no Kronecker product"
            )
        if not outputs.requires_grad:
            outputs.requires_grad_()
        passes.append(LayerPass(name, module, inputs[0].detach(), outputs))
        return outputs

    handles = [layer.register_forward_hook(keep) for layer in names]
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}
    try:
        with torch.enable_grad():
            scores: Tensor = functional_call(network, parameters, (images,))
    finally:
        for handle in handles:
            handle.remove()
    return scores, passes


def score_gradients(
    scores: Tensor, labels: Labels, *, true: Tensor | None = None, draws: Tensor | None = None
) -> Iterator[Tensor]:
    """Yield gradients of -log p at the class scores, whose outer products sum to the expectation.

    Parameters
    ----------
    scores
        (images, classes), before the softmax.
    labels
        Where labels come from.
    true
        (images,) int64, the data set's labels; for ``TRUE``.
    draws
        (images,) uniform in [0, 1); for ``PREDICTED_SAMPLE``, image i gets the first label whose
        cumulative probability exceeds draw i.

    Yields
    ------
    Tensor
        (images, classes): p - onehot(y), or a column of S with S S^T = diag(p) - p p^T, which is
        diag(sqrt p) - p sqrt(p)^T.

    Examples
    --------
    >>> scores = torch.zeros(1, 2)
    >>> columns = torch.stack(list(score_gradients(scores, Labels.PREDICTED)))
    >>> torch.einsum("cni,cnj->ij", columns, columns)
    tensor([[ 0.2500, -0.2500],
            [-0.2500,  0.2500]])
    """
    probabilities = torch.softmax(scores.detach(), 1)
    if labels is Labels.PREDICTED:
        roots = probabilities.sqrt()
        for label in range(scores.shape[1]):
            column = -probabilities * roots[:, label : label + 1]
            column[:, label] += roots[:, label]
            yield column
        return
    if labels is Labels.TRUE:
        if true is None:
            raise ValueError("labels 'true' need the data set's labels, got none")
        chosen = true
    else:
        if draws is None:
            raise ValueError("labels 'predicted_sample' need uniform draws, got none")
        above = probabilities.cumsum(1) <= draws[:, None].to(probabilities)
        chosen = above.sum(1).clamp(max=scores.shape[1] - 1)
    yield probabilities - nn.functional.one_hot(chosen, scores.shape[1])


def backward(
    scores: Tensor, passes: Sequence[LayerPass], gradients: Iterator[Tensor]
) -> Iterator[tuple[Tensor, ...]]:
    """Yield, for each gradient at the scores, the gradients at the outputs of the layers.

    The gradients are of each image's own loss: not divided by the number of images.
    """
    outputs = [each.outputs for each in passes]
    pending = next(gradients, None)
    while pending is not None:
        following = next(gradients, None)
        # The gradient of this number is the one at the scores, exactly; given to ``grad`` as
        # such, torch would first import its symbolic shapes, most of a second.
        yield torch.autograd.grad(
            (scores * pending).sum(),
            outputs,
            retain_graph=following is not None,
            materialize_grads=True,
        )
        pending = following
