r"""Second moments of the patches that a convolution reads, without making the patches.

One tensor format holds throughout this package:

* maps are ``(images, channels, height, width)``, tokens ``(images, positions, features)``;
* a patch is ordered (channel, kernel row, kernel column), as ``torch.nn.Conv2d.weight`` is, and the
  homogeneous coordinate of the bias comes last;
* moments are sums over images and positions; whoever asks divides.

For neighbouring output positions most of a patch is shared. With stride 1 the block of the moment
that belongs to the kernel offsets :math:`d` and :math:`e`,

.. math:: S(d, e) = \sum_{n, p} a_{n, p + d} \, a_{n, p + e}^T,

depends on the lag :math:`e - d` alone, up to pixels at the border that the window of :math:`d` does
not reach. So it is a correlation of the whole map with itself, less that of a few rows and columns:
for a 3 x 3 kernel 15 products in place of 81. A correlation at all lags is the weight gradient of a
convolution of the map with itself, for which every deep-learning library has its fastest code.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_weight


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
        """Return the pixels that no position reads with this kernel offset (stride 1)."""
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
    rows, columns = geometry
    channels = maps.shape[1]
    by_lags = (rows.stride, columns.stride) == (1, 1) and _lag_products(
        geometry
    ) < _window_products(geometry)
    blocks = _moment_by_lags(maps, geometry) if by_lags else _moment_by_windows(maps, geometry)
    # (row, column, channel, row', column', channel') -> (channel, row, column; the same)
    size = channels * rows.kernel * columns.kernel
    moment = blocks.permute(2, 0, 1, 5, 3, 4).reshape(size, size)
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
    images, channels = maps.shape[:2]
    rows, columns = geometry
    patches = functional.unfold(
        maps,
        (rows.kernel, columns.kernel),
        padding=(rows.padding, columns.padding),
        stride=(rows.stride, columns.stride),
    )
    pixels = rows.kernel * columns.kernel
    patches = patches.view(images, channels, pixels, -1).permute(1, 2, 0, 3).flatten(2)
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
    return flat.T @ flat


def map_moment(maps: Tensor) -> Tensor:
    """Return the sum of outer products of the pixels of maps: (channels, channels).

    Examples
    --------
    >>> map_moment(torch.tensor([[[[1.0, 2.0]], [[0.0, 1.0]]]]))
    tensor([[5., 2.],
            [2., 1.]])
    """
    return _weight_gradient(maps, maps, (1, 1))[:, :, 0, 0]


def _patch_sum(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return the sum of all patches, (f,) without the homogeneous coordinate."""
    rows, columns = geometry
    total = functional.pad(maps.sum(0), (columns.padding,) * 2 + (rows.padding,) * 2)
    windows = total.unfold(1, rows.positions * rows.stride - rows.stride + 1, 1)
    windows = windows.unfold(2, columns.positions * columns.stride - columns.stride + 1, 1)
    windows = windows[:, : rows.kernel, : columns.kernel, :: rows.stride, :: columns.stride]
    return windows.sum((3, 4)).flatten()


def _window_products(geometry: Geometry) -> int:
    """Return the pixel products of :func:`_moment_by_windows`."""
    rows, columns = geometry
    pairs = rows.kernel * (rows.kernel + 1) // 2 * columns.kernel**2
    return pairs * geometry.positions


def _lag_products(geometry: Geometry) -> int:
    """Return the pixel products of :func:`_moment_by_lags`."""
    rows, columns = geometry
    lags = rows.kernel * (2 * columns.kernel - 1)
    border = (len(_border(axis)) for axis in geometry)
    return lags * (rows.pixels + next(border)) * (columns.pixels + next(border))


