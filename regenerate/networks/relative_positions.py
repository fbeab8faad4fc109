"""The relative positions of CoAtNet, beside the network, whose kernels take a second to load."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RelativePositions(nn.Module):
    """A learned number for each head and offset between two places of a square map.

    Of smaller maps, those offsets are used that occur in them. They start at 0, and are a vector,
    which weight decay leaves alone.

    Parameters
    ----------
    heads
        How many.
    grid
        Side of the largest map.

    Examples
    --------
    >>> RelativePositions(3, 7)(2, 2).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, heads: int, grid: int) -> None:
        super().__init__()
        self.heads, self.grid = heads, grid
        self.bias = nn.Parameter(torch.zeros((2 * grid - 1) ** 2 * heads))

    def forward(self, height: int, width: int) -> Tensor:
        """Return ``(heads, places, places)``, places row by row."""
        side = 2 * self.grid - 1
        device = self.bias.device
        rows = torch.arange(height, device=device).repeat_interleave(width)
        columns = torch.arange(width, device=device).repeat(height)
        down = rows[:, None] - rows + self.grid - 1
        right = columns[:, None] - columns + self.grid - 1
        found: Tensor = self.bias.view(-1, self.heads)[down * side + right]
        return found.permute(2, 0, 1)
