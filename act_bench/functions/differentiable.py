"""The PyTorch backend: expressions as modules, composed of native operators.

The values agree with :mod:`act_bench.functions.numeric` to the accuracy of the input's dtype. The
formulas stand in the records of the operators (:mod:`act_bench.functions.operators`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from act_bench.functions.operators import BETA, Operator, deferred
from act_bench.functions.operators.formulas import constant, floating, is_half
from act_bench.functions.steps import Tree, interpret, learns

# torch.compile follows formulas, but not an import on the way.
deferred.load(deferred.torch, deferred.functional)


class ActivationModule(torch.nn.Module):
    """An expression as a module.

    Parameters
    ----------
    expression : Expression
        What to compute. Equal subexpressions are computed once.
    shape : tuple of int
        Of the learned parameter; must broadcast against the layer's output.

    Attributes
    ----------
    parameter : torch.nn.Parameter or None
        The beta of an expression of the Swish space; None where none is learned.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> f = ActivationModule(parse("mul(x,sigmoid(x))"))
    >>> x = torch.zeros(2, 3, requires_grad=True)
    >>> f(x).sum().backward()
    >>> x.grad.unique().tolist()
    [0.5]
    """

    parameter: torch.nn.Parameter | None

    def __init__(self, expression: Tree, shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.expression = expression
        self.steps = expression.steps()
        if learns(self.steps):
            self.parameter = torch.nn.Parameter(torch.full(shape, BETA))
        else:
            self.register_parameter("parameter", None)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to each element of ``x``: any shape, any floating dtype.

        Half precision is rounded after each operator; once, at the end, if the function learns, as
        with the tables of functions that do not. Integers and booleans are taken in torch's default
        dtype.
        """
        x = floating(x)
        wide = x.float() if is_half(x) and self.parameter is not None else x

        def apply(operator: Operator, *arguments: Tensor) -> Tensor:
            formula = operator.implementation("torch")
            if operator.learned:
                assert self.parameter is not None  # noqa: S101 - the expression learns
                arguments = (self.parameter.to(arguments[0].dtype), *arguments)
            value: Tensor = formula(*arguments)
            return value

        return interpret(self.steps, wide, lambda number: constant(wide, number), apply).to(x.dtype)

    def extra_repr(self) -> str:
        """Show the expression in the printed network."""
        return str(self.expression)
