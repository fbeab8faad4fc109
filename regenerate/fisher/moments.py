r"""Second moments of the patches that a convolution reads.

One tensor format holds throughout this package:

* maps are ``(images, channels, height, width)``, tokens ``(images, positions, features)``;
* a patch is ordered (channel, kernel row, kernel column), as ``torch.nn.Conv2d.weight`` is, and the
  homogeneous coordinate of the bias comes last;
* moments are sums over images and positions, in float64 whatever the maps are in; whoever asks
  divides.

For neighbouring output positions most of a patch is shared. The block of the moment that belongs to
the kernel offsets :math:`d` and :math:`e`,

.. math:: S(d, e) = \sum_{n, p} a_{n, p + d} \, a_{n, p + e}^T,

depends with stride 1 on the lag :math:`e - d` alone, up to pixels at the border that the window of
:math:`d` does not reach. So it is a correlation of the whole map with itself, less that of a few
rows and columns, and no patch is made. Correlations at all lags at once are products of Fourier
transforms (the convolution theorem): a map of n pixels costs n / 2 complex products, where for a
3 x 3 kernel the 13 lags one by one would cost 13 n real ones and patches 40 n. With a stride, or
where borders are much of the map, patches are made and multiplied.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn import functional

CHUNK: Final = 8192
"""Pixels that are widened to float64, or patches that are made, at a time."""


class Axis(NamedTuple):
    """One spatial axis of a convolution: pixels in, kernel, stride, padding."""

    pixels: int
    kernel: int
    stride: int
    padding: int

    @property
    def positions(self) -> int:
        """Output positions."""
        return (self.pixels + 2 * self.padding - self.kernel) // self.stride + 1

    def unreached(self, offset: int) -> list[int]:
        """Return the pixels that no position reads with this kernel offset, at stride 1.

        Examples
        --------
        >>> Axis(pixels=32, kernel=3, stride=1, padding=1).unreached(0)
        [31]
        """
        first = offset - self.padding
        return [p for p in range(self.pixels) if not first <= p < first + self.positions]


class Geometry(NamedTuple):
    """How a convolution reads its map: the two axes."""

    rows: Axis
    columns: Axis

    @classmethod
    def of(
        cls,
        maps: Tensor,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
    ) -> Geometry:
        """Return the geometry of a convolution over ``maps`` (images, channels, height, width)."""
        height, width = maps.shape[2:]
        return cls(
            Axis(height, kernel[0], stride[0], padding[0]),
            Axis(width, kernel[1], stride[1], padding[1]),
        )

    @property
    def positions(self) -> int:
        """Output positions of an image."""
        return self.rows.positions * self.columns.positions


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
        (f, f), symmetric, with f = channels x kernel rows x kernel columns, + 1 with a bias.

    Examples
    --------
    >>> maps = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> patch_moment(maps, Geometry.of(maps, kernel=(1, 2)))
    tensor([[ 4.,  6.],
            [ 6., 10.]], dtype=torch.float64)
    """
    if all(axis == Axis(axis.pixels, 1, 1, 0) for axis in geometry):
        moment = map_moment(maps)
    elif products_by_lags(geometry) < products_of_patches(geometry):
        moment = moment_by_lags(maps.double(), geometry)
    else:
        moment = moment_of_patches(maps, geometry)
    if homogeneous is None:
        return moment
    mean = _patch_sum(maps, geometry) * homogeneous
    corner = mean.new_full((1,), homogeneous**2 * len(maps) * geometry.positions)
    return torch.cat([torch.cat([moment, mean[:, None]], 1), torch.cat([mean, corner])[None]])


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
    if maps.device.type == "cpu":
        return _depthwise_in_a_loop(maps, geometry, homogeneous)
    channels, kernel = maps.shape[1], geometry.rows.kernel * geometry.columns.kernel
    size = kernel if homogeneous is None else kernel + 1
    moments = torch.zeros((channels, size, size), dtype=torch.float64, device=maps.device)
    for image in maps.double().contiguous():
        # (row, column, channel, row offset, column offset) -> (channel, offsets, positions)
        patches = _patches(image[None], geometry)[0].permute(2, 3, 4, 0, 1)
        patches = patches.reshape(channels, kernel, geometry.positions)
        if homogeneous is not None:
            ones = patches.new_full((channels, 1, geometry.positions), homogeneous)
            patches = torch.cat([patches, ones], 1)
        moments.baddbmm_(patches, patches.transpose(1, 2))
    return moments


