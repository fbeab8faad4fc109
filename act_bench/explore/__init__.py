"""``act-bench explore``: the map of a table as one HTML page that needs nothing else.

The page holds the embedded tables, the stored maps (:mod:`act_bench.tables.maps`), the curve of
every entry, the Fisher spectra of the tables that have them, and the drawing library (Apache
ECharts 6.1.0, the build ``common``, Apache-2.0; its licence lies beside this file). It opens from
disk and forbids itself, by its content security policy, to fetch anything.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

from act_bench.files.html import script_json
from act_bench.files.manifest import EMBEDDING_FILE, DataError, verified
from act_bench.tables.files import embedded_fidelities, table_files
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import METRICS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from act_bench.tables.maps import Feature
    from act_bench.tables.spectra import Spectra

CURVE_POINTS: Final = 65
CURVE_LIMIT: Final = 5.0
"""Curves are drawn over [-CURVE_LIMIT, CURVE_LIMIT], both ways."""

SHOWN: Final = (*METRICS, "validation_accuracy_std", "runtime_s")
OUTCOMES: Final = ("ok", "diverged", "missing")
SPECTRUM_POINTS: Final = 33
"""Of the 128 values of a layer's quantile function, so many are drawn, evenly spread."""
SPECTRUM_LAYERS: Final = 9
"""Of a deeper network so many layers are drawn, evenly spread: all of them would fill the page."""
_SPECTRUM_CODES: Final = 254
_STEPS: Final = 8000  # of the curves' values, to either side of 0; one step is a pixel's tenth
_UNDEFINED: Final = -32768
_FOLDER: Final = Path(__file__).parent


class TableData(TypedDict):
    """One table at one fidelity, as the page reads it; lists are in entry order."""

    title: str
    chance: float
    metric: str
    outcome: list[int]
    metrics: dict[str, list[float | None]]
    spectra: str | None


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


class Places(TypedDict):
    """A map; null where a function is not on it."""

    x: list[float | None]
    y: list[float | None]


class Payload(TypedDict):
    """All data of the page; see :func:`collect`."""

    expressions: list[str]
    classes: list[int]
    x: list[float]
    y: list[float]
    curves: str
    curvePoints: int
    curveLimit: float
    curveSteps: int
    outcomes: list[str]
    tables: dict[str, TableData]
    spectra: dict[str, SpectraData]
    maps: dict[str, dict[str, Places]]


def collect() -> Payload:
    """Return what the page shows: every embedded table, the map and the curves.

    Raises
    ------
    DataError
        No table is embedded, or a file is missing or damaged.
    """
    from act_bench.tables.loaders import load_table
    from act_bench.tables.maps import map_name
    from act_bench.tables.spectra import fisher_name, load_spectra

    with_spectra = {name for name in TABLES if fisher_name(name) in table_files(name)}
    tables: dict[str, TableData] = {}
    for name, table in TABLES.items():
        for fidelity in embedded_fidelities(name):
            frame = load_table(name, fidelity=fidelity, columns=["outcome", *SHOWN])
            tables[f"{name}-{fidelity}"] = {
                "title": f"{table.title}, fidelity {fidelity}: {table.network} on {table.dataset}",
                "chance": table.chance,
                "metric": table.metric,
                "outcome": [OUTCOMES.index(outcome) for outcome in frame["outcome"]],
                "metrics": {column: _rounded(frame[column].to_list()) for column in SHOWN},
                "spectra": name if name in with_spectra else None,
            }
    if not tables:
        raise DataError("there is nothing to explore: this version embeds no table")
    spectra = sorted({table["spectra"] for table in tables.values() if table["spectra"]})
    return payload(tables) | {
        "spectra": {name: pack_spectra(load_spectra(name)) for name in spectra},
        "maps": {name: _maps(name) for name in spectra if map_name(name) in table_files(name)},
    }


