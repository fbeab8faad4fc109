"""RandAugment on whole batches of levels, on any device.

Cubuk, Zoph, Shlens and Le, *RandAugment: Practical automated data augmentation with a reduced
search space* (2019, arXiv 1909.13719): of 14 operations some are drawn for each image with equal
probability and applied with one magnitude for all. The strength of each at the largest magnitude,
10, is that of AutoAugment (Cubuk et al. 2019, arXiv 1805.09501, Table 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

LARGEST_MAGNITUDE: Final = 10.0
GRAY: Final = 128.0
"""What geometric operations fill with."""

Operation = Callable[[Tensor, Tensor, float], Tensor]
"""Of (levels (n, 3, side, side), signs (n,) of +1 and -1, strength from 0 to 1)."""


def rand_augment(levels: Tensor, choices: NDArray[np.int64], magnitude: float) -> Tensor:
    """Return levels after the chosen operations, one after the other, float32 from 0 to 255.

    Parameters
    ----------
    levels
        ``(n, 3, side, side)`` float32 from 0 to 255.
    choices
        ``(n, operations an image)``, each from 0 to 27: an operation, plus 14 for its opposite
        direction where it has one.
    magnitude
        From 0 to 10.

    Examples
    --------
    >>> levels = torch.full((1, 3, 4, 4), 200.0)
    >>> solarize = list(OPERATIONS).index("solarize")
    >>> rand_augment(levels, np.array([[solarize]]), 6)[0, 0, 0]
    tensor([55., 55., 55., 55.])
    """
    strength = magnitude / LARGEST_MAGNITUDE
    result = levels.clone()
    for slot in choices.T:
        kind = slot % len(OPERATIONS)
        sign = np.where(slot < len(OPERATIONS), 1.0, -1.0).astype(np.float32)
        for number, operation in enumerate(OPERATIONS.values()):
            which = np.flatnonzero(kind == number)
            if which.size:
                index = torch.from_numpy(which).to(levels.device)
                signs = torch.from_numpy(sign[which]).to(levels.device)
                result[index] = operation(result[index], signs, strength).clamp(0, 255)
    return result


def _identity(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    del sign, strength
    return levels


def _auto_contrast(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    """Stretch every channel from its darkest to its brightest pixel to 0 to 255."""
    del sign, strength
    low, high = levels.amin((2, 3), keepdim=True), levels.amax((2, 3), keepdim=True)
    stretched = (levels - low) * (255 / (high - low).clamp(min=1e-6))
    return torch.where(high > low, stretched, levels)


def _equalize(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    """Give every channel a flat histogram, over whole levels."""
    del sign, strength
    whole = levels.round().long().flatten(2)
    histogram = torch.zeros(*whole.shape[:2], 256, dtype=torch.int64, device=levels.device)
    histogram.scatter_add_(2, whole, torch.ones_like(whole))
    brightest = whole.amax(2, keepdim=True)
    step = (whole.shape[2] - histogram.gather(2, brightest)) // 255
    below = histogram.cumsum(2) - histogram
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    flat = torch.where(step > 0, table.gather(2, whole), whole)
    return flat.view(levels.shape).to(levels.dtype)


def _solarize(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    del sign
    return torch.where(levels >= 256 * (1 - strength), 255 - levels, levels)


def _posterize(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    """Keep the upper bits of every level: 8 at strength 0, 4 at 1."""
    del sign
    step = 2.0 ** round(4 * strength)
    return (levels.round() / step).floor() * step


def _blended(other: Tensor, levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    """Move away from ``other``, or towards it: by 0.9 at strength 1."""
    factor = (1 + 0.9 * strength * sign).view(-1, 1, 1, 1)
    return other + factor * (levels - other)


def _gray(levels: Tensor) -> Tensor:
    """Return ``(n, 1, side, side)``, the luma of ITU-R BT.601."""
    shares = levels.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (levels * shares).sum(1, keepdim=True)


def _color(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    return _blended(_gray(levels), levels, sign, strength)


def _contrast(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    return _blended(_gray(levels).mean((2, 3), keepdim=True), levels, sign, strength)


def _brightness(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    return _blended(torch.zeros_like(levels), levels, sign, strength)


def _sharpness(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    kernel = levels.new_ones(3, 1, 3, 3)
    kernel[:, :, 1, 1] = 5
    smooth = levels.clone()
    smooth[:, :, 1:-1, 1:-1] = functional.conv2d(levels, kernel / 13, groups=3)
    return _blended(smooth, levels, sign, strength)


def _moved(levels: Tensor, matrices: Tensor) -> Tensor:
    """Look up every pixel where ``matrices`` ``(n, 2, 3)`` send it; coordinates are -1 to 1."""
    grid = functional.affine_grid(matrices, list(levels.shape), align_corners=False)
    found = functional.grid_sample(levels - GRAY, grid, align_corners=False)
    return found + GRAY


def _matrices(entries: dict[tuple[int, int], Tensor], like: Tensor) -> Tensor:
    """Return unit matrices ``(n, 2, 3)`` with some entries set."""
    matrices = torch.zeros(len(like), 2, 3, dtype=like.dtype, device=like.device)
    matrices[:, 0, 0] = matrices[:, 1, 1] = 1
    for (row, column), value in entries.items():
        matrices[:, row, column] = value
    return matrices


def _rotate(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    """Turn by 30 degrees at strength 1."""
    angle = math.radians(30 * strength) * sign
    turned = {(0, 0): angle.cos(), (0, 1): -angle.sin(), (1, 0): angle.sin(), (1, 1): angle.cos()}
    return _moved(levels, _matrices(turned, levels))


def _shear_x(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    return _moved(levels, _matrices({(0, 1): 0.3 * strength * sign}, levels))


def _shear_y(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    return _moved(levels, _matrices({(1, 0): 0.3 * strength * sign}, levels))


def _translate_x(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    """Shift by 150 / 331 of the side at strength 1; the grid's side is 2."""
    return _moved(levels, _matrices({(0, 2): 2 * 150 / 331 * strength * sign}, levels))


def _translate_y(levels: Tensor, sign: Tensor, strength: float) -> Tensor:
    return _moved(levels, _matrices({(1, 2): 2 * 150 / 331 * strength * sign}, levels))


OPERATIONS: Final[dict[str, Operation]] = {
    "identity": _identity,
    "auto_contrast": _auto_contrast,
    "equalize": _equalize,
    "rotate": _rotate,
    "solarize": _solarize,
    "color": _color,
    "posterize": _posterize,
    "contrast": _contrast,
    "brightness": _brightness,
    "sharpness": _sharpness,
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
}
"""The 14 operations of the paper, in its order."""
