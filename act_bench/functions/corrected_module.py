"""Corrected functions (`act_bench.functions.corrected`) as PyTorch modules that learn eps."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from act_bench.functions.named_modules import LearningActivation
from act_bench.functions.operators.formulas import floating, is_half
from act_bench.functions.parameter import Parameter


class Function(Protocol):
    """What has a module without a parameter."""

    def to_torch(self) -> torch.nn.Module:
        """Return the module."""
        ...


class Correction(Protocol):
    """What the module needs of a :class:`act_bench.functions.corrected.Corrected`."""

    @property
    def function(self) -> Function:
        """The function f that is corrected."""
        ...

    @property
    def x(self) -> NDArray[np.float64]:
        """Equal steps, ascending."""
        ...

    @property
    def term(self) -> NDArray[np.float64]:
        """The correction at them."""
        ...

    @property
    def parameter(self) -> Parameter:
        """What is learned: eps."""
        ...


class CorrectedActivation(LearningActivation):
    """f + eps c for one layer, c linear between the points of its table.

    Parameters
    ----------
    corrected : Corrected
    shape : tuple of int
        Shape of eps; must broadcast against the layer's output.

    Examples
    --------
    >>> from act_bench import parse
    >>> from act_bench.functions.corrected import correct
    >>> module = correct(parse("relu(x)")).to_torch()
    >>> x = torch.tensor([1.0], requires_grad=True)
    >>> module(x).item(), module.parameter.item()  # doctest: +ELLIPSIS
    (1.0060..., 0.009999999...)
    """

    parameter: torch.nn.Parameter
    table: Tensor

    def __init__(self, corrected: Correction, shape: tuple[int, ...] = ()) -> None:
        super().__init__(corrected.parameter, shape)
        self.name = str(corrected)
        self.function = corrected.function.to_torch()
        self.low, self.step = float(corrected.x[0]), float(corrected.x[1] - corrected.x[0])
        self.register_buffer("table", torch.from_numpy(corrected.term).float())

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to each element of ``x``: any floating dtype, which the result has.

        Integers and booleans are taken in torch's default dtype.
        """
        x = floating(x)
        wide = x.float() if is_half(x) else x
        place = (wide - self.low) / self.step
        last = self.table.shape[0] - 1
        inside = (place >= 0) & (place <= last)
        place = torch.where(inside, place, 0.0)
        left = place.detach().floor().clamp(max=last - 1)
        at = left.long()
        table = self.table.to(wide.dtype)
        # An embedding is a look-up that vmap knows.
        start, end = functional.embedding(torch.stack([at, at + 1]), table[:, None])[..., 0]
        term = start + (place - left) * (end - start)
        added = self.parameter.to(wide.dtype) * torch.where(inside, term, 0.0)
        total: Tensor = self.function(wide) + added
        return total.to(x.dtype)

    def extra_repr(self) -> str:
        """Show the name in the printed network."""
        return self.name
