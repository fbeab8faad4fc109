r"""Second moments of the patches that a convolution reads, without making the patches.

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
rows and columns: for a 3 x 3 kernel 15 products in place of 81, and with stride 2 36. A correlation
at all lags is the weight gradient of a convolution of the map with itself, for which every
deep-learning library has its fastest code.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_weight


class Phase(NamedTuple):
    """The pixels of an axis that every stride-th kernel offset reads: they do so with stride 1.

    Attributes
    ----------
    offset
        First kernel offset; the others are a stride apart.
    kernel
        How many offsets.
    first
        First pixel; the others are a stride apart.
    pixels
        How many pixels.
    padding
        Offset 0 reads at position t the pixel t - padding, both counted within the phase.
    positions
        Output positions.
    """

    offset: int
    kernel: int
    first: int
    pixels: int
    padding: int
    positions: int

    def unreached(self, offset: int) -> list[int]:
        """Return the pixels that no position reads with this offset, all within the phase."""
        first = offset - self.padding
        return [p for p in range(self.pixels) if not first <= p < first + self.positions]


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

    def phases(self) -> list[Phase]:
        """Return the phases, at most as many as the stride.

        Examples
        --------
        >>> for phase in Axis(pixels=32, kernel=3, stride=2, padding=1).phases():
        ...     print(phase)
        Phase(offset=0, kernel=2, first=1, pixels=16, padding=1, positions=16)
        Phase(offset=1, kernel=1, first=0, pixels=16, padding=0, positions=16)
        """
        found = []
        for offset in range(min(self.stride, self.kernel)):
            whole, first = divmod(offset - self.padding, self.stride)
            kernel = len(range(offset, self.kernel, self.stride))
            pixels = len(range(first, self.pixels, self.stride))
            found.append(Phase(offset, kernel, first, pixels, -whole, self.positions))
        return found


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
    blocks = _blocks(maps, geometry)
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


def _blocks(maps: Tensor, geometry: Geometry) -> Tensor:
    """Return all blocks S(d, e): (row, column, channel, row', column', channel').

    With a stride the map falls apart into phases, each read with stride 1; blocks of two phases
    come from the correlations of one with the other.
    """
    rows, columns = geometry
    side = (rows.kernel, columns.kernel, maps.shape[1])
    blocks = maps.new_empty((*side, *side))
    phases = [
        _PhaseMaps(
            maps[:, :, row.first :: rows.stride, column.first :: columns.stride].contiguous(
                memory_format=torch.channels_last
            ),
            row,
            column,
        )
        for row in rows.phases()
        for column in columns.phases()
    ]
    for index, one in enumerate(phases):
        for other in phases[index:]:
            _fill(blocks, one, other, (rows.stride, columns.stride))
    return blocks


class _PhaseMaps(NamedTuple):
    maps: Tensor
    rows: Phase
    columns: Phase


def _fill(blocks: Tensor, one: _PhaseMaps, other: _PhaseMaps, stride: tuple[int, int]) -> None:
    """Fill in the blocks of two phases from the correlations at the lags between their offsets.

    S(d, e) = whole map - unreached rows - unreached columns + pixels in both. Within one phase,
    blocks with e in a row above d are the transposes of others.
    """
    down = _lags(one.rows, other.rows)
    across = _lags(one.columns, other.columns)
    if one is other:
        down = range(down.index(0) + down.start, down.stop)
    correlations = _Correlations(one.maps, other.maps, down, across)
    everywhere = correlations.at(None, None, down, across)
    strips = _Strips(correlations, one, other, down, across)
    for i in range(one.rows.kernel):
        for j in range(one.columns.kernel):
            window = everywhere.clone()
            strips.subtract(window, one.rows.unreached(i), one.columns.unreached(j))
            first = i if one is other else 0
            row_lag = first - i + one.rows.padding - other.rows.padding - down.start
            column_lag = -j + one.columns.padding - other.columns.padding - across.start
            products = window[
                :,
                :,
                row_lag : row_lag + other.rows.kernel - first,
                column_lag : column_lag + other.columns.kernel,
            ]
            d = (one.rows.offset + i * stride[0], one.columns.offset + j * stride[1])
            e = (
                slice(other.rows.offset + first * stride[0], None, stride[0]),
                slice(other.columns.offset, None, stride[1]),
            )
            blocks[d[0], d[1], :, e[0], e[1]] = products.permute(0, 2, 3, 1)
            blocks[e[0], e[1], :, d[0], d[1]] = products.permute(2, 3, 1, 0)


def _lags(one: Phase, other: Phase) -> range:
    """Return the lags from what offsets of one phase read to what those of the other read."""
    shift = one.padding - other.padding
    return range(shift - one.kernel + 1, shift + other.kernel)


class _Correlations:
    """Correlations of two maps at lags within ranges."""

    def __init__(self, one: Tensor, other: Tensor, down: range, across: range) -> None:
        self.one = one
        height, width = one.shape[2:]
        self.top, self.left = max(0, -down.start), max(0, -across.start)
        bottom = max(0, height + down.stop - 1 - other.shape[2])
        right = max(0, width + across.stop - 1 - other.shape[3])
        self.padded = functional.pad(other, (self.left, right, self.top, bottom))

    def at(self, row: int | None, column: int | None, down: range, across: range) -> Tensor:
        """Return sums of products over the pixels of one map in a row, a column, or anywhere.

        Returns
        -------
        Tensor
            (channels of one, channels of other, len(down), len(across)).
        """
        part, first_row, first_column = self.one, 0, 0
        if row is not None:
            part, first_row = part[:, :, row : row + 1], row
        if column is not None:
            part, first_column = part[:, :, :, column : column + 1], column
        first_row += self.top + down.start
        first_column += self.left + across.start
        around = self.padded[
            :,
            :,
            first_row : first_row + part.shape[2] + len(down) - 1,
            first_column : first_column + part.shape[3] + len(across) - 1,
        ]
        return _weight_gradient(around, part, (len(down), len(across)))


class _Strips:
    """Correlations over single rows, columns and pixels at the border, each computed once."""

    def __init__(
        self,
        correlations: _Correlations,
        one: _PhaseMaps,
        other: _PhaseMaps,
        down: range,
        across: range,
    ) -> None:
        self.correlations = correlations
        self.axes = ((one.rows, other.rows, down), (one.columns, other.columns, across))
        self.known: dict[tuple[int | None, int | None], Tensor] = {}

    def subtract(self, window: Tensor, no_rows: list[int], no_columns: list[int]) -> None:
        """Take unreached pixels out of correlations over the whole map."""
        pixels = [(row, None) for row in no_rows] + [(None, column) for column in no_columns]
        for row, column in pixels:
            self._add(window, row, column, -1.0)
        for row in no_rows:
            for column in no_columns:
                self._add(window, row, column, 1.0)

    def _add(self, window: Tensor, row: int | None, column: int | None, sign: float) -> None:
        down, across = self._needed(0, row), self._needed(1, column)
        if not down or not across:
            return
        if (row, column) not in self.known:
            self.known[row, column] = self.correlations.at(row, column, down, across)
        first, left = (axis[2].start for axis in self.axes)
        window[
            :,
            :,
            down.start - first : down.stop - first,
            across.start - left : across.stop - left,
        ].add_(self.known[row, column], alpha=sign)

    def _needed(self, axis: int, pixel: int | None) -> range:
        """Return the lags that some block lacks an unreached pixel at, its partner being there."""
        one, other, lags = self.axes[axis]
        if pixel is None:
            return lags
        offsets = [i for i in range(one.kernel) if pixel in one.unreached(i)]
        shift = one.padding - other.padding
        low = max(lags.start, -pixel, shift - offsets[-1])
        return range(low, min(lags.stop, other.pixels - pixel, shift - offsets[0] + other.kernel))


def _weight_gradient(
    inputs: Tensor, gradients: Tensor, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)
) -> Tensor:
    """Return sums of products: (channel of gradients, channel of inputs, kernel)."""
    shape = (gradients.shape[1], inputs.shape[1], *kernel)
    products: Tensor = conv2d_weight(inputs, shape, gradients, stride)  # type: ignore[no-untyped-call]  # torch has no types for it
    return products
