"""A function as the layer that networks of others take: a factory of modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from act_bench.functions.expression import parse

if TYPE_CHECKING:
    import torch


class HasModule(Protocol):
    """An expression, or a function of the catalogue."""

    def to_torch(self) -> torch.nn.Module:
        """Return the function as a module."""
        ...


class ActLayer:
    """What makes the activation modules of a network; see :func:`act_layer`."""

    def __init__(self, function: HasModule) -> None:
        self.function = function

    def __call__(self, inplace: bool = False) -> torch.nn.Module:  # noqa: ARG002
        """Return a new module. Nothing is computed in place: ``inplace`` is accepted, no more."""
        return self.function.to_torch()

    def __repr__(self) -> str:
        return f"act_layer({str(self.function)!r})"

    @property
    def __name__(self) -> str:
        """As of a class of modules, by which some libraries print it."""
        return str(self.function)


def act_layer(function: str | HasModule) -> Any:
    """Return a factory of modules, for timm's ``act_layer`` and others that take a class.

    Parameters
    ----------
    function : str or Expression or NamedFunction
        Text of an expression, an expression, or a function of
        :data:`act_bench.functions.catalogue.CATALOGUE`.

    Returns
    -------
    ActLayer
        A callable that accepts ``inplace`` and returns a new module each time, so that a function
        with a learned parameter learns one per layer.

    Raises
    ------
    act_bench.functions.expression.ParseError
        The text is no expression.
    act_bench.errors.MissingExtraError
        On a call: PyTorch is not installed.

    Examples
    --------
    >>> layer = act_layer("max(relu(x),tanh(x))")
    >>> layer(inplace=True)
    ActivationModule(max(relu(x),tanh(x)))

    With timm: ``timm.create_model("resnet18", act_layer=layer)``.
    """
    return ActLayer(parse(function) if isinstance(function, str) else function)
