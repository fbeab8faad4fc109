"""The Fisher feature of one function: quantile functions, or the reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.expression import Expression
from act_bench.functions.named import NamedFunction
from act_bench.tables.distances import quantile_function
from act_bench.tables.spectra import LayerSize
from regenerate.fisher.factors import InvalidSpectrumError
from regenerate.fisher.networks import Setting
from regenerate.fisher.spectrum import fisher_spectrum


@dataclass(frozen=True)
class FisherFeature:
    """The spectrum of one function as it is kept.

    Attributes
    ----------
    layers
        Names and sizes; empty if not valid.
    quantiles
        (layers, 128) float32, see :func:`act_bench.tables.distances.quantile_function`; None if not
        valid.
    reason
        Why it is not valid; empty if it is.
    """

    layers: tuple[LayerSize, ...]
    quantiles: NDArray[np.float32] | None
    reason: str

    @property
    def valid(self) -> bool:
        """Whether both passes were finite and every factor had a positive eigenvalue."""
        return self.quantiles is not None


def fisher_feature(expression: Expression | NamedFunction, setting: Setting) -> FisherFeature:
    """Compute the Fisher feature of any function in a table's network.

    A parameter that the function learns is at its initial value, and is no part of the spectrum.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> from regenerate.fisher.networks import setting
    >>> mlp = setting("mlp")
    >>> fisher_feature(parse("tanh(x)"), mlp).quantiles.shape
    (3, 128)
    >>> fisher_feature(parse("zero(x)"), mlp).reason
    'gradient factor of layer 0: no positive eigenvalue'
    """
    network = setting.network(expression)
    try:
        spectrum = fisher_spectrum(network, setting.images, setting.convention, setting.labels)
    except InvalidSpectrumError as error:
        return FisherFeature((), None, str(error))
    layers = tuple(LayerSize(layer.name, layer.weights) for layer in spectrum)
    quantiles = np.stack([quantile_function(layer.log_eigenvalues) for layer in spectrum])
    return FisherFeature(layers, quantiles, "")
