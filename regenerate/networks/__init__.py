"""The networks, and the registry of those that train on images.

An image network is a module from ``(images, 3, height, width)`` to class scores ``(images,
classes)``, whose constructor takes ``(activation, *, width, classes)``: ``activation`` makes the
module for one place at which an activation function stands, and is called once for each place.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn

from act_bench.errors import ArgumentError
from regenerate.activations.learnable import Activation, layer_module

IMAGE_NETWORKS: Final = {
    "all_cnn_c": "regenerate.networks.all_cnn_c:AllCNNC",
    "resnet56": "regenerate.networks.resnet56:ResNet56",
    "mobilevit_v2": "regenerate.networks.mobilevit_v2:MobileViTv2",
    "vit_tiny": "regenerate.networks.vit_tiny:ViTTiny",
    "coatnet": "regenerate.networks.coatnet:CoAtNet",
}
"""Network of a recipe -> module and class, imported when asked for."""


def register(name: str, constructor: str) -> None:
    """Add an image network, for this process; ``regenerate.training.image_trainer`` trains it.

    Parameters
    ----------
    name
        For ``Recipe.network``.
    constructor
        ``module:Class`` of a module as described above.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if name in IMAGE_NETWORKS:
        raise ArgumentError(f"the name {name!r} is that of another network")
    IMAGE_NETWORKS[name] = constructor


def build(
    name: str, activation: Callable[[], nn.Module], *, width: float = 1.0, classes: int = 10
) -> nn.Module:
    """Return an image network.

    Parameters
    ----------
    name
        A key of ``IMAGE_NETWORKS``.
    activation
        Makes the module for one place.
    width
        Multiplier of the published network's channels.
    classes
        Number of class scores.

    Raises
    ------
    ValueError
        If there is no such network.

    Examples
    --------
    >>> build("resnet56", nn.Tanh, width=0.25)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 10])
    """
    if name not in IMAGE_NETWORKS:
        known = ", ".join(IMAGE_NETWORKS)
        raise ArgumentError(f"no image network {name!r}; the image networks are {known}")
    module, constructor = IMAGE_NETWORKS[name].split(":")
    network: nn.Module = getattr(importlib.import_module(module), constructor)(
        activation, width=width, classes=classes
    )
    return network


def build_learning(
    name: str, function: Activation, *, width: float = 1.0, classes: int = 10, side: int = 32
) -> nn.Module:
    """Return an image network with a function that learns: a module of its own at every place.

    The channels at a place, on which the shape of what is learned may depend, are those that a pass
    over an empty image of ``side`` pixels finds there.

    Examples
    --------
    >>> from act_bench.functions.catalogue import find
    >>> network = build_learning("all_cnn_c", find("swish_beta"), width=1 / 12)
    >>> network.activations[3].parameter.shape
    torch.Size([16, 1, 1])
    """
    network = build(name, _Place, width=width, classes=classes)
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, side, side))
    for parent in list(network.modules()):
        for child_name, child in list(parent.named_children()):
            if isinstance(child, _Place):
                setattr(parent, child_name, layer_module(function, one=(), each=child.each))
    return network.train()


class _Place(nn.Module):
    """Where an activation function will stand; remembers the shape of one value per channel.

    Maps are (n, channels, height, width), tokens (n, tokens, channels).
    """

    each: tuple[int, ...] = ()

    def forward(self, features: Tensor) -> Tensor:
        tokens = features.dim() == 3
        self.each = (features.shape[2],) if tokens else (features.shape[1], 1, 1)
        return features
