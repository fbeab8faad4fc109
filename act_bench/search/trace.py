"""Traces: the record of one search, as JSON lines, that anybody can replay.

The first line is a header; then comes one line an event, in order: ``query``, ``charge`` and, as
the last, ``reveal``.

.. code-block:: text

    {"type": "header", "format": 2, "table": "mlp", "edition": "regenerated", "fidelity": "full",
     "run_seed": null, "rate": "own", "data_sha256": "...", "optimizer": {"name": "knn",
     "settings": {"neighbours": 3}, "seed": 7, "workers": 1}, "versions": {"act-bench": ...}}
    {"type": "query", "expression": "relu(x)", "outcome": "ok", "validation_accuracy": 0.95,
     "cost_s": 9.1, "entry": 64, "how_resolved": "numerical", "score": 0.95, "repeated": false,
     "epochs": null, "learning_rate": 0.2, "clock_s": 9.1, "rate": null}

The header names the data by their SHA-256 and the optimizer by its name, settings and seed, so that
``act_bench.search.verify`` can check that the data are those, that each answer is what the data
say, and that the optimizer, run again, asks the same questions. Floats are written in full and
compared bit by bit.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple, cast

from act_bench.errors import ActBenchError, ArgumentTypeError, ExitCode, excerpt
from act_bench.files.atomic import replacing
from act_bench.files.documents import check_types, parse_object, read_lines
from act_bench.search.benchmark_data import SearchData
from act_bench.search.events import Charge, Event, Query, Result, Revealed, Searcher
from act_bench.tables.rates import View, as_view
from act_bench.tables.schema import UnknownNameError

FORMAT = 2
"""What is written. Format 1, without learning rates, is still read."""

PROTOCOL: Final = "protocol"
"""Key of the versions of a header: of the protocol that the search belongs to, if any."""

Json = dict[str, object]


class TraceError(ActBenchError, ValueError):
    """A file that is no trace; the message names the line.

    Attributes
    ----------
    line : int
        Number of the line at fault, from 1.
    """

    exit_code = ExitCode.DATA

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"line {line}: {reason}")


class Header(NamedTuple):
    """The first line of a trace: what was searched, by whom, with which versions.

    Attributes
    ----------
    table, edition, fidelity : str
        As in ``Benchmark``.
    run_seed : int or None
        The ``seed`` of the ``Benchmark``: that of the runs, not that of the search.
    data_sha256 : str
        Of the file that the answers came from.
    optimizer : Searcher or None
        Name, settings and seed; None when a person asked.
    versions : dict
        Of this package, NumPy and Python; of the protocol, where the search belongs to one.
    rate : str or float
        Which learning rate the answers are of: ``own``, ``tuned`` or a number.
    """

    table: str
    edition: str
    fidelity: str
    run_seed: int | None
    data_sha256: str
    optimizer: Searcher | None
    versions: dict[str, str]
    rate: View = "own"

    @classmethod
    def of(cls, data: SearchData, searcher: Searcher | None) -> Header:
        """Return the header of a search by ``searcher`` over ``data``, made here and now."""
        return cls(
            table=data.table,
            edition=data.edition,
            fidelity=data.fidelity,
            run_seed=data.seed,
            data_sha256=data.sha256,
            optimizer=searcher,
            versions=versions(),
            rate=data.rate,
        )


class Trace(NamedTuple):
    """The record of one search: a header and the events in order.

    Attributes
    ----------
    header : Header
    events : sequence of Event
    format : int
        In which it was written; traces of format 1 say nothing of learning rates.
    """

    header: Header
    events: Sequence[Event]
    format: int = FORMAT

    @property
    def protocol(self) -> int | None:
        """Version of the protocol that the search belongs to, if any."""
        found = self.header.versions.get(PROTOCOL, "")
        return int(found) if found.isdecimal() else None

    def of_protocol(self, protocol: int) -> Trace:
        """Return the trace as one that belongs to a version of the protocol."""
        made = self.header.versions | {PROTOCOL: str(protocol)}
        return self._replace(header=self.header._replace(versions=made))

    @property
    def clock_is_lower_bound(self) -> bool:
        """Whether the data did not say what some trainings took, which the clock lacks."""
        queries = (event for event in self.events if isinstance(event, Query))
        return any(query.result.cost_s is None for query in queries)

    def lines(self) -> Iterator[str]:
        """Yield the trace as lines of JSON, without line ends."""
        optimizer = self.header.optimizer
        header: Json = {"type": "header", "format": self.format, **self.header._asdict()}
        header["optimizer"] = None if optimizer is None else optimizer._asdict()
        if self.format == 1:
            del header["rate"]
        yield json.dumps(header, allow_nan=False, default=_of_python)
        for event in self.events:
            yield json.dumps(event_to_json(event, self.format), allow_nan=False, default=_of_python)

    def save(self, path: str | Path) -> None:
        """Write the trace to a file, which appears whole or not at all.

        Parameters
        ----------
        path : str or Path
            Its folder must exist. A file of that name is replaced.
        """
        with replacing(path) as draft, draft.open("w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in self.lines())


def read_trace(path: str | Path) -> Trace:
    """Read a trace.

    Raises
    ------
    TraceError
        The file is no trace: the message names the line and what was expected there.
    OSError
        The file cannot be read.
    """
    header: Header | None = None
    trace_format = FORMAT
    events: list[Event] = []
    lines = 0
    try:
        for line in read_lines(Path(path)):
            lines += 1
            fields = _fields(line, lines)
            if header is None:
                trace_format = _format(fields)
                header = _header_from_json(fields, lines)
            elif events and isinstance(events[-1], Revealed):
                raise TraceError(lines, "nothing may follow the line of type 'reveal'")
            else:
                events.append(_event_from_json(fields, lines, trace_format))
    except TraceError:
        raise
    except ValueError as error:  # of the line that comes next
        raise TraceError(lines + 1, str(error)) from None
    if header is None:
        raise TraceError(1, "the file is empty: expected a header")
    return Trace(header, tuple(events), trace_format)


@cache
def versions() -> dict[str, str]:
    """Return the versions that a header names: those of this package, NumPy and Python."""
    return {
        "act-bench": version("act-bench"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }


KINDS: Final[dict[type[Event], str]] = {Query: "query", Charge: "charge", Revealed: "reveal"}
"""Event -> the type of its line."""

# The fields of each line and the JSON types that they may have.
_NUMBER = (int, float)
_MAYBE = (int, float, type(None))
_FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "header": {
        "format": (int,),
        "table": (str,),
        "edition": (str,),
        "fidelity": (str,),
        "run_seed": (int, type(None)),
        "rate": (str, int, float),
        "data_sha256": (str,),
        "optimizer": (dict, type(None)),
        "versions": (dict,),
    },
    "optimizer": {"name": (str,), "settings": (dict,), "seed": (int,), "workers": (int,)},
    "query": {
        "expression": (str,),
        "outcome": (str,),
        "validation_accuracy": _MAYBE,
        "cost_s": _MAYBE,
        "entry": (int,),
        "how_resolved": (str,),
        "score": _MAYBE,
        "repeated": (bool,),
        "epochs": (int, type(None)),
        "learning_rate": _MAYBE,
        "clock_s": _NUMBER,
        "rate": _MAYBE,
    },
    "charge": {"reason": (str,), "cost_s": _NUMBER, "clock_s": _NUMBER},
    "reveal": {
        "entry": (int,),
        "expression": (str,),
        "validation_accuracy": _MAYBE,
        "test_accuracy": _MAYBE,
        "test_loss": _MAYBE,
        "evaluations": (int,),
        "clock_s": _NUMBER,
    },
}


SETTING: Final = (bool, int, float, str, type(None))
"""What a setting of an optimizer may be; see ``act_bench.search.events.Setting``."""

_SINCE_2 = {"header": ("rate",), "query": ("learning_rate", "rate")}
"""Fields that format 1 has not."""


def event_to_json(event: Event, trace_format: int = FORMAT) -> Json:
    """Return the fields of the line of an event, as a format has them."""
    kind = KINDS[type(event)]
    if not isinstance(event, Query):
        return {"type": kind, **event._asdict()}
    result = event.result._asdict()
    fields = {"type": kind, "expression": event.expression, **result, "clock_s": event.clock_s}
    if trace_format == 1:
        del fields["learning_rate"]
        return fields
    return fields | {"rate": event.rate}


def _event_from_json(fields: Json, number: int, trace_format: int) -> Event:
    kind = fields.pop("type", None)
    if kind not in ("query", "charge", "reveal"):
        raise TraceError(number, f"expected type query, charge or reveal, got {excerpt(kind)}")
    _check_fields(fields, str(kind), number, trace_format)
    # The types of the fields were checked against the table above.
    if kind == "query":
        expression, clock_s = fields.pop("expression"), fields.pop("clock_s")
        rate = fields.pop("rate", None)
        result = Result(**fields)  # type: ignore[arg-type]
        return Query(
            cast("str", expression), result, cast("float", clock_s), cast("float | None", rate)
        )
    return Charge(**fields) if kind == "charge" else Revealed(**fields)  # type: ignore[arg-type]


def _format(header: Json) -> int:
    """Return the format that a header names; 0 where it names none."""
    found = header.get("format")
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _header_from_json(fields: Json, number: int) -> Header:
    if fields.pop("type", None) != "header":
        raise TraceError(number, "expected a header, a line of type 'header'")
    trace_format = _format(fields)
    if trace_format not in (1, FORMAT):
        raise TraceError(
            number,
            f"format {excerpt(fields.get('format'))} is not known, expected 1 or {FORMAT}: "
            "the trace was made by another version of act-bench",
        )
    _check_fields(fields, "header", number, trace_format)
    _check_values(fields, "versions", (str,), number)
    del fields["format"]
    optimizer = fields.pop("optimizer")
    searcher = None
    if isinstance(optimizer, dict):
        _check_fields(optimizer, "optimizer", number, FORMAT)
        _check_values(optimizer, "settings", SETTING, number)
        searcher = Searcher(**optimizer)
    if "rate" in fields:
        try:
            fields["rate"] = view_of(cast("str | float", fields["rate"]))
        except UnknownNameError as error:
            raise TraceError(number, str(error)) from None
    return Header(**fields, optimizer=searcher)  # type: ignore[arg-type]


def view_of(rate: str | float) -> View:
    """Return the view that a trace names; the recipe's own rate was called ``default`` at first.

    Examples
    --------
    >>> view_of("default"), view_of("tuned"), view_of(0.1)
    ('own', 'tuned', 0.1)
    """
    return as_view(cast("View", "own" if rate == "default" else rate))


def _check_fields(fields: Json, kind: str, number: int, trace_format: int) -> None:
    expected = dict(_FIELDS[kind])
    if trace_format == 1:
        for name in _SINCE_2.get(kind, ()):
            del expected[name]
    if fields.keys() != expected.keys():
        missing = ", ".join(sorted(expected.keys() - fields.keys())) or "none"
        unknown = ", ".join(sorted(fields.keys() - expected.keys()))[:200] or "none"
        raise TraceError(number, f"{kind}: fields missing: {missing}; fields unknown: {unknown}")
    try:
        check_types(fields, expected)
    except ValueError as error:
        raise TraceError(number, f"{kind}: {error}") from None


def _of_python(value: object) -> object:
    """Return a number of NumPy, from data of a user's own, as one of Python."""
    item = getattr(value, "item", None)
    if callable(item):
        return item()
    raise ArgumentTypeError(f"{value!r} of type {type(value).__name__} has no place in a trace")


def _check_values(fields: Json, name: str, types: tuple[type, ...], number: int) -> None:
    """Check the values of an object in a header."""
    values = cast("Json", fields[name])
    try:
        check_types(values, dict.fromkeys(values, types))
    except ValueError as error:
        raise TraceError(number, f"{name}: {error}") from None


def _fields(line: str, number: int) -> Json:
    try:
        return parse_object(line)
    except ValueError as error:
        raise TraceError(number, f"expected a JSON object, got {excerpt(line)}: {error}") from None
