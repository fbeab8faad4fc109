"""Evidence for the count of the large space: other points and tolerances, and mpmath.

    python -m builders.reports.large_space [--sample 1000]

Prints the counts that docs/explanation/large_space.md reports.
"""

from __future__ import annotations

import argparse
from typing import Any

import mpmath
import numpy as np

from act_bench.functions.equality import TOLERANCE
from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators import BASELINES
from act_bench.spaces.large import VARIANTS, enumerate_large
from builders.space.exact import binary, unary
from builders.space.reduction import (
    Reduced,
    decision_points,
    exact_partition,
    reduce_space,
    refine,
)

DIGITS = 60
AGREE = 40
"""Decimal digits of mpmath, and to how many two values must agree."""

TOO_LARGE = 1e6
"""No exponential of more is taken: its exponent would fill the memory."""


def evidence(sample: int) -> None:
    """Print what other points and tolerances count, and what mpmath says of merged pairs."""
    reduced = reduce_space(
        VARIANTS["27"], exact_partition, exact_partition, commute=True, baselines=BASELINES
    )
    first = reduced.labels[reduced.first]
    print(f"classes                           {int(first.max()) + 1:>10,}")
    for name, seed, tolerance in (
        ("other random points", 1, TOLERANCE),
        ("tolerance 1e5", 0, 1e5),
        ("tolerance 1e7", 0, 1e7),
    ):
        labels, wild = refine(reduced.layers, reduced.rows, decision_points(seed), tolerance)
        print(f"{name:<34}{int(labels.max()) + 1:>10,}   unknown at the core: {wild}")
    check_merged(reduced, sample)


def check_merged(reduced: Reduced, sample: int) -> None:
    """Compare random pairs that were merged by their values, not by rule, with mpmath."""
    names = enumerate_large("27")
    labels = reduced.labels[reduced.first]
    leaders = np.unique(labels, return_index=True)[1]
    merged = np.setdiff1d(np.arange(len(labels)), leaders)
    chosen = np.random.default_rng(0).choice(merged, min(sample, len(merged)), replace=False)
    points = [Exact(p) for p in ("-3.7123", "-1.1371", "-0.4339", "0.2711", "0.6173", "1.9119")]
    agree, differ, undecided = 0, [], 0
    with mpmath.workdps(DIGITS):
        for row in chosen:
            pair = [names[reduced.first[i]] for i in (row, leaders[labels[row]])]
            verdicts = [point.same(*map(parse, pair)) for point in points]
            if False in verdicts:
                differ.append(pair)
            elif True in verdicts:
                agree += 1
            else:
                undecided += 1
    print(f"rows merged by their values       {len(merged):>10,}")
    print(f"of {len(chosen):,} drawn, with {DIGITS} digits at {len(points)} points:")
    print(f"  the same                        {agree:>10,}")
    print(f"  different                       {len(differ):>10,}")
    print(f"  too large at all points         {undecided:>10,}")
    for pair in differ[:8]:
        print("    " + "  ".join(pair))


class Exact:
    """Values of expressions at a point; None where a number would not fit the memory."""

    def __init__(self, point: str) -> None:
        with mpmath.workdps(DIGITS):
            self.known: dict[Expression, Any] = {parse("x"): mpmath.mpf(point)}

    def same(self, one: Expression, other: Expression) -> bool | None:
        """Return whether two expressions agree here, None where that is not known."""
        a, b = self.value(one), self.value(other)
        if a is None or b is None:
            return None
        if not (mpmath.isfinite(a) and mpmath.isfinite(b)):
            return str(a) == str(b)
        size = max(abs(a), abs(b))
        return bool(size == 0 or abs(a - b) <= size * mpmath.mpf(10) ** -AGREE)

    def value(self, expression: Expression) -> Any:  # mpmath ships no types
        """Return the value, computed once."""
        if expression not in self.known:
            self.known[expression] = self._compute(expression)
        return self.known[expression]

    def _compute(self, expression: Expression) -> Any:
        name = expression.operator
        if name in ("zero", "one"):
            return mpmath.mpf(int(name == "one"))
        arguments = [self.value(argument) for argument in expression.arguments]
        if any(a is None or (mpmath.isfinite(a) and abs(a) > TOO_LARGE) for a in arguments):
            return None
        if any(a == 0 and name == "reciprocal" for a in arguments):
            return mpmath.inf
        try:
            if len(arguments) == 1:
                return unary(name, arguments[0])
            plain = {"sum_n": "add", "prod_n": "mul", "max_n": "max", "min_n": "min"}
            result = arguments[0]
            for argument in arguments[1:]:
                result = binary(plain.get(name, name), result, argument)
        except (ZeroDivisionError, OverflowError, ValueError, TypeError):
            return None  # TypeError: mpmath's Bessel functions of an infinite argument
        return result


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=1000)
    evidence(parser.parse_args().sample)


if __name__ == "__main__":
    main()
