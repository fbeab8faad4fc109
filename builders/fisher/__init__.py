"""Eigenvalues of the Fisher information matrix, layer by layer, for any function and network."""

from __future__ import annotations

from builders.fisher.convention import FisherConvention, Labels
from builders.fisher.factors import InvalidSpectrumError
from builders.fisher.spectrum import LayerSpectrum, fisher_spectrum

__all__ = [
    "FisherConvention",
    "InvalidSpectrumError",
    "Labels",
    "LayerSpectrum",
    "fisher_spectrum",
]
