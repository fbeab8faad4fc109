"""The figure of Fisher spectra, which must compute those of the negatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from act_bench.figures import Request

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def spectra(request: Request) -> Figure:
    """Draw the spectra of functions and their negatives, after Figure 5 of the poster."""
    from regenerate.fisher.figure import spectra_figure

    return spectra_figure(request.tables or ("mlp",), request.data_dir)
