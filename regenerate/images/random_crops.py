"""Random resized crops of whole batches as two matrix products, on any device.

Resizing a crop is linear, and separable into rows and columns. So for each image there is one
matrix of weights for its rows and one for its columns; crop, bicubic resize and mirroring are all
in these two, and a batch is two batched products, on a GPU as on a CPU.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regenerate import draws

ATTEMPTS = 10
RATIO = 4 / 3
"""Crops are from 3:4 to 4:3."""


class Crops(NamedTuple):
    """Crops in pixels, and whether they are mirrored: arrays ``(n,)``."""

    top: NDArray[np.int64]
    left: NDArray[np.int64]
    height: NDArray[np.int64]
    width: NDArray[np.int64]
    mirrored: NDArray[np.bool_]

    def part(self, which: slice) -> Crops:
        """Return some of the crops."""
        return Crops(
            self.top[which],
            self.left[which],
            self.height[which],
            self.width[which],
            self.mirrored[which],
        )


def random_crops(count: int, side: int, least_area: float, seed: int, purpose: str) -> Crops:
    """Draw crops of square images as Szegedy et al. (2015, arXiv 1409.4842, section 6) do.

    The share of the area is uniform from ``least_area`` to 1, the logarithm of the aspect ratio is
    uniform, the place is uniform, and half of the crops are mirrored. A shape that does not fit
    into the image is drawn again, `ATTEMPTS` times at most; then the whole image is taken.

    Examples
    --------
    >>> crops = random_crops(100, 64, 0.08, seed=0, purpose="example")
    >>> bool((crops.top + crops.height <= 64).all()), int(crops.mirrored.sum())
    (True, 50)
    """
    uniform = (draws.uniform((4, count, ATTEMPTS), seed, purpose) + 1) / 2
    area = (least_area + (1 - least_area) * uniform[0]) * side * side
    ratio = np.exp(np.log(RATIO) * (2 * uniform[1] - 1))
    width = np.rint(np.sqrt(area * ratio)).astype(np.int64)
    height = np.rint(np.sqrt(area / ratio)).astype(np.int64)
    fits = (np.minimum(width, height) >= 1) & (np.maximum(width, height) <= side)
    chosen = fits.argmax(1)
    rows = np.arange(count)
    found = fits[rows, chosen]
    width = np.where(found, width[rows, chosen], side)
    height = np.where(found, height[rows, chosen], side)
    top = (uniform[2, rows, chosen] * (side - height + 1)).astype(np.int64)
    left = (uniform[3, rows, chosen] * (side - width + 1)).astype(np.int64)
    mirrored = (draws.raw(count, seed, f"{purpose}, mirrored") & np.uint64(1)).astype(np.bool_)
    return Crops(top, left, height, width, mirrored)


def central_crop(count: int, side: int, share: float) -> Crops:
    """Return the crop in the middle with ``share`` of the side, for every image."""
    inner = round(share * side)
    start = np.full(count, (side - inner) // 2)
    length = np.full(count, inner)
    return Crops(start, start, length, length, np.zeros(count, dtype=np.bool_))


def resize(images: Tensor, crops: Crops, size: int) -> Tensor:
    """Return the crops as levels ``(n, 3, size, size)``, float32 from 0 to 255.

    Bicubic (Keys 1981, a = -1/2) with a filter as wide as the pixels of the result where these are
    larger, as Pillow does; a filter does not look beyond the edge of its crop.

    Parameters
    ----------
    images
        ``(n, height, width, 3)`` uint8 on any device.
    crops
        One for each image.
    size
        Side of the result in pixels.
    """
    top, left, height, width, mirrored = (
        torch.from_numpy(each).to(images.device)[:, None, None] for each in crops
    )
    rows = _weights(top, height, images.shape[1], size)
    columns = _weights(left, width, images.shape[2], size)
    columns = torch.where(mirrored, columns.flip(1), columns)
    levels = images.permute(0, 3, 1, 2).float()
    return (rows[:, None] @ levels @ columns.mT[:, None]).clamp(0, 255)


def _weights(start: Tensor, length: Tensor, side: int, size: int) -> Tensor:
    """Return (n, size, side): the share of each old pixel in each new one."""
    scale = length.double() / size
    center = (torch.arange(size, device=start.device)[:, None] + 0.5) * scale
    place = torch.arange(side, device=start.device) - start
    weights = _keys((place + 0.5 - center) / scale.clamp(min=1.0))
    inside = (place >= 0) & (place < length)
    weights = torch.where(inside, weights, torch.zeros_like(weights))
    return (weights / weights.sum(2, keepdim=True)).float()


def _keys(x: Tensor) -> Tensor:
    """Return the cubic convolution kernel of Keys (1981), a = -1/2."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
