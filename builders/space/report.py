"""The evidence for the canonical classes, as Markdown: ``python -m builders.space report``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import mpmath
import numpy as np
from numpy.typing import NDArray

from act_bench.files.atomic import replacing
from act_bench.functions.equality import Scaled, space_values
from act_bench.functions.numeric import Array
from act_bench.spaces.paper import Space
from builders.embedded import BuildError
from builders.space.cells import REACH, cell_grid, crossings
from builders.space.classes import Labels, canonical_classes, entries, widest_within
from builders.space.exact import DIGITS, EQUAL_DIGITS, exact_classes
from builders.space.outputs import figure_points, space_outputs

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "explanation" / "space.md"
BEGIN: Final = "<!-- begin: python -m builders.space report -->"
END: Final = "<!-- end -->"

TAILS: Final = (-11.7, -9.3, -6.1, -5.3, 5.1, 6.5, 9.3, 11.7)
"""A point in each cell beyond the grid, and more; mpmath only: float64 overflows there."""

SEEDS: Final = 20
ISOLATED: Final = (0.0, *(float(sign * n) for n in range(1, 5) for sign in (-1, 1)))
"""Where functions that are equal almost everywhere may yet differ."""


class Split(NamedTuple):
    """Two entries of one canonical class.

    Attributes
    ----------
    first, other : str
        Their first spellings; ``first`` is the lowest entry of the class.
    reason : str
        The identity that makes them one function.
    """

    first: str
    other: str
    reason: str


# Names that two spellings have between them -> why they are equal and round differently. The
# first that applies is the reason.
_IDENTITIES: Final[tuple[tuple[frozenset[str], str], ...]] = tuple(
    (frozenset(names.split()), reason)
    for names, reason in (
        ("elu expm1", "elu(x) = expm1(x) for x <= 0"),
        ("erf erfc", "erf(x) + erfc(x) = 1"),
        ("softplus log_sigmoid", "log_sigmoid(x) = x - softplus(x)"),
        ("reciprocal", "1/x is rounded before it is used"),
        ("swish sigmoid", "swish(x) = x sigmoid(x)"),
        ("swish exp", "x - swish(x) = swish(x) / exp(x)"),
        ("softsign", "softsign(x) = x / (1 + abs(x))"),
        ("sinh expm1 sigmoid", "(exp(x) - 1) (1 + exp(-x)) = 2 sinh(x)"),
        ("sinh", "sinh, cosh, tanh and exp: hyperbolic identities"),
        ("cosh", "sinh, cosh, tanh and exp: hyperbolic identities"),
        ("sigmoid exp", "sigmoid(x) = exp(x) / (1 + exp(x))"),
        ("exp expm1", "expm1(x) = exp(x) - 1"),
        ("exp log_sigmoid", "sigmoid(x)^x = exp(x log_sigmoid(x))"),
        ("square", "x^2 is rounded before it is divided"),
    )
)


def splits(space: Space) -> Iterator[Split]:
    """Yield every pair of entries that are one function, which differ by rounding only.

    Raises
    ------
    BuildError
        A pair has no reason that is known here.
    """
    members: dict[int, list[str]] = defaultdict(list)
    for name, number in zip(space.representatives, space.canonical_class, strict=True):
        members[number].append(name)
    for first, *others in members.values():
        for other in others:
            yield Split(first, other, reason(first, other))


def reason(first: str, other: str) -> str:
    """Return the identity that makes two spellings one function.

    Examples
    --------
    >>> reason("add(zero(x),swish(x))", "div(sigmoid(x),reciprocal(x))")
    '1/x is rounded before it is used'
    """
    names = set(f"{first}({other}".replace("(x)", "").replace(",", "(").replace(")", "").split("("))
    for needed, text in _IDENTITIES:
        if needed <= names:
            return text
    raise BuildError(f"{first} and {other} are one function, for a reason that is not listed here")


def points_in_cells(boundaries: Array, seed: int) -> Array:
    """Return a random point in each cell of the grid's range."""
    ends = np.concatenate([[-REACH], boundaries[np.abs(boundaries) < REACH], [REACH]])
    return ends[:-1] + np.random.default_rng(seed).uniform(size=len(ends) - 1) * np.diff(ends)


def count(points: Array, tolerance: float = 1e6) -> int:
    """Return the number of classes on a grid."""
    return int(canonical_classes(space_values(points), tolerance).max()) + 1


def report(space: Space) -> str:
    """Return the evidence: counts, stability, alternatives and the list of split classes."""
    labels = np.array([space.canonical_class[space.entry_of[name]] for name in space.expressions])
    parts = [
        _counts(space),
        _stability(space.grid, labels),
        _alternatives(space.grid),
        _disagreements(space),
    ]
    return "\n\n".join(parts) + "\n"


def write(text: str, document: Path = DOCUMENT) -> None:
    """Put the report between its two marks in the document."""
    head, rest = document.read_text(encoding="utf-8").split(BEGIN)
    tail = rest.split(END)[1]
    with replacing(document) as draft:
        draft.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{tail}", encoding="utf-8")


def _counts(space: Space) -> str:
    sizes = Counter(Counter(space.canonical_class).values())
    spread = ", ".join(f"{number} of {size}" for size, number in sorted(sizes.items()))
    entry_count, classes = len(space.representatives), len(set(space.canonical_class))
    return (
        f"**{len(space.expressions):,} expressions, {entry_count:,} entries, {classes:,} "
        f"canonical classes.** Classes by number of entries: {spread}. So {entry_count - classes} "
        "entries repeat a function that has a lower entry. No entry holds two classes."
    )


