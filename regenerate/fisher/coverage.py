"""Which layers of a network have a block of the Fisher information, and which are left out of it.

Every parameter that training would change must lie in a layer whose block is known, or in one of
:data:`EXCLUDED`. A spectrum that left anything else out without a word would be compared with
spectra that have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from act_bench.errors import ActBenchError, ExitCode
from act_bench.functions.differentiable import ActivationModule
from act_bench.functions.named_modules import LearningActivation
from regenerate.kernels.depthwise import DepthwiseConv2d
from regenerate.networks.pointwise import PointwiseConv2d
from regenerate.networks.relative_positions import RelativePositions
from regenerate.networks.token_norm import TokenNorm

Layer: TypeAlias = nn.Linear | nn.Conv2d

EXCLUDED: Final[tuple[type[nn.Module], ...]] = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    TokenNorm,
    RelativePositions,
    nn.PReLU,
    ActivationModule,
    LearningActivation,
)
"""Layers whose parameters have no block, by decision: the scales and shifts of normalizations,
relative positions, and what activation functions learn. They are few beside the weights, and K-FAC
has no block of theirs (Martens and Grosse 2015, arXiv 1503.05671). Records of spectra state them.
"""

EXCLUDED_NAMES: Final = tuple(each.__name__ for each in EXCLUDED)
"""Their names, as records of spectra state them."""

_FORWARDS: Final = frozenset(
    each.forward for each in (nn.Linear, nn.Conv2d, PointwiseConv2d, DepthwiseConv2d)
)
"""Methods known to compute a linear layer or a convolution; a subclass may compute anything."""


class UnsupportedLayerError(ActBenchError, ValueError):
    """A layer of which the K-FAC block is not known here; the message names it."""

    exit_code = ExitCode.USAGE


def weighted_layers(network: nn.Module, excluded: Sequence[str] = ()) -> dict[str, Layer]:
    """Return the linear layers and convolutions of a network, by name.

    Parameters
    ----------
    network
        Any.
    excluded
        Names of modules and parameters that are left out besides :data:`EXCLUDED`.

    Raises
    ------
    UnsupportedLayerError
        If a parameter that training would change gets no block: it belongs to another kind of layer
        that is none of :data:`EXCLUDED`, to a module of the user's own, or to two layers; or the
        layer is a convolution with a dilation, with groups other than 1 or one for each channel, or
        with a padding other than a fixed number of zeros.

    Examples
    --------
    >>> list(weighted_layers(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))))
    ['0', '2']
    >>> weighted_layers(nn.Sequential(nn.Linear(2, 3), nn.GRU(3, 2)))
    Traceback (most recent call last):
        ...
    regenerate.fisher.coverage.UnsupportedLayerError: layer 1 (GRU) has parameters without a block
    of the Fisher information: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0; expected linear
    layers, 2-D convolutions, and normalizations or activation functions, which are left out
    """
    layers: dict[str, Layer] = {}
    owners: dict[object, str] = {}
    _check_excluded(network, excluded)
    for name, module in network.named_modules():
        own = {
            which: parameter
            for which, parameter in _own_parameters(module)
            if not _is_part(f"{name}.{which}".lstrip("."), excluded)
        }
        if not own:
            continue
        if isinstance(module, EXCLUDED) and own.keys() <= {"weight", "bias", "parameter"}:
            continue
        if not isinstance(module, nn.Linear | nn.Conv2d):
            raise UnsupportedLayerError(
                f"{_named(name, module)} has parameters without a block of the Fisher information: "
                f"{', '.join(own)}; expected linear layers, 2-D convolutions, and normalizations "
                "or activation functions, which are left out"
            )
        _check_layer(name, module, own)
        for which, parameter in own.items():
            address = f"{name}.{which}".lstrip(".")
            before = owners.setdefault(_storage(parameter), address)
            if before != address:
                raise UnsupportedLayerError(
                    f"layer {name}: its {which} is shared with {before}, so it is used twice and "
                    "its block is no Kronecker product; give each layer parameters of its own"
                )
        layers[name] = module
    return layers


def _check_excluded(network: nn.Module, excluded: Sequence[str]) -> None:
    addresses = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    if unknown := [each for each in excluded if not any(_is_part(a, [each]) for a in addresses)]:
        raise UnsupportedLayerError(
            f"expected names of modules or parameters of the network to leave out, got {unknown}"
        )


def _is_part(address: str, names: Sequence[str]) -> bool:
    """Return whether a parameter is one of these, or lies in a module of such a name."""
    return any(address == name or address.startswith(f"{name}.") for name in names)


def _own_parameters(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters of a module, not those of its parts, that training would change."""
    for name, parameter in module.named_parameters(recurse=False, remove_duplicate=False):
        if parameter.requires_grad:
            yield name, parameter


def _check_layer(name: str, layer: Layer, own: dict[str, Tensor]) -> None:
    if any(isinstance(each, UninitializedParameter) for each in own.values()):
        raise UnsupportedLayerError(
            f"{_named(name, layer)} has no shape yet: run the network once before its spectrum"
        )
    if type(layer).forward not in _FORWARDS or "forward" in vars(layer):
        raise UnsupportedLayerError(
            f"{_named(name, layer)} has a forward of its own, so what it computes is not known; "
            "expected that of torch.nn.Linear or torch.nn.Conv2d"
        )
    # Weights that are computed from others, as torch.nn.utils.weight_norm does.
    if unknown := sorted(own.keys() - {"weight", "bias"}):
        raise UnsupportedLayerError(
            f"{_named(name, layer)} has parameters without a block of the Fisher information: "
            f"{', '.join(unknown)}; expected weight and bias"
        )
    if not isinstance(layer, nn.Conv2d):
        return
    depthwise = layer.groups == layer.in_channels == layer.out_channels
    if (
        (layer.groups != 1 and not depthwise)
        or layer.dilation != (1, 1)
        or isinstance(layer.padding, str)
        or layer.padding_mode != "zeros"
    ):
        raise UnsupportedLayerError(
            f"layer {name}: expected a convolution without dilation, with groups of 1 or "
            f"depthwise, and padded by a number of zeros; got {layer}"
        )


def _named(name: str, module: nn.Module) -> str:
    kind = type(module).__name__
    return f"layer {name} ({kind})" if name else f"the network itself ({kind})"


def _storage(parameter: Tensor) -> object:
    """Return what two parameters have in common only where a step on one changes the other."""
    return (parameter.device, parameter.data_ptr()) if parameter.numel() else id(parameter)
