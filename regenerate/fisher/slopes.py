"""The activation function of a spectrum, with the slopes that training uses.

Training looks slopes up in tables of :meth:`act_bench.Expression.derivative`. Automatic
differentiation of the composed operators gives the same ones, except where the chain rule
multiplies 0 by infinity: ``min(x,reciprocal(x))`` is x near 0, but at 0 the slope of the reciprocal
that was not chosen is minus infinity, and 0 times it is NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from act_bench.functions.expression import Expression
from act_bench.functions.named import NamedFunction


class TrainedSlopes(nn.Module):
    """An expression whose gradient is that of training where autograd has none.

    A gradient that autograd has is left as it is, to the last bit.

    Parameters
    ----------
    expression : Expression or NamedFunction
        What to compute; in any floating dtype.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> f = parse("min(x,reciprocal(x))")
    >>> for module in (f.to_torch(), TrainedSlopes(f)):
    ...     x = torch.tensor([0.0, 2.0], requires_grad=True)
    ...     module(x).sum().backward()
    ...     print(x.grad.tolist())
    [nan, -0.25]
    [1.0, -0.25]
    """

    def __init__(self, expression: Expression | NamedFunction) -> None:
        super().__init__()
        self.function = expression.to_torch()
        self.slope = expression.derivative()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to each element of ``x``."""
        inputs = x.view_as(x)  # a place in the graph of its own
        outputs: Tensor = self.function(inputs)
        if not (inputs.requires_grad and outputs.requires_grad):
            return outputs
        arrived: list[Tensor] = []

        def follow(gradient: Tensor) -> Tensor:
            above = arrived.pop()
            # A sum is NaN if a number is, and else only where both infinities are.
            if not gradient.sum().isnan():
                return gradient
            lost = gradient.isnan() & above.isfinite()
            if not lost.any():
                return gradient
            slopes = torch.from_numpy(self.slope(x.detach()[lost].cpu().double().numpy()))
            followed = gradient.clone()
            followed[lost] = above[lost] * slopes.to(above)
            return followed

        outputs.register_hook(arrived.append)  # type: ignore[no-untyped-call]
        inputs.register_hook(follow)  # type: ignore[no-untyped-call]
        return outputs
