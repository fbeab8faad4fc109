"""Batch normalization, an optional addition and an activation function: one module for the three.

They stand together in residual networks, f(BN(x) + shortcut), and together they can be computed in
a few passes over the feature map (``regenerate.activations.normalized``) where torch makes more.
"""

from __future__ import annotations

from torch import Tensor, nn

from regenerate.activations import TabulatedActivation
from regenerate.activations.normalized import can_fuse, normalized_look_up


class Normalized(nn.BatchNorm2d):
    """BN(x), or BN(x) + shortcut, where no activation function follows.

    Parameters
    ----------
    num_features
        Channels of the feature map.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([1.0, 3.0]).view(1, 1, 1, 2)
    >>> Normalized(1)(x, torch.ones(1, 1, 1, 2)).round().flatten().tolist()
    [0.0, 2.0]
    """

    def forward(self, features: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """Return a map of the shape and dtype of ``features``."""
        if can_fuse(features, self, None):
            return normalized_look_up(features, shortcut, self, None)
        normalized: Tensor = super().forward(features)
        return normalized if shortcut is None else normalized + shortcut


class NormalizedActivation(nn.Module):
    """f(BN(x)), or f(BN(x) + shortcut) (Ioffe and Szegedy 2015, arXiv 1502.03167).

    Parameters
    ----------
    channels
        Of the feature map.
    activation
        The module of f.

    Examples
    --------
    >>> import torch
    >>> layer = NormalizedActivation(2, nn.ReLU())
    >>> layer(torch.tensor([1.0, 3.0]).view(1, 1, 1, 2).expand(1, 2, 1, 2)).round()
    tensor([[[[0., 1.]],
    <BLANKLINE>
             [[0., 1.]]]], grad_fn=<RoundBackward0>)
    """

    def __init__(self, channels: int, activation: nn.Module) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.activation = activation

    def forward(self, features: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """Return f(BN(features) + shortcut), of the shape and dtype of ``features``."""
        if can_fuse(features, self.norm, self.activation):
            assert isinstance(self.activation, TabulatedActivation)  # noqa: S101  (or it cannot)
            return normalized_look_up(features, shortcut, self.norm, self.activation)
        normalized: Tensor = self.norm(features)
        total = normalized if shortcut is None else normalized + shortcut
        result: Tensor = self.activation(total)
        return result
