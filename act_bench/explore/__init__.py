"""``act-bench explore``: the functions and tables as one HTML page that needs nothing else.

The page holds the embedded tables at every fidelity and learning rate, the stored maps
(:mod:`act_bench.tables.maps`), the curve of every function and the Fisher spectra of the tables
that have them. It opens from disk and forbids itself, by its content security policy, to fetch
anything. Its scripts lie in ``page/``, one subject each, in the order in which :data:`SCRIPTS`
names them; they use no library.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

from act_bench.files.html import script_json
from act_bench.files.manifest import DataError
from act_bench.tables.files import table_files

if TYPE_CHECKING:
    from act_bench.explore.functions import FunctionsData
    from act_bench.explore.spectra import SpectraData
    from act_bench.explore.views import TableData
    from act_bench.tables.maps import Feature

SCRIPTS: Final = (
    "codec", "statistics", "format", "search", "csv", "labels", "axes", "data", "state",
    "plot", "charts", "ranking", "details", "finder", "main",
)  # fmt: skip
"""Names of the page's scripts. Up to ``state`` they touch no document."""
_FOLDER: Final = Path(__file__).parent


class Places(TypedDict):
    """A map, packed; NaN where a function is not on it."""

    x: str
    y: str


class Payload(TypedDict):
    """All data of the page; see :func:`collect`."""

    functions: FunctionsData
    outcomes: list[str]
    tables: dict[str, TableData]
    spectra: dict[str, SpectraData]
    maps: dict[str, dict[str, Places]]


def collect() -> Payload:
    """Return what the page shows: every embedded table, the maps and the functions.

    Raises
    ------
    DataError
        No table is embedded, or a file is missing or damaged.
    """
    from act_bench.explore.functions import functions_data
    from act_bench.explore.spectra import pack_spectra
    from act_bench.explore.views import OUTCOMES, tables_data
    from act_bench.tables.maps import map_name
    from act_bench.tables.spectra import load_spectra

    functions = functions_data()
    tables = tables_data(functions["outside"])
    if not tables:
        raise DataError("there is nothing to explore: this version embeds no table")
    spectra = sorted({table["spectra"] for table in tables.values() if table["spectra"]})
    return {
        "functions": functions,
        "outcomes": list(OUTCOMES),
        "tables": tables,
        "spectra": {name: pack_spectra(load_spectra(name)) for name in spectra},
        "maps": {name: _maps(name) for name in spectra if map_name(name) in table_files(name)},
    }


def render(data: Mapping[str, object]) -> str:
    """Return the page, complete in one text.

    Examples
    --------
    >>> page = render({})
    >>> page.startswith("<!doctype html>"), "{{" in page.split("<body>")[0].split("<script>")[0]
    (True, False)
    """
    parts = {
        "STYLE": _read("page/page.css"),
        "DATA": script_json(data),
        # Elements of their own, so that a browser names the file's part in an error.
        "SCRIPTS": "".join(f"<script>{_read(f'page/{name}.js')}</script>\n" for name in SCRIPTS),
    }
    head, *rest = _read("page/page.html").split("{{")
    pieces = [head]
    for chunk in rest:
        name, after = chunk.split("}}", 1)
        pieces += [parts[name], after]
    return "".join(pieces)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _maps(table: str) -> dict[str, Places]:
    """Return the maps by a table's Fisher spectra and by both."""
    from act_bench.explore.packing import packed_floats
    from act_bench.tables.maps import load_map

    features: tuple[Feature, ...] = ("fim", "union")
    found: dict[str, Places] = {}
    for feature in features:
        places = load_map(table, feature).places
        found[feature] = {"x": packed_floats(places[:, 0]), "y": packed_floats(places[:, 1])}
    return found
