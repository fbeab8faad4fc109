r"""Second moments of the patches that a convolution reads.

One tensor format holds throughout this package:

* maps are ``(images, channels, height, width)``, tokens ``(images, positions, features)``;
* a patch is ordered (channel, kernel row, kernel column), as ``torch.nn.Conv2d.weight`` is, and the
  homogeneous coordinate of the bias comes last;
* moments are sums over images and positions; whoever asks divides.

For neighbouring output positions most of a patch is shared. The block of the moment that belongs to
the kernel offsets :math:`d` and :math:`e`,

.. math:: S(d, e) = \sum_{n, p} a_{n, p + d} \, a_{n, p + e}^T,

depends with stride 1 on the lag :math:`e - d` alone, up to pixels at the border that the window of
:math:`d` does not reach. So it is a correlation of the whole map with itself, less that of a few
rows and columns: for a 3 x 3 kernel 13 products in place of the 45 of a symmetric matrix, and no
patch is made. With a stride, or where borders are much of the map, patches are made and multiplied.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


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
            [ 6., 10.]])
    """
    by_lags = _products_by_lags(geometry) < _products_of_patches(geometry)
    moment = _moment_by_lags(maps, geometry) if by_lags else _moment_of_patches(maps, geometry)
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
            [6., 9.]])
    """
    patches = _patches(maps, geometry)
    images, channels = maps.shape[:2]
    # (images, row, column, channel, row offset, column offset) -> (channel, offsets, the rest)
    patches = patches.permute(3, 4, 5, 0, 1, 2).reshape(channels, -1, images * geometry.positions)
    if homogeneous is not None:
        ones = patches.new_full((channels, 1, patches.shape[2]), homogeneous)
        patches = torch.cat([patches, ones], 1)
    return patches @ patches.transpose(1, 2)


def token_moment(tokens: Tensor, homogeneous: float | None = None) -> Tensor:
    """Return the sum of outer products of tokens (images, positions, features).

    Examples
    --------
    >>> token_moment(torch.tensor([[[1.0, 2.0]]]), homogeneous=1.0)
    tensor([[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]])
    """
    flat = tokens.flatten(0, 1)
    if homogeneous is not None:
        flat = torch.cat([flat, flat.new_full((len(flat), 1), homogeneous)], 1)
    return _product(flat, flat)


def map_moment(maps: Tensor) -> Tensor:
    """Return the sum of outer products of the pixels of maps: (channels, channels).

    Examples
    --------
    >>> map_moment(torch.tensor([[[[1.0, 2.0]], [[0.0, 1.0]]]]))
    tensor([[5., 2.],
            [2., 1.]])
    """
    pixels = _pixels(maps)
    return _product(pixels, pixels)


def _patch_sum(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return the sum of all patches, (f,) without the homogeneous coordinate."""
    rows, columns = geometry
    total = functional.pad(maps.sum(0), (columns.padding,) * 2 + (rows.padding,) * 2)
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


def _moment_of_patches(maps: Tensor, geometry: Geometry) -> Tensor:
    patches = _patches(maps, geometry).flatten(3).flatten(0, 2)
    return _product(patches, patches)


def _products_of_patches(geometry: Geometry) -> int:
    """Return the multiplications of :func:`_moment_of_patches`, over channels squared."""
    rows, columns = geometry
    return geometry.positions * (rows.kernel * columns.kernel) ** 2 // 2


def _products_by_lags(geometry: Geometry) -> float:
    """Return those of :func:`_moment_by_lags`, roughly; infinite if it does not apply."""
    rows, columns = geometry
    if (rows.stride, columns.stride) != (1, 1):
        return float("inf")
    lags = (rows.kernel - 1) * (2 * columns.kernel - 1) + columns.kernel
    gaps = (rows.pixels + rows.kernel - 1) * (columns.pixels + columns.kernel - 1)
    strips = sum(
        len(axis.unreached(offset)) * axis.kernel * other.pixels * other.kernel
        for axis, other in ((rows, columns), (columns, rows))
        for offset in range(axis.kernel)
    )
    return lags * gaps + strips


def _moment_by_lags(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return the moment from correlations at the lags between kernel offsets, at stride 1.

    S(d, e) = whole map - unreached rows - unreached columns + pixels in both. Blocks with e before
    d are the transposes of others.
    """
    rows, columns = geometry
    correlations = _Correlations(maps, rows.kernel - 1, columns.kernel - 1)
    offsets = list(product(range(rows.kernel), range(columns.kernel)))
    channels = maps.shape[1]
    moment = maps.new_empty((channels, len(offsets), channels, len(offsets)))
    for one, d in enumerate(offsets):
        no_rows, no_columns = rows.unreached(d[0]), columns.unreached(d[1])
        for other, e in enumerate(offsets[one:], start=one):
            lag = (e[0] - d[0], e[1] - d[1])
            block = correlations.everywhere(*lag).clone()
            for row in no_rows:
                correlations.add(block, -1.0, lag, row, None)
            for column in no_columns:
                correlations.add(block, -1.0, lag, None, column)
            for row, column in product(no_rows, no_columns):
                correlations.add(block, 1.0, lag, row, column)
            moment[:, one, :, other] = block
            moment[:, other, :, one] = block.T
    size = channels * len(offsets)
    return moment.view(size, size)


class _Correlations:
    """Sums over images and pixels q of the products of a map at q with itself at q + lag.

    Each is computed once.
    """

    def __init__(self, maps: Tensor, down: int, across: int) -> None:
        self.maps = maps.permute(0, 2, 3, 1)
        # With zeros after rows and images, as wide as the largest lag, a lag is an offset in
        # memory: what runs over an edge meets zeros.
        framed = functional.pad(self.maps, (0, 0, 0, across, 0, down))
        self.width = framed.shape[2]
        self.flat = framed.flatten(0, 2)
        self.everywhere = cache(self._everywhere)
        self._part = cache(self._part_products)

    def _everywhere(self, down: int, across: int) -> Tensor:
        """Return the sum over the whole map: (channels, channels)."""
        offset = down * self.width + across
        return _product(self.flat[: len(self.flat) - offset], self.flat[offset:])

    def add(
        self, block: Tensor, sign: float, lag: tuple[int, int], row: int | None, column: int | None
    ) -> None:
        """Add the sum over the pixels of a row, of a column, or of both, times the sign."""
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
