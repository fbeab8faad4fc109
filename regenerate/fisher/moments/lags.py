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
from collections.abc import Mapping
from functools import cache
from typing import Final

import torch
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


def fill_by_lags(moment: Tensor, maps: Tensor, geometry: Geometry) -> None:
    """Write the sum over images and positions of the outer products of patches.

    S(d, e) = all of the phase of d - unreached rows - unreached columns + pixels in both.

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
    everywhere = {}
    if together:
        spread = {phase: phases[phase] for pair in together for phase in pair}
        everywhere = correlations(spread, together, (_frame(rows), _frame(columns)))
    sums = _Sums(phases)
    blocks = moment.unflatten(0, (geometry.kernel, -1)).unflatten(2, (geometry.kernel, -1))
    for one, d in enumerate(reads):
        no_rows, no_columns = rows.unreached(d.offset[0]), columns.unreached(d.offset[1])
        for e in reads[one:]:
            which = d.phase, e.phase, _lag(d, e)
            found = everywhere[which] if which in everywhere else sums.of(*which)
            found = found.clone()
            for row in no_rows:
                found -= sums.of(*which, row=row)
            for column in no_columns:
                found -= sums.of(*which, column=column)
            for row in no_rows:
                for column in no_columns:
                    found += sums.of(*which, row=row, column=column)
            here, there = (_place(read, geometry) for read in (d, e))
            blocks[here, :, there] = found
            if here != there:
                blocks[there, :, here] = found.T.contiguous()


def _place(read: Read, geometry: Geometry) -> int:
    return read.offset[0] * geometry.columns.kernel + read.offset[1]


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


class _Sums:
    """Sums over images and pixels q of the products of a phase at q, another at q + lag.

    Over all pixels, those of a row, of a column or of both. Each is computed once.
    """

    def __init__(self, phases: Mapping[Pair, Tensor]) -> None:
        self.phases = phases
        self.of = cache(self._of)

    def _of(
        self,
        one: Pair,
        other: Pair,
        lag: Pair,
        row: int | None = None,
        column: int | None = None,
    ) -> Tensor:
        """Return the sum (channels, channels)."""
        here, there = self.phases[one], self.phases[other]
        channels = here.shape[3]
        total = here.new_zeros((channels, channels))
        for axis, (only, shift) in enumerate(zip((row, column), lag, strict=True)):
            first, last = (0, here.shape[axis] - 1) if only is None else (only, only)
            # Pixels whose partner is in the map.
            first, last = max(first, -shift), min(last, there.shape[axis] - 1 - shift)
            if first > last:
                return total
            here = here.narrow(axis, first, last - first + 1)
            there = there.narrow(axis, first + shift, last - first + 1)
        if here.shape[1] == 1:  # a column: at once, as its pixels are few
            here, there = (part.flatten(0, 1)[None] for part in (here, there))
        for line, partner in zip(here, there, strict=True):
            add_product(total, line.flatten(0, 1).T, partner.flatten(0, 1))
        return total
