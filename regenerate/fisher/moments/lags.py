r"""Moments of patches from correlations of the map with itself, without any patch.

For neighbouring output positions most of a patch is shared. The block of the moment that belongs to
the kernel offsets :math:`d` and :math:`e`,

.. math:: S(d, e) = \sum_{n, p} a_{n, p + d} \, a_{n, p + e}^T,

depends with stride 1 on the lag :math:`e - d` alone, up to pixels at the border that the window of
:math:`d` does not reach. So it is a correlation of the whole map with itself, less that of a few
rows and columns. With stride s the map falls into s x s phases, of every s-th pixel down and
across (:mod:`regenerate.fisher.moments.geometry`); an offset reads one of them, as with stride 1,
and so blocks are correlations of two phases.

Of a map of n pixels and a 3 x 3 kernel, the 13 lags at stride 1 would cost 13 n products of pixels
one by one, patches 40 n; all at once they cost 1.5 n
(:mod:`regenerate.fisher.moments.fourier`). Where two phases have few lags, one by one is cheaper.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regenerate.fisher.moments.fourier import Pair, correlations
from regenerate.fisher.moments.geometry import Axis, Geometry, Read
from regenerate.fisher.moments.products import add_product

NARROW: Final = 16.0
"""Channels at which products of many small matrices take twice as long as one of a large one."""
SMALL: Final = 1.5
"""Time of a multiplication in a product over the images, over that of one over many pixels."""


def products_by_lags(geometry: Geometry, channels: int) -> float:
    """Return the multiplications of :func:`fill_by_lags` for an image, over channels squared."""
    rows, columns = geometry
    lags = _lags(geometry.reads())
    together = _together(lags, geometry)
    pixels = rows.length(0) * columns.length(0)
    alone = sum(len(lags[pair]) * pixels for pair in lags if pair not in together)
    strips = sum(
        len(axis.unreached(offset)) * axis.kernel * other.positions * other.kernel
        for axis, other in ((rows, columns), (columns, rows))
        for offset in range(axis.kernel)
    )
    phases = len({phase for pair in together for phase in pair})
    transforms = phases * _frequencies(geometry) * (4 * rows.length(0) + 2 * columns.length(0))
    total = alone + strips + sum(together.values()) + SMALL * transforms / channels
    return total * (1.0 + NARROW / channels)


class Sum(NamedTuple):
    """The sum of products of a phase at q, another at q + lag, over pixels q of the first.

    Over all of them, or those of a row, of a column, or of both.
    """

    one: Pair
    other: Pair
    lag: Pair
    row: int | None = None
    column: int | None = None

    def spans(self, geometry: Geometry) -> tuple[range, range]:
        """Return the rows and columns of q, those whose partner is in the map."""
        found = []
        chosen = self.row, self.column
        for axis, one, other, lag, only in zip(
            geometry, self.one, self.other, self.lag, chosen, strict=True
        ):
            first, last = (0, axis.length(one) - 1) if only is None else (only, only)
            found.append(range(max(first, -lag), min(last, axis.length(other) - 1 - lag) + 1))
        return found[0], found[1]


def blocks(geometry: Geometry) -> Iterator[tuple[int, int, list[tuple[float, Sum]]]]:
    """Yield each block of a moment once: two places in the kernel, and sums with their signs.

    S(d, e) = all of the phase of d - unreached rows - unreached columns + pixels in both.

    Examples
    --------
    >>> narrow = Geometry(Axis(1, 1, 1, 0), Axis(4, 2, 1, 0))
    >>> [(d, e, len(sums)) for d, e, sums in blocks(narrow)]
    [(0, 0, 2), (0, 1, 1), (1, 1, 2)]
    """
    rows, columns = geometry
    reads = geometry.reads()
    for one, d in enumerate(reads):
        no_rows, no_columns = rows.unreached(d.offset[0]), columns.unreached(d.offset[1])
        for e in reads[one:]:
            everywhere = Sum(d.phase, e.phase, _lag(d, e))
            found = [(1.0, everywhere)]
            found += [(-1.0, everywhere._replace(row=row)) for row in no_rows]
            found += [(-1.0, everywhere._replace(column=column)) for column in no_columns]
            both = product(no_rows, no_columns)
            found += [(1.0, everywhere._replace(row=row, column=column)) for row, column in both]
            here, there = (read.offset[0] * columns.kernel + read.offset[1] for read in (d, e))
            yield here, there, [(sign, each) for sign, each in found if all(each.spans(geometry))]


def fill_by_lags(moment: Tensor, maps: Tensor, geometry: Geometry) -> None:
    """Write the sum over images and positions of the outer products of patches.

    Parameters
    ----------
    moment
        (f, f) float64 with f = kernel rows x kernel columns x channels.
    maps
        (images, channels, height, width).
    geometry
        Kernel, stride and padding.
    """
    rows, columns = geometry
    reads = geometry.reads()
    phases = {phase: _phase(maps, phase, geometry) for phase in {read.phase for read in reads}}
    lags = _lags(reads)
    together = {pair: lags[pair] for pair in _together(lags, geometry)}
    known: dict[Sum, Tensor] = {}
    if together:
        spread = {phase: phases[phase] for pair in together for phase in pair}
        found = correlations(spread, together, (_frame(rows), _frame(columns)))
        known = {Sum(*which): block for which, block in found.items()}
    parts = moment.view(geometry.kernel, -1, geometry.kernel, maps.shape[1])
    for here, there, sums in blocks(geometry):
        block = moment.new_zeros((maps.shape[1],) * 2)
        for sign, which in sums:
            if which not in known:
                known[which] = _sum(phases, which, geometry)
            block.add_(known[which], alpha=sign)
        parts[here, :, there] = block
        if here != there:
            parts[there, :, here] = block.T.contiguous()


def depthwise_by_lags(maps: Tensor, geometry: Geometry) -> NDArray[np.float64]:
    """Return the patch moments of each channel alone, (channels, f, f) with f = kernel pixels.

    On a CPU.

    Parameters
    ----------
    maps, geometry
        As for :func:`fill_by_lags`.
    """
    from regenerate.fisher.moments import loops_cpu

    strides = geometry.rows.stride, geometry.columns.stride
    plan = list(blocks(geometry))
    wanted = list(dict.fromkeys(which for *_, sums in plan for _, which in sums))
    parts = np.empty((len(wanted), 6), np.intp)
    for part, which in zip(parts, wanted, strict=True):
        down, across = which.spans(geometry)
        pixels = (
            np.array([which.one, which.other])
            + np.array([(down[0], across[0]), (down[0] + which.lag[0], across[0] + which.lag[1])])
            * strides
        )
        part[:2], part[2:4] = pixels
        part[4:] = len(down), len(across)
    found = np.zeros((len(wanted), maps.shape[1]))
    pixels = maps.permute(0, 2, 3, 1).contiguous().numpy()
    loops_cpu.products_of_pixels(pixels, parts, strides, found)
    known = dict(zip(wanted, found, strict=True))
    moments = np.zeros((maps.shape[1], geometry.kernel, geometry.kernel))
    for here, there, sums in plan:
        for sign, which in sums:
            moments[:, here, there] += sign * known[which]
        moments[:, there, here] = moments[:, here, there]
    return moments


def _lag(one: Read, other: Read) -> Pair:
    return other.shift[0] - one.shift[0], other.shift[1] - one.shift[1]


def _lags(reads: list[Read]) -> dict[tuple[Pair, Pair], list[Pair]]:
    """Return the lags at which two phases are correlated; of l and -l in one phase, one."""
    found: dict[tuple[Pair, Pair], set[Pair]] = defaultdict(set)
    for one, d in enumerate(reads):
        for e in reads[one:]:
            found[d.phase, e.phase].add(_lag(d, e))
    return {pair: sorted(lags) for pair, lags in found.items()}


def _together(
    lags: Mapping[tuple[Pair, Pair], list[Pair]], geometry: Geometry
) -> dict[tuple[Pair, Pair], float]:
    """Return the phases whose lags are cheaper all at once, and what those cost."""
    found = {}
    pixels = geometry.rows.length(0) * geometry.columns.length(0)
    for (one, other), some in lags.items():
        # Of numbers with real and imaginary parts; of one phase the half is known.
        at_once = SMALL * (3 if one == other else 4) * _frequencies(geometry)
        if at_once < len(some) * pixels:
            found[one, other] = at_once
    return found


def _frequencies(geometry: Geometry) -> int:
    return _frame(geometry.rows) * (_frame(geometry.columns) // 2 + 1)


def _frame(axis: Axis) -> int:
    """Return the side of a phase with room for the largest lag, so that none goes around it."""
    return axis.length(0) + axis.read(axis.kernel - 1)[1] - axis.read(0)[1]


def _phase(maps: Tensor, phase: Pair, geometry: Geometry) -> Tensor:
    """Return the pixels of a phase: (row, column, image, channel), float64."""
    down, across = geometry.rows.stride, geometry.columns.stride
    pixels = maps[:, :, phase[0] :: down, phase[1] :: across].permute(2, 3, 0, 1)
    return torch.empty(pixels.shape, dtype=torch.float64, device=maps.device).copy_(pixels)


def _sum(phases: Mapping[Pair, Tensor], which: Sum, geometry: Geometry) -> Tensor:
    """Return a sum, (channels, channels)."""
    down, across = which.spans(geometry)
    here = phases[which.one][down[0] : down[-1] + 1, across[0] : across[-1] + 1]
    there = phases[which.other].narrow(0, down[0] + which.lag[0], len(down))
    there = there.narrow(1, across[0] + which.lag[1], len(across))
    if len(across) == 1:  # a column: at once, as its pixels are few
        here, there = (part.flatten(0, 1)[None] for part in (here, there))
    total = here.new_zeros((here.shape[-1],) * 2)
    for line, partner in zip(here, there, strict=True):
        add_product(total, line.flatten(0, -2).T, partner.flatten(0, -2))
    return total
