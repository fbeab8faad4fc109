"""MixUp and CutMix: two images of a batch in one, and their labels in the same shares."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv
from torch import Tensor

from regenerate import draws

MIXUP_ALPHA = 0.1
CUTMIX_ALPHA = 1.0


def mixed(images: Tensor, shares: Tensor, seed: int, purpose: str) -> tuple[Tensor, Tensor]:
    """Return a batch mixed with itself in reverse order, by MixUp or CutMix with equal probability.

    The share of the first image is drawn once for the batch, from Beta(0.1, 0.1) for MixUp (Zhang
    et al. 2018, arXiv 1710.09412) and Beta(1, 1) for CutMix (Yun et al. 2019, arXiv 1905.04899).
    CutMix pastes a rectangle with the shape of the image at a uniform place; what lies outside the
    image is cut off, and labels are mixed by the area that was really pasted.

    Parameters
    ----------
    images
        ``(n, 3, height, width)``.
    shares
        ``(n, classes)`` float32: shares of the classes in each image.
    seed, purpose
        Of the draws.

    Examples
    --------
    >>> import torch
    >>> images, shares = torch.rand(4, 3, 8, 8), torch.eye(4)
    >>> _, targets = mixed(images, shares, seed=0, purpose="example")
    >>> targets.sum(1)
    tensor([1., 1., 1., 1.])
    """
    mixup, share, row, column = (draws.uniform((4,), seed, purpose) + 1) / 2
    if mixup < 0.5:
        kept = float(betaincinv(MIXUP_ALPHA, MIXUP_ALPHA, share))
        return _blend(images, kept), _blend(shares, kept)
    kept = float(betaincinv(CUTMIX_ALPHA, CUTMIX_ALPHA, share))
    height, width = images.shape[2:]
    top, bottom = _span(height, kept, row)
    left, right = _span(width, kept, column)
    pasted = images.clone()
    pasted[:, :, top:bottom, left:right] = images.flip(0)[:, :, top:bottom, left:right]
    area = (bottom - top) * (right - left) / (height * width)
    return pasted, _blend(shares, 1 - area)


def _span(side: int, kept: float, place: float) -> tuple[int, int]:
    """Return where the rectangle begins and ends along one side."""
    length = side * np.sqrt(1 - kept)
    center = side * place
    return int(max(0, round(center - length / 2))), int(min(side, round(center + length / 2)))


def _blend(values: Tensor, kept: float) -> Tensor:
    return values * kept + values.flip(0) * (1 - kept)
