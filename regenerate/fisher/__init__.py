"""Eigenvalues of the Fisher information matrix, layer by layer, for any function and network."""

from __future__ import annotations

from regenerate.fisher.convention import FisherConvention, Labels
from regenerate.fisher.factors import InvalidSpectrumError
from regenerate.fisher.spectrum import LayerSpectrum, fisher_spectrum

__all__ = [
    "FisherConvention",
    "InvalidSpectrumError",
    "Labels",
    "LayerSpectrum",
    "fisher_spectrum",
]
