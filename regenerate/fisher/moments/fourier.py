r"""Correlations of maps at all lags at once, by the convolution theorem.

With the Fourier transforms :math:`A_n` and :math:`B_n` of maps that are framed with zeros, and
:math:`S(k) = \sum_n \overline{A_n(k)} B_n(k)^T`, the sum over images n and pixels q of the products
of the one at q and the other at q + l is the mean over frequencies k of
:math:`S(k) \exp(2 \pi i k \cdot l)`.

The transforms are products with matrices of cosines and sines: maps have few pixels a side and many
images and channels, and so what comes out lies as the products of frequencies need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from regenerate.fisher.moments.products import add_product, product

Pair: TypeAlias = tuple[int, int]
"""Down and across: a phase, a lag, the sides of a frame."""


def correlations(
    phases: Mapping[Pair, Tensor], wanted: Mapping[tuple[Pair, Pair], list[Pair]], frame: Pair
) -> dict[tuple[Pair, Pair, Pair], Tensor]:
    """Return sums over images and pixels q of the products of a phase at q, another at q + lag.

    Parameters
    ----------
    phases
        Maps (row, column, image, channel), float64.
    wanted
        The lags of two phases, down and across.
    frame
        Sides with room for the largest lag, so that none goes around.

    Returns
    -------
    dict
        (phase, phase, lag) to (channels, channels).
    """
    height, width = frame
    across = {phase: _transformed_across(pixels, width) for phase, pixels in phases.items()}
    down = {phase: _transform_down(pixels, height) for phase, pixels in phases.items()}
    turns, sums = {}, {}
    for (one, other), lags in wanted.items():
        turns[one, other] = _turns(lags, frame, phases[one])
        images, channels = phases[one].shape[2:]
        sums[one, other] = [phases[one].new_zeros((len(lags), channels**2)) for _ in range(2)]
    # Of k and -k, at which a real map has conjugate transforms, only one is needed.
    for column in range(width // 2 + 1):
        # (row of the frequency, (real and imaginary part, image), channel)
        spectra = {
            phase: product(down[phase], found[:, :, column].flatten(0, 1)).view(
                height, 2 * images, channels
            )
            for phase, found in across.items()
        }
        turned = {other: _turned(spectra[other]) for one, other in wanted if one != other}
        for (one, other), total in sums.items():
            here, there = spectra[one].transpose(1, 2), spectra[other]
            cosines, sines = (each[column] for each in turns[one, other])
            add_product(total[0], cosines, product(here, there).flatten(1))
            if one != other:
                add_product(total[1], sines, product(here, turned[other]).flatten(1))
            elif len(wanted[one, other]) > 1:  # the imaginary part is this less its transpose
                half = product(here[:, :, :images], there[:, images:])
                add_product(total[1], sines, half.flatten(1))
    result = {}
    for (one, other), (even, odd) in sums.items():
        for number, lag in enumerate(wanted[one, other]):
            block, turn = (part.view(channels, channels) for part in (even[number], odd[number]))
            result[one, other, lag] = block - (turn - turn.T if one == other else turn)
    return result


def _turned(spectrum: Tensor) -> Tensor:
    """Return -i times a spectrum whose real and imaginary parts are stacked."""
    real, imaginary = spectrum.chunk(2, 1)
    return torch.cat([imaginary, -real], 1)


def _angles(one: int, other: int, side: int, like: Tensor) -> Tensor:
    """Return 2 pi k q / side for k below ``one`` and q below ``other``."""
    numbers = torch.outer(torch.arange(one), torch.arange(other)) % side
    return (numbers.to(like) / side).mul_(2.0 * torch.pi)


def _transformed_across(pixels: Tensor, width: int) -> Tensor:
    """Return (row, real and imaginary part, column of the frequency, image and channel)."""
    angles = _angles(width // 2 + 1, pixels.shape[1], width, pixels)
    matrix = torch.cat([angles.cos(), -angles.sin()])
    found = product(matrix, pixels.flatten(2))
    return found.view(len(found), 2, len(angles), found.shape[2])


def _transform_down(pixels: Tensor, height: int) -> Tensor:
    """Return the matrix (frequency and part, row and part) of a transform of columns."""
    rows = len(pixels)
    angles = _angles(height, rows, height, pixels)
    cosines, sines = angles.cos(), angles.sin()
    matrix = torch.stack([torch.stack([cosines, sines], 2), torch.stack([-sines, cosines], 2)], 1)
    return matrix.view(2 * height, 2 * rows)


def _turns(lags: list[Pair], frame: Pair, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosines and sines by which lags turn a product, times its weight in the mean.

    Each is (column of the frequency, lag, row of the frequency).
    """
    height, width = frame
    columns, rows = torch.arange(width // 2 + 1), torch.arange(height)
    down, across = torch.tensor(lags).T[:, :, None]
    angles = (columns[:, None, None] * across % width).to(like) / width
    angles = (angles + (down * rows % height).to(like) / height).mul_(2.0 * torch.pi)
    weights = torch.where((columns == 0) | (2 * columns == width), 1.0, 2.0).to(like)
    weights = weights[:, None, None] / (height * width)
    return angles.cos() * weights, angles.sin() * weights