def _depthwise_in_a_loop(maps: Tensor, geometry: Geometry, homogeneous: float | None) -> Tensor:
    from regenerate.fisher import loops_cpu

    rows, columns = geometry
    channels, kernel = maps.shape[1], rows.kernel * columns.kernel
    sums = np.zeros((kernel, kernel + 1, channels))
    loops_cpu.depthwise_products(
        maps.permute(0, 2, 3, 1).contiguous().numpy(),
        rows.positions,
        columns.positions,
        (rows.kernel, columns.kernel),
        (rows.stride, columns.stride),
        (rows.padding, columns.padding),
        sums,
    )
    size = kernel if homogeneous is None else kernel + 1
    moments = np.empty((channels, size, size))
    upper = np.triu_indices(kernel)
    moments[:, upper[0], upper[1]] = moments[:, upper[1], upper[0]] = sums[upper].T
    if homogeneous is not None:
        moments[:, kernel, :kernel] = moments[:, :kernel, kernel] = homogeneous * sums[:, kernel].T
        moments[:, kernel, kernel] = homogeneous**2 * len(maps) * geometry.positions
    return torch.from_numpy(moments)


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
    return _product(flat, flat)


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
        pixels = _pixels(some)
        total += _product(pixels, pixels)
    return total


def channel_moments(maps: Tensor) -> Tensor:
    """Return the sums of squares of each channel alone: (channels,).

    Examples
    --------
    >>> channel_moments(torch.tensor([[[[1.0, 2.0]], [[0.0, 1.0]]]]))
    tensor([5., 1.], dtype=torch.float64)
    """
    total = torch.zeros(maps.shape[1], dtype=torch.float64, device=maps.device)
    for some in _some_at_a_time(maps):
        total += some.square().sum((0, 2, 3))
    return total


