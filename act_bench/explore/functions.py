"""The functions of the page: entries, named ones beside the space, and how each can be found.

A function's number on the page is that of its entry; the named functions that are no entry follow.
What a reader may type is resolved here, by the package's own resolver, so that the page only looks
it up: all 5,103 spellings of the space, the 27 operators alone, and the catalogue with its aliases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

import numpy as np

from act_bench.explore.packing import packed, packed_floats
from act_bench.functions.catalogue import CATALOGUE, SOURCES
from act_bench.functions.operators import BASELINES, BINARY, COMMUTATIVE, SPACE_UNARY, SYNONYMS
from act_bench.spaces.paper import NotInSpaceError, Space, entry_of, load_space

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from act_bench.functions.named import NamedFunction

CURVE_POINTS: Final = 65
CURVE_LIMIT: Final = 5.0
"""Curves are drawn over [-CURVE_LIMIT, CURVE_LIMIT], both ways."""
NEIGHBORS: Final = 5
"""Of each function so many of the nearest by outputs are listed."""
HOW: Final = ("exact", "commuted", "numerical")
SHAPES: Final = {
    "origin": "f(0) = 0: no offset",
    "rising": "never falls on [-5, 5]",
    "odd": "odd: f(-x) = -f(x)",
    "even": "even: f(-x) = f(x)",
    "positive": "never negative on [-5, 5]",
}
"""Properties by which the ranking can be filtered; a bit each, in this order."""
_CURVE_STEPS: Final = 8000  # to either side of 0; one step is a pixel's tenth
_UNDEFINED: Final = -32768
_SAME: Final = 1e-9  # rounding, relative to the largest value of the curve


class Name(TypedDict):
    """A function of the catalogue, and its number on the page."""

    name: str
    title: str
    aliases: list[str]
    formula: str
    source: str
    expression: str | None
    function: int
    baseline: bool


class FunctionsData(TypedDict):
    """All of the page that is not about a table; see :func:`functions_data`.

    ``spellingEntry`` and ``spellingHow`` follow the enumeration of the space, which the page
    repeats from the operators. ``x`` and ``y`` are places on the map by outputs; a function beside
    the space stands where its nearest entry is. ``near`` has the numbers of the nearest entries of
    each function, ``nearDistance`` their distances (Eq. 3).
    """

    entries: int
    unary: list[str]
    binary: list[str]
    commutative: list[str]
    synonyms: dict[str, str]
    spellingEntry: str
    spellingHow: str
    lone: list[tuple[str, int, int]]
    classes: str
    names: list[Name]
    sources: dict[str, str]
    outside: list[str]
    x: str
    y: str
    near: str
    nearDistance: str
    shapes: dict[str, str]
    shape: str
    curves: str
    curvePoints: int
    curveLimit: float
    curveSteps: int


def outside_space() -> tuple[NamedFunction, ...]:
    """Return the functions of the catalogue that are no entry, in its order.

    Examples
    --------
    >>> [function.name for function in outside_space()][:3]
    ['gelu', 'leaky_relu', 'mish']
    """
    return tuple(function for function in CATALOGUE.values() if entry_of(function) is None)


def functions_data() -> FunctionsData:
    """Return the functions, their names and spellings, their curves and their neighbors."""
    from act_bench.tables.maps import load_map

    space, outside = load_space(), outside_space()
    beside = {function.name: len(space.representatives) + i for i, function in enumerate(outside)}
    resolved = [space.resolve(expression) for expression in space.expressions]
    near, distances = _neighbors(space, outside)
    known = load_map("mlp", "outputs").places
    places = np.concatenate([known, known[near[len(known) :, 0]]])
    values = _values(space, outside)
    return {
        "entries": len(space.representatives),
        "unary": list(SPACE_UNARY),
        "binary": list(BINARY),
        "commutative": sorted(COMMUTATIVE),
        "synonyms": dict(SYNONYMS),
        "spellingEntry": packed(np.array([found.entry for found in resolved], "<u2")),
        "spellingHow": packed(np.array([HOW.index(found.how) for found in resolved], np.uint8)),
        "lone": _lone(space),
        "classes": packed(np.array(space.canonical_class, "<u2")),
        "names": [_name(function, beside) for function in CATALOGUE.values()],
        "sources": SOURCES,
        "outside": list(beside),
        "x": packed_floats(places[:, 0]),
        "y": packed_floats(places[:, 1]),
        "near": packed(near.astype("<u2")),
        "nearDistance": packed_floats(distances, digits=10),
        "shapes": SHAPES,
        "shape": packed(_shapes(values)),
        "curves": packed(_steps(values)),
        "curvePoints": CURVE_POINTS,
        "curveLimit": CURVE_LIMIT,
        "curveSteps": _CURVE_STEPS,
    }


def _name(function: NamedFunction, beside: dict[str, int]) -> Name:
    entry = entry_of(function)
    return {
        "name": function.name,
        "title": function.title,
        "aliases": list(function.aliases),
        "formula": function.formula,
        "source": function.source,
        "expression": function.expression,
        "function": beside[function.name] if entry is None else entry,
        "baseline": function.expression in BASELINES,
    }


def _lone(space: Space) -> list[tuple[str, int, int]]:
    """Return the operators alone, such as ``relu(x)``, which the space spells with a second one."""
    found = []
    for text in ("x", *(f"{operator}(x)" for operator in SPACE_UNARY)):
        try:
            entry, how = space.resolve(text)
        except NotInSpaceError:
            continue
        found.append((text, entry, HOW.index(how)))
    return found


def _neighbors(
    space: Space, outside: tuple[NamedFunction, ...]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the nearest entries of each function by outputs, and their distances.

    Entries of the same canonical class are the same function, so they are left out.
    """
    from act_bench.spaces.distances import all_pairs, output_vectors
    from act_bench.spaces.paper import finite_outputs

    others = [function.to_numpy()(space.points) for function in outside]
    entries = output_vectors(finite_outputs(space.outputs))
    named = output_vectors(finite_outputs(np.array(others).reshape(-1, len(space.points))))
    apart = all_pairs(np.concatenate([entries, named]), entries)
    classes = np.array(space.canonical_class)
    apart[: len(entries)][classes[:, None] == classes] = np.inf
    order = np.argsort(apart, axis=1, kind="stable")[:, :NEIGHBORS]
    return order, np.take_along_axis(apart, order, axis=1)


