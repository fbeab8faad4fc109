"""All weights of a network in one vector, and the optimizers that work on it.

Parameters live in one float32 vector, the master copy that the optimizer updates, and in one
bfloat16 vector of which the network's parameters are views (mixed precision as in Micikevicius et
al. 2018, "Mixed Precision Training", arXiv 1710.03740; bfloat16 needs no loss scaling). Those of
batch normalization stay float32, as in that paper: they are views of the master copy. Weights of a
convolution are stored in the order (out, row, column, in), which is torch's ``channels_last``. So a
step of an optimizer is a handful of operations on one vector, whatever the number of layers.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from regenerate.activations.learnable import learned_parameters
from regenerate.recipes.recipe import Recipe

ADAM_FLOOR = 1e-8
FLOAT32 = (nn.BatchNorm2d,)
"""Modules whose parameters are not rounded to bfloat16."""
_TINY = 1e-12  # keeps 0 / 0 out of clipping


class FlatWeights:
    """Float32 master weights of a network and the bfloat16 copies that it computes with.

    Parameters
    ----------
    network
        Its parameters are replaced by bfloat16 views of one vector, of the same values; those of
        `FLOAT32` modules by views of ``master``.

    Attributes
    ----------
    master
        (weights,) float32.
    master_views
        The same numbers in the shape of each parameter, in the order of ``network.parameters()``.
    compute
        (weights,) bfloat16: the copies.
    decayed
        (weights,) float32: 1 where weight decay applies, 0 for biases and for what activation
        functions learn.
    matrices
        Where the weights of each linear layer lie in these vectors, and their shape.

    Examples
    --------
    >>> layer = nn.Conv2d(3, 8, 3)
    >>> weights = FlatWeights(layer)
    >>> weights.master.fill_(0.5).shape
    torch.Size([224])
    >>> weights.publish()
    >>> layer.bias.dtype, layer.bias[0].item()
    (torch.bfloat16, 0.5)
    """

    def __init__(self, network: nn.Module) -> None:
        owners = [
            (module, name)
            for module in network.modules()
            for name, _ in module.named_parameters(recurse=False)
        ]
        old = [getattr(module, name) for module, name in owners]
        sizes = [parameter.numel() for parameter in old]
        self.master = torch.cat([_flattened(parameter.detach()).float() for parameter in old])
        self.compute = torch.zeros_like(self.master, dtype=torch.bfloat16)
        self.master_views = [
            _shaped(flat, parameter.shape)
            for flat, parameter in zip(torch.split(self.master, sizes), old, strict=True)
        ]
        apart = {id(parameter) for parameter in learned_parameters(network)}
        self.decayed = torch.cat(
            [
                torch.full_like(p.detach().flatten(), float(p.dim() > 1 and id(p) not in apart))
                for p in old
            ]
        )
        ends = accumulate(sizes)
        self.matrices = [
            (slice(end - size, end), (module.out_features, module.in_features))
            for (module, name), size, end in zip(owners, sizes, ends, strict=True)
            if isinstance(module, nn.Linear) and name == "weight"
        ]
        self._parameters: list[Tensor] = []
        for (module, name), flat, master_view in zip(
            owners, torch.split(self.compute, sizes), self.master_views, strict=True
        ):
            wide = isinstance(module, FLOAT32)
            view = nn.Parameter(master_view if wide else _shaped(flat, master_view.shape))
            setattr(module, name, view)
            self._parameters.append(view)
        self._master_of = dict(zip(map(id, self._parameters), self.master_views, strict=True))
        self.publish()

    def master_of(self, parameter: Tensor) -> Tensor:
        """Return the view of ``master`` that a parameter of the network is rounded from."""
        return self._master_of[id(parameter)]

    def gradient(self, loss: Tensor) -> Tensor:
        """Return the gradient of ``loss`` as (weights,) float32, in the order of ``master``."""
        gradients = torch.autograd.grad(loss, self._parameters)
        return torch.cat([_flattened(gradient) for gradient in gradients]).float()

    @torch.no_grad()
    def publish(self) -> None:
        """Round the master weights to the copies that the network computes with."""
        self.compute.copy_(self.master)


def _shaped(flat: Tensor, shape: torch.Size) -> Tensor:
    if len(shape) != 4:
        return flat.view(shape)
    out, inner, rows, columns = shape
    return flat.view(out, rows, columns, inner).permute(0, 3, 1, 2)


def _flattened(gradient: Tensor) -> Tensor:
    ordered = gradient.permute(0, 2, 3, 1) if gradient.dim() == 4 else gradient
    return ordered.reshape(-1)


class Optimizer(Protocol):
    """Updates the weights from a gradient; may overwrite the gradient."""

    def step(self, gradient: Tensor, learning_rate: float) -> None:
        """Take one step and publish the weights. No call waits for the device."""


def make_optimizer(recipe: Recipe, weights: FlatWeights) -> Optimizer:
    """Return the optimizer that a recipe names."""
    return Sgd(recipe, weights) if recipe.optimizer == "sgd" else AdamW(recipe, weights)


class Sgd:
    """Stochastic gradient descent with (Nesterov) momentum; decay is added to the gradient.

    v <- m v + g;  w <- w - r v, or with Nesterov's momentum w - r (g + m v), where g is the
    clipped gradient plus decay times w (Sutskever et al. 2013, in the form that torch uses).
    """

    def __init__(self, recipe: Recipe, weights: FlatWeights) -> None:
        self._recipe, self._weights = recipe, weights
        self._velocity = torch.zeros_like(weights.master)

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float) -> None:
        """See `Optimizer.step`."""
        recipe, master = self._recipe, self._weights.master
        clip(gradient, recipe.clip_norm)
        if recipe.weight_decay:
            gradient.addcmul_(master, self._weights.decayed, value=recipe.weight_decay)
        self._velocity.mul_(recipe.momentum).add_(gradient)
        if recipe.nesterov:
            master.add_(gradient.add_(self._velocity, alpha=recipe.momentum), alpha=-learning_rate)
        else:
            master.add_(self._velocity, alpha=-learning_rate)
        self._weights.publish()


class AdamW:
    """AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101, Algorithm 2).

    The recipe's momentum is the decay of the first moment.
    """

    loop = True
    """Whether a CPU step is one loop (`regenerate.kernels.adamw_cpu`), not operations of torch."""

    def __init__(self, recipe: Recipe, weights: FlatWeights) -> None:
        self._recipe, self._weights = recipe, weights
        self._first = torch.zeros_like(weights.master)
        self._second = torch.zeros_like(weights.master)
        self._steps = 0

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float) -> None:
        """See `Optimizer.step`."""
        recipe, master = self._recipe, self._weights.master
        self._steps += 1
        correction = 1 / (1 - recipe.second_moment_decay**self._steps)
        rate = learning_rate / (1 - recipe.momentum**self._steps)
        if self.loop and master.device.type == "cpu":
            self._step_in_a_loop(gradient, correction, rate, learning_rate * recipe.weight_decay)
            return
        clip(gradient, recipe.clip_norm)
        decay = recipe.second_moment_decay
        self._first.lerp_(gradient, 1 - recipe.momentum)
        self._second.mul_(decay).addcmul_(gradient, gradient, value=1 - decay)
        if recipe.weight_decay:
            master.addcmul_(
                master, self._weights.decayed, value=-learning_rate * recipe.weight_decay
            )
        second = self._second * correction
        master.addcdiv_(self._first, second.sqrt_().add_(ADAM_FLOOR), value=-rate)
        self._weights.publish()

    def _step_in_a_loop(
        self, gradient: Tensor, correction: float, rate: float, decay: float
    ) -> None:
        from regenerate.activations.cpu import in_threads
        from regenerate.kernels import adamw_cpu

        recipe, weights = self._recipe, self._weights
        vectors = (gradient, weights.decayed, self._first, self._second, weights.master)
        addresses = np.array([each.data_ptr() for each in (*vectors, weights.compute)], np.intp)
        scale = float(_clipping(gradient, recipe.clip_norm))
        shares = [
            share
            for old in (recipe.momentum, recipe.second_moment_decay)
            for share in (old, 1 - old)
        ]
        how = np.array([scale, *shares, correction, ADAM_FLOOR, rate, decay], np.float32)
        in_threads(
            len(gradient), lambda part: adamw_cpu.step(addresses, part.start, part.stop, how)
        )


def clip(gradient: Tensor, limit: float | None) -> None:
    """Scale a gradient down to a Euclidean norm of at most ``limit`` (Pascanu et al. 2013)."""
    if limit is not None:
        gradient.mul_(_clipping(gradient, limit))


def _clipping(gradient: Tensor, limit: float | None) -> Tensor:
    """Return the factor that brings a gradient's norm to at most ``limit``."""
    if limit is None:
        return torch.ones(())
    factor: Tensor = limit / (gradient.norm() + _TINY)
    return factor.clamp(max=1.0)