def _some_at_a_time(maps: Tensor) -> Iterator[Tensor]:
    """Yield so many of the images at a time, in float64, that they stay in the cache."""
    for some in torch.split(maps, max(1, CHUNK // (maps.shape[2] * maps.shape[3]))):
        yield some.double()


def _patch_sum(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return the sum of all patches, (f,) without the homogeneous coordinate."""
    rows, columns = geometry
    total = functional.pad(
        maps.sum(0, dtype=torch.float64), (columns.padding,) * 2 + (rows.padding,) * 2
    )
    windows = total.unfold(1, rows.positions * rows.stride - rows.stride + 1, 1)
    windows = windows.unfold(2, columns.positions * columns.stride - columns.stride + 1, 1)
    windows = windows[:, : rows.kernel, : columns.kernel, :: rows.stride, :: columns.stride]
    return windows.sum((3, 4)).flatten()


def _patches(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return a view of all patches: (images, row, column, channel, row offset, column offset)."""
    rows, columns = geometry
    padded = functional.pad(maps, (columns.padding,) * 2 + (rows.padding,) * 2)
    windows = padded.unfold(2, rows.kernel, rows.stride).unfold(3, columns.kernel, columns.stride)
    return windows.permute(0, 2, 3, 1, 4, 5)


def moment_of_patches(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return the sum over positions of the outer products of patches, from the patches."""
    size = maps.shape[1] * geometry.rows.kernel * geometry.columns.kernel
    total = torch.zeros((size, size), dtype=torch.float64, device=maps.device)
    for some in torch.split(maps, max(1, CHUNK // geometry.positions)):
        patches = _patches(some.double(), geometry).flatten(3).flatten(0, 2)
        total += _product(patches, patches)
    return total


def products_of_patches(geometry: Geometry) -> int:
    """Return the multiplications of :func:`moment_of_patches`, over channels squared."""
    rows, columns = geometry
    return geometry.positions * (rows.kernel * columns.kernel) ** 2 // 2


def products_by_lags(geometry: Geometry) -> float:
    """Return those of :func:`moment_by_lags`, roughly; infinite if it does not apply."""
    rows, columns = geometry
    if (rows.stride, columns.stride) != (1, 1):
        return float("inf")
    height, width = _framed(geometry)
    frequencies = height * (width // 2 + 1)
    strips = sum(
        len(axis.unreached(offset)) * axis.kernel * other.pixels * other.kernel
        for axis, other in ((rows, columns), (columns, rows))
        for offset in range(axis.kernel)
    )
    return 4 * frequencies + strips  # of complex numbers


def moment_by_lags(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return the moment from correlations at the lags between kernel offsets, at stride 1.

    S(d, e) = whole map - unreached rows - unreached columns + pixels in both. Blocks with e before
    d are the transposes of others.
    """
    rows, columns = geometry
    everywhere = _correlations(maps, geometry)
    parts = _Parts(maps)
    offsets = list(product(range(rows.kernel), range(columns.kernel)))
    channels = maps.shape[1]
    moment = maps.new_empty((channels, len(offsets), channels, len(offsets)))
    for one, d in enumerate(offsets):
        no_rows, no_columns = rows.unreached(d[0]), columns.unreached(d[1])
        for other, e in enumerate(offsets[one:], start=one):
            lag = (e[0] - d[0], e[1] - d[1])
            block = everywhere[lag].clone()
            for row in no_rows:
                parts.add(block, -1.0, lag, row, None)
            for column in no_columns:
                parts.add(block, -1.0, lag, None, column)
            for row, column in product(no_rows, no_columns):
                parts.add(block, 1.0, lag, row, column)
            moment[:, one, :, other] = block
            moment[:, other, :, one] = block.T
    size = channels * len(offsets)
    return moment.view(size, size)


def _framed(geometry: Geometry) -> tuple[int, int]:
    """Return the sides of a map with room for the largest lag, such that transforms are fast."""
    rows, columns = geometry
    height = next_fast_len(rows.pixels + rows.kernel - 1)
    return height, next_fast_len(columns.pixels + columns.kernel - 1, real=True)


def _correlations(maps: Tensor, geometry: Geometry) -> dict[tuple[int, int], Tensor]:
    r"""Return sums over images and pixels q of the products of a map at q with itself at q + lag.

    By the convolution theorem: with the Fourier transforms :math:`A_n` of maps that are framed with
    zeros, and :math:`S(k) = \sum_n \overline{A_n(k)} A_n(k)^T`, the sum at a lag l is the mean over
    frequencies k of :math:`S(k) \exp(2 \pi i k \cdot l)`.

    Returns
    -------
    dict
        Lag (down, across), for all between the offsets of a kernel, to (channels, channels).
    """
    images, channels = maps.shape[:2]
    height, width = _framed(geometry)
    transformed = torch.view_as_real(torch.fft.rfft2(maps.contiguous(), s=(height, width)))
    # (real and imaginary part, frequency, image, channel)
    parts = transformed.permute(4, 2, 3, 0, 1).contiguous()
    real, imaginary = parts.view(2, -1, images, channels)
    even = _stacked_products(real, real).add_(_stacked_products(imaginary, imaginary))
    odd = _stacked_products(real, imaginary)  # less its transpose: the imaginary part of S
    down, across = geometry.rows.kernel - 1, geometry.columns.kernel - 1
    lags = list(product(range(down + 1), range(-across, across + 1)))
    # Of k and -k, at which a real map has conjugate transforms, only one is stored.
    rows = torch.arange(height, dtype=maps.dtype, device=maps.device)[:, None] / height
    columns = torch.arange(width // 2 + 1, dtype=maps.dtype, device=maps.device) / width
    twice = ((columns > 0) & (columns < 0.5)).to(maps.dtype)
    weights = ((1.0 + twice) / (height * width)).repeat(height)
    turns = torch.stack([(one * rows + other * columns).ravel() for one, other in lags])
    angles = 2.0 * torch.pi * turns
    shape = (len(lags), channels, channels)
    sums = ((angles.cos() * weights) @ even.flatten(1)).view(shape)
    skew = ((angles.sin() * weights) @ odd.flatten(1)).view(shape)
    return dict(zip(lags, sums - skew + skew.transpose(1, 2), strict=True))


class _Parts:
    """Sums as those of :func:`_correlations`, over the pixels q of a row, a column or both.

    Each is computed once.
    """

    def __init__(self, maps: Tensor) -> None:
        self.maps = maps.permute(0, 2, 3, 1)
        self._part = cache(self._part_products)

    def add(
        self, block: Tensor, sign: float, lag: tuple[int, int], row: int | None, column: int | None
    ) -> None:
        """Add the sum at a lag, times the sign."""
        found = self._part(lag, row, column)
        if found is not None:
            block.add_(found, alpha=sign)

    def _part_products(
        self, lag: tuple[int, int], row: int | None, column: int | None
    ) -> Tensor | None:
        here, there = self.maps, self.maps
        for axis, pixel, shift in zip((1, 2), (row, column), lag, strict=True):
            side = self.maps.shape[axis]
            first, last = (0, side - 1) if pixel is None else (pixel, pixel)
            # Pixels whose partner is in the map.
            first, last = max(first, -shift), min(last, side - 1 - shift)
            if first > last:
                return None
            here = here.narrow(axis, first, last - first + 1)
            there = there.narrow(axis, first + shift, last - first + 1)
        return _product(here.flatten(0, 2), there.flatten(0, 2))


def _pixels(maps: Tensor) -> Tensor:
    """Return the pixels of all maps, (images x height x width, channels)."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def _product(one: Tensor, other: Tensor) -> Tensor:
    """Return one^T other, both tall.

    On a CPU by NumPy, whose BLAS is the faster for float64 on some processors, and which computes
    but half of a matrix times its own transpose.
    """
    if one.device.type != "cpu":
        return one.T @ other
    tall = one.numpy()
    return torch.from_numpy(tall.T @ (tall if other is one else other.numpy()))


def _stacked_products(one: Tensor, other: Tensor) -> Tensor:
    """Return the products of :func:`_product` of every two matrices of two stacks."""
    if one.device.type != "cpu":
        return one.transpose(1, 2) @ other
    stack = one.numpy()
    return torch.from_numpy(stack.transpose(0, 2, 1) @ other.numpy())