def _values(space: Space, outside: tuple[NamedFunction, ...]) -> NDArray[np.float64]:
    """Return each function's values on the curve's grid, (functions, points)."""
    from act_bench.functions.equality import space_values

    grid = np.linspace(-CURVE_LIMIT, CURVE_LIMIT, CURVE_POINTS)
    rows = {expression: row for row, expression in enumerate(space.expressions)}
    entries = space_values(grid).value[[rows[name] for name in space.representatives]]
    with np.errstate(all="ignore"):
        others = [function.to_numpy()(grid) for function in outside]
    return np.concatenate([entries, np.array(others).reshape(-1, CURVE_POINTS)])


def _steps(values: NDArray[np.float64]) -> NDArray[np.int16]:
    """Return values as multiples of limit / steps, int16.

    A value beyond the limit is one step more than the most, one that is undefined a sentinel.
    """
    bound = CURVE_LIMIT * (1 + 1 / _CURVE_STEPS)
    clipped = np.nan_to_num(np.clip(values, -bound, bound), nan=0.0)
    steps = np.rint(clipped * (_CURVE_STEPS / CURVE_LIMIT))
    return np.where(np.isnan(values), _UNDEFINED, steps).astype("<i2")


def _shapes(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the bits of `SHAPES` of each function; one that is undefined somewhere has none."""
    defined = np.isfinite(values).all(axis=1)
    finite = np.where(np.isfinite(values), values, 0.0)
    allowed = _SAME * (np.abs(finite).max(axis=1) + 1)
    mirrored = finite[:, ::-1]
    tests = (
        np.abs(finite[:, CURVE_POINTS // 2]) <= allowed,
        np.diff(finite, axis=1).min(axis=1) >= -allowed,
        np.abs(finite + mirrored).max(axis=1) <= allowed,
        np.abs(finite - mirrored).max(axis=1) <= allowed,
        finite.min(axis=1) >= -allowed,
    )
    bits = sum((test & defined).astype(np.uint8) << bit for bit, test in enumerate(tests))
    return np.asarray(bits, np.uint8)
