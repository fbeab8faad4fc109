"""Kronecker factors of a layer's block of the Fisher information.

A block is approximated by the Kronecker product of an input factor A, the second moment of what the
layer reads, and a gradient factor G, that of the gradients at what it gives.

* Linear layer (Martens and Grosse 2015, arXiv 1503.05671): A = E[a a^T] with a 1 appended to a for
  the bias, and G = E[g g^T]. Tokens count as the positions of a 1 x 1 convolution.
* Convolution (Grosse and Martens 2016, arXiv 1602.01407): A = E[sum over positions of the outer
  products of patches] and G = E[sum over positions of g g^T] / positions.
* Depthwise convolution: one such block for each channel, of its own patches and with a scalar G.

Expectations are means over the images of the batch and over labels. Factors are float64, whatever
the passes were in: the smallest eigenvalues lie further below the largest than float32 reaches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from act_bench.errors import ActBenchError, ExitCode
from regenerate.fisher.coverage import Layer
from regenerate.fisher.moments import (
    Geometry,
    channel_moments,
    depthwise_moments,
    map_moment,
    patch_moment,
    token_moment,
)
from regenerate.fisher.moments.products import eigenvalues

SAFE: Final = (1e-6, 1e6)
"""Largest magnitudes that are squared as they are; others are scaled to 1 first."""


class InvalidSpectrumError(ActBenchError, ArithmeticError):
    """A spectrum that does not exist; the message is the reason that is kept."""

    exit_code = ExitCode.NO


@dataclass(frozen=True)
class Factor:
    """A Kronecker factor, or the stack of them of a depthwise convolution.

    Attributes
    ----------
    matrix
        (blocks, n, n) float64, symmetric and positive semidefinite: the factor over exp(log_scale).
    log_scale
        Keeps the matrix within the range of its dtype, however small or large the factor is.
    """

    matrix: Tensor
    log_scale: float = 0.0

    def __add__(self, other: Factor) -> Factor:
        """Return the sum, with the larger of the two scales."""
        scale = max(self.log_scale, other.log_scale)
        return Factor(
            self.matrix * math.exp(self.log_scale - scale)
            + other.matrix * math.exp(other.log_scale - scale),
            scale,
        )

    def log_eigenvalues(self, zero: float) -> NDArray[np.float64]:
        """Return the logs of the eigenvalues, (blocks, n); minus infinity for those that are zero.

        Parameters
        ----------
        zero
            See :class:`regenerate.fisher.FisherConvention`.

        Raises
        ------
        InvalidSpectrumError
            If the matrix is not finite, or has no positive eigenvalue.

        Examples
        --------
        >>> matrix = torch.diag(torch.tensor([1.0, 0.0, 1e-20]).double())
        >>> Factor(matrix[None], log_scale=2.0).log_eigenvalues(zero=64)
        array([[-inf, -inf,   2.]])
        """
        # Where a number is not finite, neither is the sum; one pass in place of several.
        if not bool(self.matrix.sum().isfinite()) and not bool(self.matrix.isfinite().all()):
            raise InvalidSpectrumError("not finite")
        if self.matrix.shape[1] == 1:
            found = self.matrix[:, :, 0].cpu().numpy()
        else:
            found = eigenvalues(self.matrix)
        largest = found.max(1, keepdims=True).clip(min=0.0)
        if not largest.any():
            raise InvalidSpectrumError("no positive eigenvalue")
        threshold = zero * torch.finfo(self.matrix.dtype).eps * largest
        logs = np.full_like(found, -np.inf)
        np.log(found, out=logs, where=found > threshold)
        return logs + self.log_scale


def input_factor(layer: Layer, inputs: Tensor, magnitude: float | None = None) -> Factor:
    """Return the factor A of a layer.

    Parameters
    ----------
    layer
        A linear layer or a convolution.
    inputs
        What it read: maps ``(images, channels, height, width)`` or tokens
        ``(images, ..., features)``.
    magnitude
        :func:`largest_magnitude` of the inputs, if known.

    Raises
    ------
    InvalidSpectrumError
        If the inputs are not finite.

    Examples
    --------
    >>> input_factor(nn.Linear(1, 1), torch.tensor([[1.0], [3.0]])).matrix
    tensor([[[5., 2.],
             [2., 1.]]], dtype=torch.float64)
    """
    magnitude = largest_magnitude(inputs) if magnitude is None else magnitude
    bias = layer.bias is not None
    scale = _scale(max(magnitude, 1.0) if bias else magnitude)
    scaled = _scaled(inputs, scale)
    homogeneous = 1.0 / scale if bias else None
    if isinstance(layer, nn.Linear):
        matrix = token_moment(_tokens(scaled), homogeneous)[None]
    else:
        geometry = _geometry(layer, scaled)
        if layer.groups > 1:
            matrix = depthwise_moments(scaled, geometry, homogeneous)
        else:
            matrix = patch_moment(scaled, geometry, homogeneous)[None]
    return Factor(matrix.div_(len(inputs)), 2.0 * math.log(scale))


def gradient_factor(layer: Layer, gradients: Tensor) -> Factor:
    """Return the factor G of a layer.

    Parameters
    ----------
    layer
        A linear layer or a convolution.
    gradients
        At what it gave, of each image's own loss; the shape of its output.

    Raises
    ------
    InvalidSpectrumError
        If the gradients are not finite.

    Examples
    --------
    >>> gradient_factor(nn.Linear(1, 1), torch.tensor([[1.0], [3.0]])).matrix
    tensor([[[5.]]], dtype=torch.float64)
    """
    scale = _scale(largest_magnitude(gradients))
    scaled = _scaled(gradients, scale)
    if isinstance(layer, nn.Linear):
        tokens = _tokens(scaled)
        matrix, positions = token_moment(tokens)[None], tokens.shape[1]
    else:
        positions = scaled.shape[2] * scaled.shape[3]
        if layer.groups > 1:
            matrix = channel_moments(scaled)[:, None, None]
        else:
            matrix = map_moment(scaled)[None]
    return Factor(matrix.div_(len(gradients) * positions), 2.0 * math.log(scale))


def largest_magnitude(values: Tensor) -> float:
    """Return the largest absolute value.

    Raises
    ------
    InvalidSpectrumError
        If a value is not finite.
    """
    # In the order of memory: torch is slow in another.
    in_order = values.permute(0, 2, 3, 1) if values.ndim == 4 else values
    low, high = torch.aminmax(in_order if in_order.is_contiguous() else values)
    magnitude = float(torch.maximum(-low, high))
    if not math.isfinite(magnitude):
        raise InvalidSpectrumError("not finite")
    return magnitude


def _scale(magnitude: float) -> float:
    """Return what to divide by, 1 where squares are safe as they are."""
    return 1.0 if magnitude == 0.0 or SAFE[0] <= magnitude <= SAFE[1] else magnitude


def _scaled(values: Tensor, scale: float) -> Tensor:
    """Return values over the scale, in float64 where that is not 1; moments are float64 anyway."""
    return values if scale == 1.0 else values.double() / scale


def _tokens(values: Tensor) -> Tensor:
    """Return (images, features) or (images, ..., features) as (images, positions, features)."""
    return values.reshape(len(values), -1, values.shape[-1])


def _geometry(layer: nn.Conv2d, maps: Tensor) -> Geometry:
    kernel, stride = layer.kernel_size, layer.stride
    assert not isinstance(layer.padding, str)  # noqa: S101  (weighted_layers refuses it)
    padding = layer.padding
    return Geometry.of(
        maps, (kernel[0], kernel[1]), (stride[0], stride[1]), (padding[0], padding[1])
    )
