"""A function of the literature, with its name and what it learns.

Where it can be written in the paper's notation it *is* that expression; the others are computed by
:mod:`act_bench.functions.named_numeric` in float64 and :mod:`act_bench.functions.named_modules` in
PyTorch. Which there are stands in :mod:`act_bench.functions.catalogue`. This module imports the
standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from act_bench.errors import needs_extra
from act_bench.functions.expression import parse
from act_bench.functions.parameter import Parameter

if TYPE_CHECKING:
    import torch

    from act_bench.functions.numeric import ArrayFunction


class NamedFunction(NamedTuple):
    """A function of the literature.

    It computes like an :class:`act_bench.Expression`: ``str``, ``to_numpy``, ``derivative`` and
    ``to_torch`` mean the same, at the initial value of its parameter where it has one.

    Attributes
    ----------
    name : str
        Its key in :data:`act_bench.functions.catalogue.CATALOGUE`.
    title : str
        How the papers print its name.
    formula : str
        Its definition.
    source : str
        The paper that proposes or names it; a key of :data:`act_bench.functions.catalogue.SOURCES`.
    expression : str or None
        The function in the paper's notation; None where the notation has no word for it.
    parameter : Parameter or None
        What is learned, if anything.
    aliases : tuple of str
        Other names that :func:`act_bench.functions.catalogue.find` knows.

    Examples
    --------
    >>> from act_bench.functions.catalogue import find
    >>> find("gelu").to_numpy()([0.0, 1.0]).round(4).tolist()
    [0.0, 0.8413]
    >>> find("cos_minus_x").derivative()([0.0]).tolist()
    [-1.0]
    """

    name: str
    title: str
    formula: str
    source: str
    expression: str | None = None
    parameter: Parameter | None = None
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.expression or self.name

    def to_numpy(self) -> ArrayFunction:
        """Return the function in float64, as :meth:`act_bench.Expression.to_numpy` does."""
        if self.expression is not None:
            return parse(self.expression).to_numpy()
        from act_bench.functions.named_numeric import value_function

        return value_function(self)

    def derivative(self) -> ArrayFunction:
        """Return f' in float64, as :meth:`act_bench.Expression.derivative` does."""
        if self.expression is not None:
            return parse(self.expression).derivative()
        from act_bench.functions.named_numeric import derivative_function

        return derivative_function(self)

    def to_torch(self, shape: tuple[int, ...] = ()) -> torch.nn.Module:
        """Return the function as a PyTorch module for one layer.

        Parameters
        ----------
        shape : tuple of int
            Shape of the learned parameter, which must broadcast against the layer's output:
            ``()`` for one value per layer, ``(channels, 1, 1)`` for one per channel of images,
            ``(replicas, 1, 1)`` for one a replica of a stack. Ignored where nothing is learned.

        Raises
        ------
        ImportError
            PyTorch is not installed.

        Examples
        --------
        >>> from act_bench.functions.catalogue import find
        >>> module = find("prelu").to_torch()
        >>> [parameter.item() for parameter in module.parameters()]
        [0.25]
        """
        if self.expression is not None:
            return parse(self.expression).to_torch()
        with needs_extra("to_torch"):
            from act_bench.functions.named_modules import NamedActivation
        return NamedActivation(self, shape)
