"""A function as the layer that networks of others take: a factory of modules."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from act_bench.errors import ArgumentTypeError, excerpt
from act_bench.functions.catalogue import read

if TYPE_CHECKING:
    import torch


class HasModule(Protocol):
    """An expression, or a function of the catalogue."""

    def to_torch(self) -> torch.nn.Module:
        """Return the function as a module."""
        ...


def _module(function: HasModule, inplace: bool = False) -> torch.nn.Module:  # noqa: ARG001
    """Return a new module. Nothing is computed in place: ``inplace`` is accepted, no more."""
    return function.to_torch()


def act_layer(function: str | HasModule) -> partial[torch.nn.Module]:
    """Return a factory of modules, for timm's ``act_layer`` and others that take a class.

    Parameters
    ----------
    function : str or Expression or NamedFunction
        Text of an expression or a name of the catalogue; an expression, or a function of
        :data:`act_bench.functions.catalogue.CATALOGUE`.

    Returns
    -------
    functools.partial
        A callable, ``layer(inplace=False)``, that returns a new module each time, so that a
        function with a learned parameter learns one per layer. It is a partial since timm refuses
        other callables that are no class.

    Raises
    ------
    act_bench.functions.expression.ParseError
        The text is no expression, and no name.
    act_bench.errors.ArgumentTypeError
        It is no function at all.
    act_bench.errors.MissingExtraError
        On a call: PyTorch is not installed.

    Examples
    --------
    >>> layer = act_layer("max(relu(x),tanh(x))")
    >>> layer(inplace=True), act_layer("gelu")()
    (ActivationModule(max(relu(x),tanh(x))), ActivationModule(gelu(x)))

    With timm: ``timm.create_model("resnet18", act_layer=layer)``.
    """
    if isinstance(function, str):
        function = read(function)
    if not hasattr(function, "to_torch"):
        raise ArgumentTypeError(
            "act_layer: expected an expression, or the name or record of a function, got "
            f"{excerpt(function)}"
        )
    return partial(_module, function)
