"""Make ``limits.parquet``: what entries tend to at 0 where their formula gives no number.

``python -m builders.space.limits`` writes the file and the manifest. Where float64 gives no number
at 0, for the value or for the slope, the function is evaluated on both sides with mpmath at 120
digits, so near to 0 that one step of extrapolation leaves some fifty digits. It has a limit where
both sides converge to the same number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import mpmath
import numpy as np
import pyarrow as pa
from mpmath import mpf

from act_bench.files.manifest import LIMITS_FILE, FileRecord
from act_bench.functions.expression import Expression, parse
from act_bench.publishing.parquet import write_table
from act_bench.spaces.limits import Limit
from act_bench.spaces.paper import load_space
from act_bench.tables.schema import LIMIT_COLUMNS
from builders.command import data_folder_option
from builders.embedded import origin, write_manifest
from builders.space.exact import DIGITS, Number, binary, unary

_NEAR: Final = 25
_SAME_DIGITS: Final = 20
"""Digits to which two estimates agree where there is a limit; its error is that of h^2 = 1e-50."""


def defined_at_zero(expression: Expression) -> bool:
    """Return whether float64 gives numbers for the value and the slope at 0 and at -0.

    Examples
    --------
    >>> defined_at_zero(parse("div(sinh(x),cosh(x))")), defined_at_zero(parse("div(x,sinh(x))"))
    (True, False)
    """
    zeros = np.array([0.0, -0.0])
    with np.errstate(all="ignore"):
        found = [expression.to_numpy()(zeros), expression.derivative()(zeros)]
    return bool(np.isfinite(found).all())


def limit_at_zero(expression: Expression) -> Limit | None:
    """Return what an expression of the space tends to at 0, or None where it has no limit.

    A function without a finite slope on either side counts as one without a limit.

    Examples
    --------
    >>> limit_at_zero(parse("div(identity(x),elu(x))"))
    Limit(value=1.0, slope=-0.25)
    >>> limit_at_zero(parse("div(identity(x),abs(x))")) is None
    True
    """
    left, right = (argument.operator for argument in expression.arguments)
    with mpmath.workdps(DIGITS):

        def value(x: Number) -> Number:
            return binary(expression.operator, unary(left, x), unary(right, x))

        from_above, from_below = _side(value, 1), _side(value, -1)
        if from_above is None or from_below is None:
            return None
        (above, slope_above), (below, slope_below) = from_above, from_below
        if not _same(above, below):
            return None
        slope = (slope_above + slope_below) / 2
        # What is left of 0 is the error of the extrapolation.
        return Limit(*(0.0 if _same(each, 0) else float(each) for each in (above, slope)))


def _side(value: Number, sign: int) -> tuple[Number, Number] | None:
    """Return limit and slope from one side, or None where they do not converge."""
    found = []
    for digits in (_NEAR, _NEAR + 3):
        h = sign * mpf(10) ** -digits
        one, two = value(h), value(2 * h)
        if not (mpmath.isfinite(one) and mpmath.isfinite(two)):
            return None
        found.append((2 * one - two, (two - one) / h))
    (limit, slope), (nearer, slope_nearer) = found
    return (limit, slope) if _same(limit, nearer) and _same(slope, slope_nearer) else None


def _same(one: Number, other: Number) -> bool:
    return bool(abs(one - other) < mpf(10) ** -_SAME_DIGITS)


def find_limits() -> dict[int, Limit]:
    """Return the limits of the entries that are not defined at 0: entry -> limit."""
    trees = [parse(text) for text in load_space().representatives]
    limits = {
        entry: limit_at_zero(tree) for entry, tree in enumerate(trees) if not defined_at_zero(tree)
    }
    return {entry: limit for entry, limit in limits.items() if limit is not None}


def build(folder: Path) -> dict[str, FileRecord]:
    """Write the file and the manifest to ``folder``."""
    limits = find_limits()
    entries = range(len(load_space().representatives))
    about = {
        "table": "limits",
        **origin("python -m builders.space.limits"),
        "mpmath": mpmath.__version__,
    }
    rows = {
        "entry": pa.array(entries, pa.int32()),
        "limit_at_zero": [limits[e].value if e in limits else None for e in entries],
        "slope_at_zero": [limits[e].slope if e in limits else None for e in entries],
    }
    write_table(pa.table(rows), LIMIT_COLUMNS, folder / LIMITS_FILE, about)
    return write_manifest(folder)


@click.command()
@data_folder_option
def main(folder: Path) -> None:
    """Write limits.parquet and the manifest."""
    record = build(folder)[LIMITS_FILE]
    limits = find_limits()
    click.echo(f"{record.name}: {len(limits)} of {record.rows} entries, {record.bytes} bytes")


if __name__ == "__main__":
    main()
