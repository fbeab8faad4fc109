"""What one key of the authors' files is worth: its entry, its outcome, whether its vector is valid.

The rules, whose cases the report of an import counts:

- A key is resolved to an entry as any expression is. One that does not parse or is not in the space
  stays in the recorded file and is not in the table. Where several keys are one entry, the first
  in the file is used; an entry without a key is ``missing``.
- ``diverged``: any metric is ``NaN`` or infinite. (The authors publish medians of three runs, whose
  NaN may come from one run only: the report counts such entries with accuracies above chance.)
  ``ok``: all six metrics are finite and the accuracies are fractions. ``missing``: anything else.
- A Fisher vector is valid if it is there, finite, and of the length that most entries have.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from act_bench.functions.expression import ParseError
from act_bench.spaces.paper import NotInSpaceError, Space
from act_bench.spaces.protocol import Resolution
from act_bench.tables.schema import METRICS
from builders.upstream.stream import UpstreamEntry

KEYS: Final = {name: name.replace("_", " ").title() for name in METRICS}
"""Column -> key in the authors' file: ``train_accuracy`` -> ``Train Accuracy``."""
RUNTIME_KEY: Final = "Runtime (s)"
EQUIVALENT_KEY: Final = "Equivalent Activation Functions"
_KNOWN: Final = {*KEYS.values(), RUNTIME_KEY, EQUIVALENT_KEY}

RECORDED_SCHEMA: Final = pa.schema(
    [
        ("expression", pa.string()),
        ("offset", pa.int64()),
        ("entry", pa.int32()),
        ("how", pa.string()),
        ("used", pa.bool_()),
        ("outcome", pa.string()),
        *((name, pa.float64()) for name in METRICS),
        ("runtime_s", pa.float64()),
        ("equivalent_expressions", pa.list_(pa.string())),
        ("fim_valid", pa.bool_()),
        ("fim_problem", pa.string()),
        ("extra", pa.string()),
    ]
)


class Place(NamedTuple):
    """Something to report: the key, the byte where it begins, and what is the matter."""

    expression: str
    offset: int
    what: str


@dataclass
class Row:
    """A key of a file; the fields that ``RECORDED_SCHEMA`` names are its columns.

    Attributes
    ----------
    expression, offset
        The key as it is spelled there, and the byte where it begins.
    entry, how
        What it resolves to and how; None if to nothing.
    used
        Whether its values are those of the entry: it is the first key of it.
    outcome
        By the rules of this module.
    runtime_s
        Seconds, or None.
    equivalent_expressions
        What the authors list as the same function.
    fim_valid, fim_problem
        Whether its Fisher vector is valid, and why not.
    extra
        Keys that are not known and their values; a JSON text in the recorded file, empty if none.
    unresolved
        Why it is no entry; empty if it is one.
    bins
        Length of the Fisher vector.
    metrics
        The six metrics as recorded, by column; None where there is no number.
    """

    expression: str
    offset: int
    entry: int | None
    how: str | None
    used: bool
    outcome: str
    runtime_s: float | None
    equivalent_expressions: list[str]
    fim_valid: bool
    fim_problem: str
    extra: dict[str, object]
    unresolved: str
    bins: int
    metrics: dict[str, float | None]

    def recorded(self) -> dict[str, object]:
        """Return the row by the columns of ``RECORDED_SCHEMA``."""
        extra = json.dumps(self.extra, sort_keys=True) if self.extra else ""
        values = {**vars(self), **self.metrics, "extra": extra}
        return {name: values[name] for name in RECORDED_SCHEMA.names}


