"""How a convolution reads its map."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from torch import Tensor


class Axis(NamedTuple):
    """One spatial axis of a convolution: pixels in, kernel, stride, padding.

    Pixels whose places leave the same rest when divided by the stride are a *phase*. All output
    positions read with a kernel offset from one phase, each the pixel of the phase whose place is
    its own plus a *shift*.
    """

    pixels: int
    kernel: int
    stride: int
    padding: int

    @property
    def positions(self) -> int:
        """Output positions."""
        return (self.pixels + 2 * self.padding - self.kernel) // self.stride + 1

    def length(self, phase: int) -> int:
        """Return the pixels of a phase."""
        return len(range(phase, self.pixels, self.stride))

    def read(self, offset: int) -> tuple[int, int]:
        """Return phase and shift of a kernel offset.

        Examples
        --------
        >>> [Axis(pixels=32, kernel=3, stride=2, padding=1).read(offset) for offset in range(3)]
        [(1, -1), (0, 0), (1, 0)]
        """
        shift, phase = divmod(offset - self.padding, self.stride)
        return phase, shift

    def unreached(self, offset: int) -> list[int]:
        """Return the places in its phase that no position reads with this kernel offset.

        Examples
        --------
        >>> Axis(pixels=32, kernel=3, stride=1, padding=1).unreached(0)
        [31]
        """
        phase, shift = self.read(offset)
        reached = range(shift, shift + self.positions)
        return [place for place in range(self.length(phase)) if place not in reached]


class Read(NamedTuple):
    """What all positions read with one kernel offset: phases and shifts (down, across).

    In this order, a read's lags from those before it in its own phase are never negative.
    """

    phase: tuple[int, int]
    shift: tuple[int, int]
    offset: tuple[int, int]


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
    def pointwise(self) -> bool:
        """Whether a patch is a pixel, and every pixel a patch."""
        return all(axis == Axis(axis.pixels, 1, 1, 0) for axis in self)

    @property
    def positions(self) -> int:
        """Output positions of an image."""
        return self.rows.positions * self.columns.positions

    @property
    def kernel(self) -> int:
        """Pixels of the kernel."""
        return self.rows.kernel * self.columns.kernel

    def reads(self) -> list[Read]:
        """Return what is read with each kernel offset, sorted."""
        found = []
        for offset in product(range(self.rows.kernel), range(self.columns.kernel)):
            (up, down), (left, right) = self.rows.read(offset[0]), self.columns.read(offset[1])
            found.append(Read((up, left), (down, right), offset))
        return sorted(found)