def _moment_by_windows(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return all blocks S(d, e), each from its own window: any stride.

    One weight gradient for each offset d gives the blocks with every e not above d's row.
    """
    rows, columns = geometry
    padded = functional.pad(maps, (columns.padding,) * 2 + (rows.padding,) * 2)
    blocks = _empty_blocks(maps, geometry)
    last_row = (rows.positions - 1) * rows.stride
    last_column = (columns.positions - 1) * columns.stride
    for i in range(rows.kernel):
        below = padded[:, :, i : rows.kernel + last_row, : columns.kernel + last_column]
        for j in range(columns.kernel):
            window = padded[
                :,
                :,
                i : i + last_row + 1 : rows.stride,
                j : j + last_column + 1 : columns.stride,
            ]
            products = _weight_gradient(
                below,
                window,
                (rows.kernel - i, columns.kernel),
                stride=(rows.stride, columns.stride),
            )
            blocks[i, j, :, i:] = products.permute(0, 2, 3, 1)
            blocks[i:, :, :, i, j] = products.permute(2, 3, 1, 0)
    return blocks


def _moment_by_lags(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return all blocks S(d, e) from the correlations at the lags e - d: stride 1.

    S(d, e) = whole map - unreached rows - unreached columns + pixels in both.
    """
    rows, columns = geometry
    border_rows = {p: index for index, p in enumerate(_border(rows))}
    border_columns = {p: index for index, p in enumerate(_border(columns))}
    lags = _Lags(maps, rows.kernel - 1, columns.kernel - 1)
    whole = lags.of(slice(None), slice(None))
    of_rows = [lags.of(slice(p, p + 1), slice(None)) for p in border_rows]
    of_columns = [lags.of(slice(None), slice(p, p + 1)) for p in border_columns]
    of_both = {
        (p, q): lags.of(slice(p, p + 1), slice(q, q + 1))
        for p in border_rows
        for q in border_columns
    }
    blocks = _empty_blocks(maps, geometry)
    for i in range(rows.kernel):
        for j in range(columns.kernel):
            no_rows, no_columns = rows.unreached(i), columns.unreached(j)
            # Lags that lead from (i, j) to the offsets not above its row.
            down = slice(0, rows.kernel - i)
            across = slice(columns.kernel - 1 - j, 2 * columns.kernel - 1 - j)
            products = whole[:, :, down, across].clone()
            for p in no_rows:
                products -= of_rows[border_rows[p]][:, :, down, across]
            for q in no_columns:
                products -= of_columns[border_columns[q]][:, :, down, across]
            for p in no_rows:
                for q in no_columns:
                    products += of_both[p, q][:, :, down, across]
            blocks[i, j, :, i:] = products.permute(0, 2, 3, 1)
            blocks[i:, :, :, i, j] = products.permute(2, 3, 1, 0)
    return blocks


class _Lags:
    """Correlations of a map with itself at the lags 0 .. down and -across .. across."""

    def __init__(self, maps: Tensor, down: int, across: int) -> None:
        self.maps = maps
        self.lags = (down + 1, 2 * across + 1)
        self.padded = functional.pad(maps, (across, across, 0, down))

    def of(self, rows: slice, columns: slice) -> Tensor:
        """Return sums over the pixels of these rows and columns: (channel, channel', lags)."""
        first, _, _ = rows.indices(self.maps.shape[2])
        left, _, _ = columns.indices(self.maps.shape[3])
        part = self.maps[:, :, rows, columns]
        height, width = part.shape[2] + self.lags[0] - 1, part.shape[3] + self.lags[1] - 1
        around = self.padded[:, :, first : first + height, left : left + width]
        return _weight_gradient(around, part, self.lags)


def _weight_gradient(
    inputs: Tensor, gradients: Tensor, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)
) -> Tensor:
    """Return sums of products: (channel of gradients, channel of inputs, kernel)."""
    shape = (gradients.shape[1], inputs.shape[1], *kernel)
    products: Tensor = conv2d_weight(inputs, shape, gradients, stride)  # type: ignore[no-untyped-call]  # torch has no types for it
    return products


def _border(axis: Axis) -> list[int]:
    """Return the pixels that some kernel offset does not reach."""
    return sorted({p for offset in range(axis.kernel) for p in axis.unreached(offset)})


def _empty_blocks(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return room for the blocks: (row, column, channel, row', column', channel')."""
    channels = maps.shape[1]
    side = (geometry.rows.kernel, geometry.columns.kernel, channels)
    return maps.new_empty((*side, *side))
