"""The Fisher spectra of a table's network, as the page draws them: a byte for each value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

import numpy as np

from act_bench.explore.packing import packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from act_bench.tables.spectra import Spectra

SPECTRUM_POINTS: Final = 33
"""Of the 128 values of a layer's quantile function, so many are drawn, evenly spread."""
SPECTRUM_LAYERS: Final = 9
"""Of a deeper network so many layers are drawn, evenly spread: all of them would fill the page."""
_CODES: Final = 254


class SpectraData(TypedDict):
    """The Fisher spectra of a table's network, as the page reads them.

    ``codes`` holds, packed, a byte for each drawn value of each layer of each entry that has a
    spectrum: 0 for a zero eigenvalue, 1 to 255 evenly from ``low`` to ``high``, beyond which values
    are drawn at the edge. ``shares`` are the probabilities of the values, ``reason`` the number of
    each entry's reason to have none, 0 if it has one.
    """

    layers: list[str]
    shares: list[float]
    low: float
    high: float
    reasons: list[str]
    reason: list[int]
    codes: str


def pack_spectra(spectra: Spectra) -> SpectraData:
    """Return spectra as the page reads them.

    Examples
    --------
    >>> from act_bench.tables.spectra import load_spectra
    >>> found = pack_spectra(load_spectra("mlp"))
    >>> found["layers"], len(found["shares"])
    (['0', '2', '4'], 33)
    """
    from act_bench.tables.spectra import FLOOR

    def spread(count: int, most: int) -> NDArray[np.intp]:
        return np.linspace(0, count - 1, min(count, most)).round().astype(np.intp)

    valid = spectra.quantiles[spectra.valid]
    layers = spread(valid.shape[1], SPECTRUM_LAYERS)
    points = spread(valid.shape[2], SPECTRUM_POINTS)
    values = valid[:, layers][:, :, points]
    zero = values <= FLOOR
    # A few functions reach far; the range leaves a thousandth to either side.
    low, high = np.quantile(values[~zero], [0.001, 0.999])
    steps = (np.clip(values, low, high) - low) / max(high - low, 1e-9) * _CODES
    reasons = ["", *sorted(set(spectra.reason) - {""})]
    return {
        "layers": [spectra.layers[layer].name for layer in layers],
        "shares": [round((float(point) + 0.5) / valid.shape[2], 4) for point in points],
        "low": round(float(low), 3),
        "high": round(float(high), 3),
        "reasons": reasons,
        "reason": [reasons.index(reason) for reason in spectra.reason],
        "codes": packed(np.where(zero, 0, 1 + np.rint(steps)).astype(np.uint8)),
    }
