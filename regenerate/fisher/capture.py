"""One forward pass that keeps what enters each layer, and backward passes to what leaves it.

Gradients of weights are never formed: K-FAC needs a layer's input and the gradient at its output.
So parameters are detached, and the graph starts at the output of the first layer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from act_bench.errors import ArgumentError
from regenerate.fisher.convention import Labels
from regenerate.fisher.coverage import Layer, UnsupportedLayerError, weighted_layers


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


def forward(
    network: nn.Module, images: Tensor, *, seed: int = 0, excluded: Sequence[str] = ()
) -> tuple[Tensor, list[LayerPass]]:
    """Return the class scores and what each layer read and gave, in the order of the pass.

    The network is left as it was, buffers such as running means included.

    Parameters
    ----------
    network
        Its linear layers and convolutions are used once each. Dropout is off for the pass; the mode
        (``train``, ``eval``) is left as it is otherwise.
    images
        The batch, in the format that the network takes.
    seed
        Of whatever the network draws from the global generators of torch, NumPy and Python.
    excluded
        See :func:`regenerate.fisher.coverage.weighted_layers`.

    Raises
    ------
    UnsupportedLayerError
        If a parameter gets no block (:func:`regenerate.fisher.coverage.weighted_layers`), a layer
        is used twice, not at all or by its weights alone, mixes images with its other inputs, or
        the network gives anything but class scores (images, classes), or (images, tokens, classes).
    """
    layers = weighted_layers(network, excluded)
    if not layers:
        raise UnsupportedLayerError(
            "the network has no layer with a block of the Fisher information: expected linear "
            "layers or 2-D convolutions"
        )
    with _repeatable(network, seed):
        found = _pass(network, layers, images, copied=False)
    if found is None:  # what a layer gave or read was overwritten: pass on and keep copies
        with _repeatable(network, seed):
            found = _pass(network, layers, images, copied=True)
        assert found is not None  # noqa: S101  (copies are not overwritten)
    scores, passes = found
    if not scores.requires_grad:
        raise UnsupportedLayerError(
            "no gradient leads from the class scores to a layer: the network detaches them or runs "
            "under torch.no_grad"
        )
    return scores, passes


def _pass(
    network: nn.Module, layers: Mapping[str, Layer], images: Tensor, *, copied: bool
) -> tuple[Tensor, list[LayerPass]] | None:
    """Pass once; None where something works in place on what is kept, unless that is a copy."""
    names = {layer: name for name, layer in layers.items()}
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    passes: list[LayerPass] = []
    kept: list[tuple[Tensor, int]] = []
    watch = _Uses(
        {
            id(parameters[address]): address
            for name in layers
            for address in (f"{name}.weight".lstrip("."), f"{name}.bias".lstrip("."))
            if address in parameters
        }
    )

    def enter(module: nn.Module, args: object, kwargs: object) -> None:
        del module, args, kwargs
        watch.inside += 1

    def keep(
        module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor], outputs: Tensor
    ) -> Tensor:
        watch.inside -= 1
        assert isinstance(module, nn.Linear | nn.Conv2d)  # noqa: S101  (hooked below, no other)
        name = names.pop(module, None)
        if name is None:
            again = next(name for name, layer in layers.items() if layer is module)
            raise UnsupportedLayerError(
                f"layer {again}, {module}, is used twice: its block is no Kronecker product"
            )
        inputs = (args[0] if args else kwargs["input"]).detach()
        _check_batch(name, module, inputs, len(images))
        if not outputs.requires_grad:
            outputs.requires_grad_()
        if copied:
            passes.append(LayerPass(name, module, inputs.clone(), outputs))
            return outputs.clone()
        passes.append(LayerPass(name, module, inputs, outputs))
        kept.extend((tensor, tensor._version) for tensor in (inputs, outputs))
        return outputs

    handles = [layer.register_forward_pre_hook(enter, with_kwargs=True) for layer in names]
    handles += [layer.register_forward_hook(keep, with_kwargs=True) for layer in names]
    try:
        with torch.enable_grad(), watch:
            scores = functional_call(network, {**parameters, **buffers}, (images.clone(),))
    except RuntimeError as error:
        if not _in_place(error):
            raise
        if not copied:
            return None
        raise UnsupportedLayerError(f"the network works in place: {error}") from error
    finally:
        watch.put_generators_back()
        for handle in handles:
            handle.remove()
    if names:
        raise UnsupportedLayerError(
            f"layer {', '.join(names.values())} has no part in the pass, so its parameters get no "
            "block: take it out of the network"
        )
    if any(tensor._version != version for tensor, version in kept):
        return None
    return _checked_scores(scores, images), passes


class _Uses(TorchFunctionMode):
    """Refuses uses of a layer's parameters outside the layer, which its block would not have.

    And keeps the states of generators that the network has of its own, which no seed reaches.
    """

    def __init__(self, addresses: Mapping[int, str]) -> None:
        super().__init__()
        self.addresses, self.inside = addresses, 0
        self.generators: dict[torch.Generator, Tensor] = {}

    def put_generators_back(self) -> None:
        """Give generators the states that they had, so that the next pass draws the same."""
        for generator, state in self.generators.items():
            generator.set_state(state)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        generator = (kwargs or {}).get("generator")
        if generator is not None and generator not in self.generators:
            self.generators[generator] = generator.get_state()
        found = func(*args, **(kwargs or {}))
        if self.inside or not isinstance(found, Tensor):  # such as a shape
            return found
        for each in (*args, *(kwargs or {}).values()):
            for part in each if isinstance(each, list | tuple) else (each,):
                if (address := self.addresses.get(id(part))) is not None:
                    raise UnsupportedLayerError(
                        f"the parameter {address} is used outside its layer, so its block is no "
                        "Kronecker product: call the layer"
                    )
        return found


@contextmanager
def _repeatable(network: nn.Module, seed: int) -> Iterator[None]:
    """Turn dropout off and seed all global generators for a block; put all of it back."""
    silenced = [each for each in network.modules() if isinstance(each, _RANDOM) and each.training]
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  (others draw from it)
    # Asked for GPUs that are not in use, fork_rng would start each of them.
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = range(torch.cuda.device_count()) if in_use else []
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            for each in silenced:
                each.training = False
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        for each in silenced:
            each.training = True


_RANDOM: Final = (nn.modules.dropout._DropoutNd, nn.RReLU)


def _check_batch(name: str, layer: Layer, inputs: Tensor, images: int) -> None:
    dimensions = "(images, channels, height, width)"
    if isinstance(layer, nn.Linear):
        dimensions = "(images, ..., features)"
    good = inputs.ndim == 4 if isinstance(layer, nn.Conv2d) else inputs.ndim >= 2
    if not good or len(inputs) != images:
        raise UnsupportedLayerError(
            f"layer {name} reads a tensor of shape {tuple(inputs.shape)}; expected {dimensions} "
            f"with {images} images, one row for each image of the batch"
        )


def _checked_scores(scores: object, images: Tensor) -> Tensor:
    if not isinstance(scores, Tensor):
        raise UnsupportedLayerError(
            f"the network gives a {type(scores).__name__}, expected a tensor of class scores "
            "(images, classes): return that alone, such as output.logits"
        )
    # A batch of tokens has scores for each of them.
    tokens = images.ndim == 2 and not images.is_floating_point()
    good = scores.ndim == 2 and len(scores) == len(images)
    if not (good or (tokens and scores.ndim == 3 and scores.shape[:2] == images.shape)):
        raise UnsupportedLayerError(
            f"the network gives a tensor of shape {tuple(scores.shape)}, expected class scores "
            f"(images, classes) for {len(images)} images"
            + (f", or (images, tokens, classes) for {tuple(images.shape)} tokens" * tokens)
        )
    return scores


def _in_place(error: RuntimeError) -> bool:
    return any(words in str(error) for words in ("in-place", "inplace"))


def score_gradients(
    scores: Tensor, labels: Labels, *, true: Tensor | None = None, draws: Tensor | None = None
) -> Iterator[Tensor]:
    """Yield gradients of -log p at the class scores, whose outer products sum to the expectation.

    Parameters
    ----------
    scores
        (images, classes), before the softmax; of sequences (images, tokens, classes), where every
        token has a label of its own.
    labels
        Where labels come from.
    true
        (images,) int64, the data set's labels, or (images, tokens); for ``TRUE``.
    draws
        (images,), or (images, tokens), uniform in [0, 1); for ``PREDICTED_SAMPLE``, image i gets
        the first label whose cumulative probability exceeds draw i.

    Yields
    ------
    Tensor
        The shape of the scores: p - onehot(y), or a column of S with S S^T = diag(p) - p p^T, which
        is diag(sqrt p) - p sqrt(p)^T.

    Raises
    ------
    ValueError
        If the labels or draws that are needed are not given, or the expectation is asked for over
        sequences: one column for all tokens would have products of different tokens in it, which
        the expectation has not.

    Examples
    --------
    >>> scores = torch.zeros(1, 2)
    >>> columns = torch.stack(list(score_gradients(scores, Labels.PREDICTED)))
    >>> torch.einsum("cni,cnj->ij", columns, columns)
    tensor([[ 0.2500, -0.2500],
            [-0.2500,  0.2500]])
    """
    probabilities = torch.softmax(scores.detach(), -1).flatten(0, -2)
    if labels == Labels.PREDICTED:
        if scores.ndim > 2:
            raise ArgumentError("labels 'predicted' are for one label an image, not for sequences")
        roots = probabilities.sqrt()
        for label in range(scores.shape[1]):
            column = -probabilities * roots[:, label : label + 1]
            column[:, label] += roots[:, label]
            yield column
        return
    if labels == Labels.TRUE:
        if true is None:
            raise ArgumentError("labels 'true' need the data set's labels, got none")
        chosen = true.flatten()
    else:
        if draws is None:
            raise ArgumentError("labels 'predicted_sample' need uniform draws, got none")
        above = probabilities.cumsum(1) <= draws.flatten()[:, None].to(probabilities)
        chosen = above.sum(1).clamp(max=scores.shape[-1] - 1)
    found = probabilities - nn.functional.one_hot(chosen, scores.shape[-1])
    yield found.view(scores.shape)


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
        try:
            found = torch.autograd.grad(
                (scores * pending).sum(),
                outputs,
                retain_graph=following is not None,
                materialize_grads=True,
            )
        except RuntimeError as error:
            if not _in_place(error):
                raise
            raise UnsupportedLayerError(
                f"the network works in place on what its gradients need, so it cannot be trained "
                f"either: {error}"
            ) from error
        yield found
        pending = following
