"""The page of the operators, from their records: formula, domain, limits and a small picture.

    python -m builders.reports.reference.operators

Writes docs/reference/operators.md and docs/images/operators/NAME.svg.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from textwrap import fill
from typing import Final

import numpy as np
from numpy.typing import NDArray

from act_bench.errors import ArgumentError
from act_bench.functions.operators import (
    ALL_OPERATORS,
    BINARY,
    CLAMPED_BINARY,
    CLAMPED_UNARY,
    NARY,
    SMALL,
    SPACE_UNARY,
    SWISH_BINARY,
    SWISH_UNARY,
    UNARY,
    Operator,
)
from builders.reports.reference.thumbnails import SECOND, picture

ROOT = Path(__file__).parents[3]
PAGE: Final = ROOT / "docs" / "reference" / "operators.md"
PICTURES: Final = ROOT / "docs" / "images" / "operators"

_OF_SWISH: Final = [
    name
    for name in (*SWISH_UNARY, *SWISH_BINARY)
    if not {"paper", "large"} & set(ALL_OPERATORS[name].spaces)
]
GROUPS: Final[Sequence[tuple[str, str, Sequence[str]]]] = (
    ("Unary", "The 27 of the 2,913 functions.", SPACE_UNARY),
    ("Unary, of the paper's CoAtNet experiment", "In no table.", UNARY[len(SPACE_UNARY) :]),
    ("Binary", "The 7 of the 2,913 functions.", BINARY),
    ("Of two or more arguments", "Of the large space; folded from the left.", NARY),
    (
        "Clamped",
        "In no table: what the search GRAFS builds functions of.",
        (*CLAMPED_UNARY, *CLAMPED_BINARY),
    ),
    (
        "Of the Swish space alone",
        "Commands read them, and `parse(text, SWISH_OPERATORS)`. *beta* is learned.",
        _OF_SWISH,
    ),
)
"""Heading, what the group is, and the names in it: every built-in operator once."""

_ONE: Final = np.array([-20.0, -2.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.5, 20.0])
_TWO: Final = np.array(
    [*product([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], repeat=2), (1.0, -SMALL)]
).T
_DOMAINS: Final[dict[int, Sequence[tuple[str, Callable[..., NDArray[np.bool_]]]]]] = {
    1: (
        ("all", lambda x: x == x),
        ("x != 0", lambda x: x != 0),
        ("x >= 0", lambda x: x >= 0),
        ("x > 0", lambda x: x > 0),
    ),
    2: (
        ("all", lambda u, v: (u == u) & (v == v)),
        ("v != 0", lambda u, v: (u == u) & (v != 0)),
        (f"v != {-SMALL:g}", lambda u, v: (u == u) & (v != -SMALL)),
        (
            "u > 0; u = 0 where v >= 0; u < 0 where v is whole",
            lambda u, v: (u > 0) | ((u == 0) & (v >= 0)) | ((u < 0) & (v == np.round(v))),
        ),
    ),
}
"""Number of arguments -> domains in words, each with what it says of points; the first that holds.
"""


def domain(operator: Operator) -> str:
    """Return where an operator has a finite value, in words.

    Examples
    --------
    >>> [domain(ALL_OPERATORS[name]) for name in ("relu", "reciprocal", "sqrt", "div")]
    ['all', 'x != 0', 'x >= 0', 'v != 0']
    """
    arguments = (_ONE,) if operator.arity == 1 else tuple(_TWO)
    with np.errstate(all="ignore"):
        finite = np.isfinite(operator.numpy(*arguments))
    for words, holds in _DOMAINS[len(arguments)]:
        if np.array_equal(finite, holds(*arguments)):
            return words
    raise ArgumentError(f"{operator.name}: its domain is none of those that the page has words for")


def limits(operator: Operator) -> tuple[str, str, str]:
    """Return the value of a unary operator at minus infinity, at 0 and at infinity.

    NumPy's implementations reach their limits; where there is none, or no value, it is a dash.

    Examples
    --------
    >>> limits(ALL_OPERATORS["softplus"]), limits(ALL_OPERATORS["reciprocal"])
    (('0', '0.6931', 'inf'), ('0', '-', '0'))
    """
    with np.errstate(all="ignore"):
        low, left, right, high = operator.numpy(np.array([-np.inf, -0.0, 0.0, np.inf])).tolist()
    low, middle, high = (
        "-" if value != value else f"{value + 0.0:.4g}"  # + 0.0: one zero
        for value in (low, right if left == right else np.nan, high)
    )
    return low, middle, high


def page() -> str:
    """Return the page."""
    opening = (
        "What expressions are made of, from their records in `act_bench/functions/operators/` "
        "(`python -m builders.reports.reference.operators`); how they are written is on the page "
        "of the [grammar](grammar.md), and [add-an-operator.md](../how-to/add-an-operator.md) adds "
        "one. The domain is where the value is a finite number. The limits are the values at minus "
        "infinity and at infinity; *-* says that there is none. What is learned has its initial "
        "value. Pictures show -4 to 4 on both axes; operators of two arguments over u, at "
        f"v = {SECOND[0]:g} (blue), {SECOND[1]:g} (orange) and {SECOND[2]:g} (green)."
    )
    lines = ["# Operators", "", fill(opening, 116)]
    for heading, about, names in GROUPS:
        lines += ["", f"## {heading}", "", f"{about} {len(names)} operators."]
        operators = [ALL_OPERATORS[name] for name in names]
        for one in (True, False):
            if some := [each for each in operators if (each.arity == 1) == one]:
                lines += ["", *_table(some, one)]
    lines += ["", "Terms: [glossary](glossary.md).", ""]
    return "\n".join(lines)


def _table(operators: Sequence[Operator], unary: bool) -> Iterator[str]:
    columns = ["", "operator", "formula", "domain"]
    columns += ["at -inf", "at 0", "at inf"] if unary else ["arguments may be swapped"]
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for operator in operators:
        more = limits(operator) if unary else ("yes" if operator.commutative else "no",)
        cells = [
            f"![{operator.name}](../images/operators/{operator.name}.svg)",
            f"`{operator.name}`",
            f"`{operator.formula}`".replace("|", "\\|"),
            domain(operator),
            *more,
        ]
        yield f"| {' | '.join(cells)} |"


def pictures() -> dict[Path, str]:
    """Return each picture by its path."""
    names = [name for _, _, group in GROUPS for name in group]
    return {PICTURES / f"{name}.svg": picture(ALL_OPERATORS[name]) for name in names}


def main() -> None:
    """Write the page and the pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for path, text in pictures().items():
        path.write_text(text, encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
