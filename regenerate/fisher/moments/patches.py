"""Second moments of pixels, tokens and patches, dense and depthwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from regenerate.fisher.moments.geometry import Geometry
from regenerate.fisher.moments.lags import depthwise_by_lags, fill_by_lags, products_by_lags
from regenerate.fisher.moments.products import gram

CHUNK: Final = 1 << 17
"""Numbers that are widened to float64 or put into patches at a time, few enough for a cache."""


def patch_moment(maps: Tensor, geometry: Geometry, homogeneous: float | None = None) -> Tensor:
    r"""Return the sum over images and positions of the outer products of patches.

    The factor Omega of KFC (Grosse and Martens 2016, arXiv 1602.01407, Eq. 32), times the number of
    images.

    Parameters
    ----------
    maps
        (images, channels, height, width), what the convolution reads.
    geometry
        Kernel, stride and padding; the padding is with zeros.
    homogeneous
        Value of the last coordinate, the bias's; None: there is no bias.

    Returns
    -------
    Tensor
        (f, f), symmetric, with f = kernel rows x kernel columns x channels, + 1 with a bias.

    Examples
    --------
    >>> maps = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> patch_moment(maps, Geometry.of(maps, kernel=(1, 2)))
    tensor([[ 4.,  6.],
            [ 6., 10.]], dtype=torch.float64)
    """
    size = maps.shape[1] * geometry.kernel
    whole = size if homogeneous is None else size + 1
    found = torch.empty((whole, whole), dtype=torch.float64, device=maps.device)
    moment = found[:size, :size]
    if geometry.pointwise:
        moment.copy_(map_moment(maps))
    elif products_by_lags(geometry, maps.shape[1]) < products_of_patches(geometry):
        fill_by_lags(moment, maps, geometry)
    else:
        moment.copy_(moment_of_patches(maps, geometry))
    if homogeneous is not None:
        found[size, :size] = found[:size, size] = _patch_sum(maps, geometry) * homogeneous
        found[size, size] = homogeneous**2 * len(maps) * geometry.positions
    return found


def depthwise_moments(maps: Tensor, geometry: Geometry, homogeneous: float | None) -> Tensor:
    """Return the patch moments of each channel alone: (channels, f, f), f = kernel pixels (+ 1).

    Parameters
    ----------
    maps, geometry, homogeneous
        As for :func:`patch_moment`.

    Examples
    --------
    >>> maps = torch.arange(4.0).reshape(1, 2, 1, 2)
    >>> depthwise_moments(maps, Geometry.of(maps, kernel=(1, 2)), None)[1]
    tensor([[4., 6.],
            [6., 9.]], dtype=torch.float64)
    """
    channels, kernel = maps.shape[1], geometry.kernel
    size = kernel if homogeneous is None else kernel + 1
    moments = torch.zeros((channels, size, size), dtype=torch.float64, device=maps.device)
    if maps.device.type == "cpu":
        moments[:, :kernel, :kernel] = torch.from_numpy(depthwise_by_lags(maps, geometry))
    else:
        for image in maps.double().contiguous():
            # (row, column, channel, offsets) -> (channel, offsets, positions)
            patches = _patches(image[None], geometry)[0].flatten(3).permute(2, 3, 0, 1).flatten(2)
            moments[:, :kernel, :kernel] += patches @ patches.transpose(1, 2)
    if homogeneous is not None:
        sums = _patch_sum(maps, geometry).view(kernel, channels).T * homogeneous
        moments[:, kernel, :kernel] = moments[:, :kernel, kernel] = sums
        moments[:, kernel, kernel] = homogeneous**2 * len(maps) * geometry.positions
    return moments


def token_moment(tokens: Tensor, homogeneous: float | None = None) -> Tensor:
    """Return the sum of outer products of tokens (images, positions, features).

    Examples
    --------
    >>> token_moment(torch.tensor([[[1.0, 2.0]]]), homogeneous=1.0)
    tensor([[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]], dtype=torch.float64)
    """
    flat = tokens.flatten(0, 1).double()
    if homogeneous is not None:
        flat = torch.cat([flat, flat.new_full((len(flat), 1), homogeneous)], 1)
    return gram(flat)


def map_moment(maps: Tensor) -> Tensor:
    """Return the sum of outer products of the pixels of maps: (channels, channels).

    Examples
    --------
    >>> map_moment(torch.tensor([[[[1.0, 2.0]], [[0.0, 1.0]]]]))
    tensor([[5., 2.],
            [2., 1.]], dtype=torch.float64)
    """
    channels = maps.shape[1]
    total = torch.zeros((channels, channels), dtype=torch.float64, device=maps.device)
    for some in _some_at_a_time(maps):
        total += gram(some)
    return total


def channel_moments(maps: Tensor) -> Tensor:
    """Return the sums of squares of each channel alone: (channels,).

    Examples
    --------
    >>> channel_moments(torch.tensor([[[[1.0, 2.0]], [[0.0, 1.0]]]]))
    tensor([5., 1.], dtype=torch.float64)
    """
    total = torch.zeros(maps.shape[1], dtype=torch.float64, device=maps.device)
    if maps.device.type == "cpu":
        from regenerate.fisher.moments import loops_cpu

        loops_cpu.squares(
            maps.permute(0, 2, 3, 1).contiguous().flatten(0, 2).numpy(), total.numpy()
        )
        return total
    for some in _some_at_a_time(maps):
        total += some.square().sum(0)
    return total


def _some_at_a_time(maps: Tensor) -> Iterator[Tensor]:
    """Yield some pixels at a time, (pixels, channels) in float64, in memory that is used again."""
    pixels = maps.permute(0, 2, 3, 1).flatten(0, 2)
    count = max(1, CHUNK // maps.shape[1])
    wide = torch.empty((min(count, len(pixels)), maps.shape[1]), dtype=torch.float64).to(
        maps.device
    )
    for some in torch.split(pixels, count):
        yield wide[: len(some)].copy_(some)


def _patch_sum(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return the sum of all patches, (f,) without the homogeneous coordinate."""
    rows, columns = geometry
    total = torch.zeros_like(maps[0], dtype=torch.float64)
    for image in maps:
        total += image
    total = functional.pad(total, (columns.padding,) * 2 + (rows.padding,) * 2)
    windows = total.unfold(1, rows.positions * rows.stride - rows.stride + 1, 1)
    windows = windows.unfold(2, columns.positions * columns.stride - columns.stride + 1, 1)
    windows = windows[:, : rows.kernel, : columns.kernel, :: rows.stride, :: columns.stride]
    return windows.sum((3, 4)).permute(1, 2, 0).flatten()


def moment_of_patches(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return the sum over positions of the outer products of patches, from the patches."""
    size = maps.shape[1] * geometry.kernel
    total = torch.zeros((size, size), dtype=torch.float64, device=maps.device)
    for some in torch.split(maps, max(1, CHUNK // (geometry.positions * size))):
        patches = _patches(some.double(), geometry)
        total += gram(patches.permute(0, 1, 2, 4, 5, 3).reshape(-1, size))
    return total


def products_of_patches(geometry: Geometry) -> float:
    """Return the multiplications of :func:`moment_of_patches`, over channels squared."""
    return geometry.positions * geometry.kernel**2 / 2


def _patches(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return a view of all patches: (images, row, column, channel, row offset, column offset)."""
    rows, columns = geometry
    padded = functional.pad(maps, (columns.padding,) * 2 + (rows.padding,) * 2)
    windows = padded.unfold(2, rows.kernel, rows.stride).unfold(3, columns.kernel, columns.stride)
    return windows.permute(0, 2, 3, 1, 4, 5)
