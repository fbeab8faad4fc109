"""An expression with its limit at 0 in place of what is no number.

The formula is as it was everywhere else, to the last bit; see ``act_bench.spaces.limits``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from act_bench.functions.expression import Expression
from act_bench.spaces.limits import Limit, load_limits
from act_bench.spaces.paper import NotInSpaceError, load_space

if TYPE_CHECKING:
    from act_bench.functions.numeric import ArrayFunction


@dataclass(frozen=True)
class Filled:
    """An expression, and its limit and slope at 0; made by :func:`fill`.

    Its name is the expression's own: the recipe says that the limit is filled in.
    """

    expression: Expression
    limit: Limit

    parameter = None
    """It learns none."""

    def __str__(self) -> str:
        return str(self.expression)

    def to_numpy(self) -> ArrayFunction:
        """Return the function in float64."""
        return _with(self.expression.to_numpy(), self.limit.value)

    def derivative(self) -> ArrayFunction:
        """Return its derivative in float64."""
        return _with(self.expression.derivative(), self.limit.slope)

    def to_torch(self, shape: tuple[int, ...] = ()) -> torch.nn.Module:
        """Return a module; the shape is that of a learned parameter, which there is none of."""
        return FilledActivation(self.expression.to_torch(shape), self.limit)


class FilledActivation(torch.nn.Module):
    """A module of an expression with its limit and slope where the input is exactly 0.

    Examples
    --------
    >>> from act_bench import parse
    >>> f = FilledActivation(parse("div(x,expm1(x))").to_torch(), Limit(1.0, -0.5))
    >>> x = torch.tensor([0.0], requires_grad=True)
    >>> f(x).backward()
    >>> f(x).item(), x.grad.item()
    (1.0, -0.5)
    """

    def __init__(self, function: torch.nn.Module, limit: Limit) -> None:
        super().__init__()
        self.function, self.limit = function, limit

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to each element of ``x``: any shape, any floating dtype."""
        zero = x == 0
        # The function never sees a 0: its gradient there, no number, would reach x through where.
        elsewhere = self.function(torch.where(zero, 1.0, x))
        return torch.where(zero, self.limit.value + self.limit.slope * x, elsewhere)


def fill(expression: Expression) -> Expression | Filled:
    """Return an expression with its limit at 0, or as it is where it needs none.

    Examples
    --------
    >>> from act_bench import parse
    >>> fill(parse("mul(reciprocal(x),tanh(x))")).to_numpy()([0.0]).tolist()
    [1.0]
    >>> str(fill(parse("tanh(x)")))
    'tanh(x)'
    """
    try:
        entry = load_space().resolve(expression).entry
    except NotInSpaceError:
        return expression
    limit = load_limits().get(entry)
    return expression if limit is None else Filled(expression, limit)


def _with(function: ArrayFunction, at_zero: float) -> ArrayFunction:
    def evaluate(x: ArrayLike) -> NDArray[np.float64]:
        numbers = np.asarray(x, np.float64)
        with np.errstate(all="ignore"):
            found = np.asarray(function(numbers))
        return np.where(numbers == 0, at_zero, found)

    return evaluate