def payload(tables: Mapping[str, TableData]) -> Payload:
    """Return the data of a page that shows ``tables`` on the map by outputs, without spectra."""
    import pyarrow.parquet as pq

    from act_bench.spaces.paper import load_space

    space = load_space()
    places = pq.read_table(verified(EMBEDDING_FILE))
    return {
        "expressions": list(space.representatives),
        "classes": list(space.canonical_class),
        "x": [round(value, 3) for value in places["x"].to_pylist()],
        "y": [round(value, 3) for value in places["y"].to_pylist()],
        "curves": _packed(_curves(space.representatives)),
        "curvePoints": CURVE_POINTS,
        "curveLimit": CURVE_LIMIT,
        "curveSteps": _STEPS,
        "outcomes": list(OUTCOMES),
        "tables": dict(tables),
        "spectra": {},
        "maps": {},
    }


def pack_spectra(spectra: Spectra) -> SpectraData:
    """Return spectra as the page reads them.

    Examples
    --------
    >>> from act_bench.tables.spectra import load_spectra
    >>> packed = pack_spectra(load_spectra("mlp"))
    >>> packed["layers"], len(packed["shares"])
    (['0', '2', '4'], 33)
    """
    import numpy as np

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
    steps = (np.clip(values, low, high) - low) / max(high - low, 1e-9) * _SPECTRUM_CODES
    reasons = ["", *sorted(set(spectra.reason) - {""})]
    return {
        "layers": [spectra.layers[layer].name for layer in layers],
        "shares": [round((float(point) + 0.5) / valid.shape[2], 4) for point in points],
        "low": round(float(low), 3),
        "high": round(float(high), 3),
        "reasons": reasons,
        "reason": [reasons.index(reason) for reason in spectra.reason],
        "codes": _packed(np.where(zero, 0, 1 + np.rint(steps)).astype(np.uint8)),
    }


def render(data: Payload) -> str:
    """Return the page, complete in one text.

    Examples
    --------
    >>> page = render(payload({}))
    >>> page.startswith("<!doctype html>"), "{{" in page.split("<body>")[0].split("<script>")[0]
    (True, False)
    """
    parts = {
        "STYLE": _read("page.css"),
        "LIBRARY": _read("echarts.common.min.js"),
        "DATA": script_json(data),
        "SCRIPT": _read("page.js"),
    }
    head, *rest = _read("page.html").split("{{")
    pieces = [head]
    for chunk in rest:
        name, after = chunk.split("}}", 1)
        pieces += [parts[name], after]
    return "".join(pieces)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _maps(table: str) -> dict[str, Places]:
    """Return the maps by a table's Fisher spectra and by both."""
    from act_bench.tables.maps import load_map

    features: tuple[Feature, ...] = ("fim", "union")
    found: dict[str, Places] = {}
    for feature in features:
        places, known = load_map(table, feature)
        x, y = (
            [round(float(value), 3) if on else None for value, on in zip(axis, known, strict=True)]
            for axis in places.T
        )
        found[feature] = {"x": x, "y": y}
    return found


def _packed(numbers: NDArray[np.integer]) -> str:
    """Return the bytes of an array, compressed by zlib, in base64."""
    return base64.b64encode(zlib.compress(numbers.tobytes(), 9)).decode()


def _rounded(values: list[float | None]) -> list[float | None]:
    """Round to five digits: what a page can show, in half the bytes."""
    return [None if value is None else float(f"{value:.5g}") for value in values]


def _curves(expressions: tuple[str, ...]) -> NDArray[np.int16]:
    """Return the functions' values as multiples of limit / steps, (functions, points) int16.

    A value beyond the limit is one step more than the most, one that is undefined a sentinel.
    """
    import numpy as np

    from act_bench.functions.equality import space_values
    from act_bench.spaces.paper import enumerate_space

    grid = np.linspace(-CURVE_LIMIT, CURVE_LIMIT, CURVE_POINTS)
    rows = {expression: row for row, expression in enumerate(enumerate_space())}
    values = space_values(grid).value[[rows[expression] for expression in expressions]]
    bound = CURVE_LIMIT * (1 + 1 / _STEPS)
    clipped = np.nan_to_num(np.clip(values, -bound, bound), nan=0.0)
    steps = np.rint(clipped * (_STEPS / CURVE_LIMIT))
    return np.where(np.isnan(values), _UNDEFINED, steps).astype("<i2")
