"""The normalization of MobileViTv2, beside the network, whose kernels take a second to load."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class TokenNorm(nn.Module):
    """Mean 0 and variance 1 over all tokens of an image, then a scale and shift a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(n, channels, places, patches)`` of the shape and format of ``tokens``."""
        return functional.group_norm(tokens, 1, self.weight, self.bias)