def _stability(grid: Array, labels: Labels) -> str:
    boundaries = crossings()
    values = space_values(grid)
    inner, outer = (boundaries[np.abs(boundaries) < REACH], boundaries[np.abs(boundaries) > REACH])
    middles = np.convolve(np.concatenate([[-REACH], inner, [REACH]]), [0.5, 0.5], "valid")
    exact = exact_classes(np.random.default_rng(0).permutation([*middles, *TAILS]))
    drawn = {_agreement(points_in_cells(boundaries, seed), labels) for seed in range(SEEDS)}
    rows = [
        ("the stored grid: two points in each cell", len(grid), _agreement(grid, labels)),
        ("crossings searched again, in [-40, 40]", *_same(cell_grid(crossings(40.0)), labels)),
        ("the 80 points of Figure 3", *_same(figure_points(), labels)),
        ("1,000 draws of the reference code's kind", *_same(_within(figure_points(1000)), labels)),
        (
            f"one random point in each cell, {SEEDS} seeds",
            len(middles),
            " / ".join(sorted(drawn)),
        ),
        (
            f"mpmath, {DIGITS} digits: the middle of each cell, and {len(TAILS)} points beyond",
            len(middles) + len(TAILS),
            _verdict(np.array(exact.labels), labels),
        ),
    ]
    tolerances = 10.0 ** np.arange(-1, 15)
    counts = [int(canonical_classes(values, tolerance).max()) + 1 for tolerance in tolerances]
    regular = [(n, count(np.linspace(-4.41, 4.33, n))) for n in (20, 40, 80, 160, 320)]
    draws = Counter(count(_within(figure_points(80, seed))) for seed in range(100))
    lines = [
        "### Stability",
        "",
        (
            f"There are {len(inner) + 1} cells in [-{REACH}, {REACH}], the narrowest "
            f"{np.diff(inner).min():.1e} wide, and {len(outer)} crossings beyond: "
            f"{', '.join(f'{x:.4f}' for x in outer)}."
        ),
        "",
        "| decided on | points | classes |",
        "|---|---|---|",
        *(f"| {what} | {points:,} | {verdict} |" for what, points, verdict in rows),
        "",
        (
            f"Within a class, evaluations lie at most {widest_within(values, labels):.2f} units of "
            "rounding apart. The number of classes by tolerance, in the same units:"
        ),
        "",
        "| tolerance | " + " | ".join(f"1e{int(np.log10(t)):d}" for t in tolerances) + " |",
        "|---|" + "---|" * len(counts),
        "| classes | " + " | ".join(f"{number:,}" for number in counts) + " |",
        "",
        (
            "mpmath: neighbors that stayed together differ relatively by at most "
            f"{mpmath.nstr(exact.largest_within, 2)}, neighbors that were separated by at least "
            f"{mpmath.nstr(exact.smallest_cut, 2)} (equal means: to {EQUAL_DIGITS} digits)."
        ),
        "",
        "What does move the number is a grid that leaves out a cell. Regular grids over "
        "[-4.41, 4.33]: "
        + ", ".join(f"{n} points {number:,}" for n, number in regular)
        + ". 80 normal draws, 100 seeds: "
        + ", ".join(f"{number:,} for {seeds}" for number, seeds in sorted(draws.items()))
        + ".",
    ]
    return "\n".join(lines)


def _alternatives(grid: Array) -> str:
    values = space_values(grid)
    undefined = Scaled(np.where(np.isfinite(values.value), values.value, np.nan), values.scale)
    pointwise = space_values(np.concatenate([grid, ISOLATED]))
    near = grid[np.abs(grid) <= 1]
    rows = [
        ("equal almost everywhere, infinities and NaN distinguished", values),
        ("the same, infinities and NaN taken as one value, undefined", undefined),
        ("equal at x = 0, ±1, ±2, ±3, ±4 as well, by IEEE 754 in float64 there", pointwise),
        ("equal almost everywhere in [-1, 1]", space_values(near)),
    ]
    rounded = entries(space_outputs(figure_points())).max() + 1
    lines = [
        "### Other rules",
        "",
        "| rule | classes |",
        "|---|---|",
        *(f"| {what} | {int(canonical_classes(kept).max()) + 1:,} |" for what, kept in rows),
        f"| float64 outputs at the 80 points, rounded to float32, bit by bit | {rounded:,} |",
    ]
    return "\n".join(lines)


def _disagreements(space: Space) -> str:
    found = list(splits(space))
    by_reason = Counter(split.reason for split in found)
    number = {name: entry for entry, name in enumerate(space.representatives)}
    lines = [
        "### Where the two partitions disagree",
        "",
        (
            "Entries that hold functions of two classes: none. Entries that are the same function "
            f"as a lower entry: {len(found)}, all by rounding in float32:"
        ),
        "",
        "| identity | entries |",
        "|---|---|",
        *(f"| {what} | {many} |" for what, many in by_reason.most_common()),
        "",
        "| entry | | is the function of entry | | because |",
        "|---|---|---|---|---|",
        *(
            f"| {number[split.other]} | `{split.other}` | {number[split.first]} "
            f"| `{split.first}` | {split.reason} |"
            for split in sorted(found, key=lambda split: number[split.other])
        ),
    ]
    return "\n".join(lines)


def _same(points: Array, labels: Labels) -> tuple[int, str]:
    return len(points), _agreement(points, labels)


def _agreement(points: Array, labels: Labels) -> str:
    return _verdict(canonical_classes(space_values(points)), labels)


def _verdict(found: NDArray[np.int64], labels: Labels) -> str:
    verdict = "the same partition" if np.array_equal(found, labels) else "ANOTHER PARTITION"
    return f"{int(found.max()) + 1:,}, {verdict}"


def _within(points: Sequence[float] | Array) -> Array:
    """Leave out points beyond the grid's range, where float64 saturates and overflows."""
    points = np.asarray(points)
    return points[np.abs(points) < REACH]