def judge(read: UpstreamEntry, space: Space, problems: list[Place]) -> Row:
    """Judge one key of the file by the rules of this module, as far as it stands alone.

    Parameters
    ----------
    read
        The key and its values.
    space
        Resolves the key to an entry.
    problems
        What is wrong is appended here.

    Returns
    -------
    Row
        Not ``used`` yet; its Fisher vector is valid but for its length.
    """

    def report(what: str) -> None:
        problems.append(Place(read.expression, read.offset, what))

    resolution: Resolution | None = None
    unresolved = ""
    try:
        resolution = space.resolve(read.expression)
    except ParseError as error:
        unresolved = f"no expression: {str(error).splitlines()[0]}"
    except NotInSpaceError:
        unresolved = "not one of the functions of the space"
    metrics = {name: _number(read.values, key, report, needed=True) for name, key in KEYS.items()}
    for name, value in metrics.items():
        if name.endswith("accuracy") and value is not None and not 0 <= value <= 1:
            report(f"{KEYS[name]!r} is {value}, expected a fraction")
    runtime = _number(read.values, RUNTIME_KEY, report, needed=False)
    equivalent = read.values.get(EQUIVALENT_KEY, [])
    if not isinstance(equivalent, list) or not all(isinstance(item, str) for item in equivalent):
        report(f"{EQUIVALENT_KEY!r} is not a list of strings")
        equivalent = []
    fim_problem = read.cdf_problem
    if read.cdf is not None and not np.isfinite(read.cdf).all():
        fim_problem = f"not finite (first at index {int(np.argmin(np.isfinite(read.cdf)))})"
    extra = {key: value for key, value in read.values.items() if key not in _KNOWN}
    return Row(
        expression=read.expression,
        offset=read.offset,
        entry=resolution.entry if resolution else None,
        how=resolution.how if resolution else None,
        used=False,
        outcome=outcome(metrics),
        metrics=metrics,
        runtime_s=runtime if runtime is not None and 0 <= runtime < math.inf else None,
        equivalent_expressions=equivalent,
        fim_valid=not fim_problem,
        fim_problem=fim_problem,
        extra=extra,
        unresolved=unresolved,
        bins=0 if read.cdf is None else len(read.cdf),
    )


def _number(
    values: dict[str, object], key: str, report: Callable[[str], None], *, needed: bool
) -> float | None:
    """Return a number of the file; None, with a word in the report, if it is none."""
    value = values.get(key)
    if key not in values:
        if needed:
            report(f"the key {key!r} is missing")
    elif isinstance(value, bool) or not isinstance(value, int | float):
        report(f"{key!r} is not a number but {type(value).__name__}")
    else:
        try:
            return float(value)
        except OverflowError:
            report(f"{key!r} is a number of {len(str(value))} digits")
    return None


def outcome(metrics: dict[str, float | None]) -> str:
    """Return ``ok``, ``diverged`` or ``missing`` for the six metrics as recorded.

    Examples
    --------
    >>> metrics = dict.fromkeys(METRICS, 0.5)
    >>> outcome(metrics), outcome(metrics | {"test_loss": float("nan")})
    ('ok', 'diverged')
    >>> outcome(metrics | {"test_loss": None}), outcome(metrics | {"test_accuracy": 89.0})
    ('missing', 'missing')
    """
    numbers = [value for value in metrics.values() if value is not None]
    if not all(map(math.isfinite, numbers)):
        return "diverged"
    accuracies = [value for name, value in metrics.items() if name.endswith("accuracy")]
    fractions = all(value is not None and 0 <= value <= 1 for value in accuracies)
    return "ok" if len(numbers) == len(METRICS) and fractions else "missing"


def judge_lengths(rows: Sequence[Row]) -> int:
    """Mark Fisher vectors of another length than most as invalid; return that length, or 0."""
    lengths = Counter(row.bins for row in rows if row.fim_valid)
    if not lengths:
        return 0
    # Of two lengths as frequent the longer, so that the answer does not depend on the order.
    bins = max(lengths, key=lambda length: (lengths[length], length))
    for row in rows:
        if row.fim_valid and row.bins != bins:
            row.fim_valid, row.fim_problem = False, f"wrong length ({row.bins}, expected {bins})"
    return bins
