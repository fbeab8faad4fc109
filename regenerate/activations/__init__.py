"""Tabulated activations: any function of a bfloat16 number is a table of 65,536 numbers."""

from __future__ import annotations

from regenerate.activations.module import TabulatedActivation
from regenerate.activations.tabulation import Tables, tabulate

__all__ = ["Tables", "TabulatedActivation", "tabulate"]
