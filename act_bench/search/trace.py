"""Traces: the record of one search, as JSON lines, that anybody can replay.

The first line is a header; then comes one line an event, in order: ``query``, ``charge`` and, as
the last, ``reveal``.

.. code-block:: text

    {"type": "header", "format": 1, "table": "mlp", "edition": "regenerated", "fidelity": "full",
     "run_seed": null, "data_sha256": "...", "optimizer": {"name": "knn", "settings":
     {"neighbours": 3}, "seed": 7, "workers": 1}, "versions": {"act-bench": "0.1.0", ...}}
    {"type": "query", "expression": "relu(x)", "outcome": "ok", "validation_accuracy": 0.95,
     "cost_s": 9.1, "entry": 64, "how_resolved": "numerical", "score": 0.95, "repeated": false,
     "epochs": null, "clock_s": 9.1}

The header names the data by their SHA-256 and the optimiser by its name, settings and seed, so that
:func:`verify` can check that the data are those, that each answer is what the data say, and that
the optimiser, run again, asks the same questions. Floats are written in full and compared bit by
bit.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, cast

from act_bench.errors import ActBenchError, ExitCode
from act_bench.files.atomic import replacing
from act_bench.search.benchmark import Benchmark, Charge, Event, Query, Result, Revealed, Searcher
from act_bench.search.benchmark_data import SearchData, load_data

FORMAT = 1

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
        Of this package, NumPy and Python.
    """

    table: str
    edition: str
    fidelity: str
    run_seed: int | None
    data_sha256: str
    optimizer: Searcher | None
    versions: dict[str, str]

    @classmethod
    def of(cls, data: SearchData, searcher: Searcher | None) -> Header:
        """Return the header of a search by ``searcher`` over ``data``, made here and now."""
        return cls(
            data.table, data.edition, data.fidelity, data.seed, data.sha256, searcher, _versions()
        )


class Trace(NamedTuple):
    """The record of one search: a header and the events in order."""

    header: Header
    events: Sequence[Event]

    def lines(self) -> Iterator[str]:
        """Yield the trace as lines of JSON, without line ends."""
        optimizer = self.header.optimizer
        header: Json = {"type": "header", "format": FORMAT, **self.header._asdict()}
        header["optimizer"] = None if optimizer is None else optimizer._asdict()
        yield json.dumps(header, allow_nan=False)
        for event in self.events:
            yield json.dumps(_event_to_json(event), allow_nan=False)

    def save(self, path: str | Path) -> None:
        """Write the trace to a file, which appears whole or not at all.

        Parameters
        ----------
        path : str or Path
            Its folder must exist. A file of that name is replaced.
        """
        with replacing(path) as draft, draft.open("w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in self.lines())


class Check(NamedTuple):
    """One check of :func:`verify`.

    Attributes
    ----------
    name : {"format", "data", "answers", "rerun"}
    passed : bool or None
        None when it could not be made; ``detail`` says why.
    detail : str
        In words.
    line : int or None
        The line of the trace that failed.
    """

    name: str
    passed: bool | None
    detail: str
    line: int | None = None


Rerun = Callable[[Trace, SearchData], Trace | None]
"""Runs the optimiser of a trace again; None when the name of the optimiser is not known."""


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
    events: list[Event] = []
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TraceError(1, f"expected UTF-8 text, got {error.reason}") from None
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            fields = json.loads(line, parse_constant=_refuse_constant)
        except ValueError as error:
            raise TraceError(
                number, f"expected a JSON object, got {line[:60]!r}: {error}"
            ) from None
        if not isinstance(fields, dict):
            raise TraceError(number, f"expected a JSON object, got {line[:60]!r}")
        if header is None:
            header = _header_from_json(fields, number)
        elif events and isinstance(events[-1], Revealed):
            raise TraceError(number, "nothing may follow the line of type 'reveal'")
        else:
            events.append(_event_from_json(fields, number))
    if header is None:
        raise TraceError(1, "the file is empty: expected a header")
    return Trace(header, tuple(events))


def verify(
    path: str | Path, *, data: SearchData | None = None, rerun: Rerun | None = None
) -> list[Check]:
    """Check a trace against the data, and against its optimiser run again.

    Parameters
    ----------
    path : str or Path
        The trace.
    data : SearchData, optional
        What to check against; default: what the header names.
    rerun : callable, optional
        Runs the optimiser again, such as ``surrogates.simulation.rerun``. Default: no such check.

    Returns
    -------
    list of Check
        ``format``: the file is a trace. ``data``: its SHA-256 is that of the data here.
        ``answers``: every line is what the data say. ``rerun``: the optimiser asks the same again.
        After a failed ``format`` the others are left out.

    Raises
    ------
    OSError
        The file cannot be read.
    act_bench.tables.manifest.DataError
        The data it names are absent or damaged.
    """
    try:
        trace = read_trace(path)
    except TraceError as error:
        return [Check("format", passed=False, detail=error.reason, line=error.line)]
    header = trace.header
    checks = [Check("format", passed=True, detail=f"a trace of {len(trace.events)} events")]
    if data is None:
        try:
            data = load_data(header.table, header.fidelity, header.edition, header.run_seed)
        except ValueError as error:  # a table, fidelity, edition or seed that is not known
            return [*checks, Check("data", passed=False, detail=str(error), line=1)]
    checks.append(_check_data(header, data))
    checks.append(_check_answers(trace, data))
    if rerun is not None:
        checks.append(_check_rerun(trace, data, rerun))
    return checks


def _check_data(header: Header, data: SearchData) -> Check:
    if header.data_sha256 == data.sha256:
        return Check("data", passed=True, detail=f"SHA-256 {data.sha256[:12]}... as here")
    return Check(
        "data",
        passed=False,
        detail=f"the trace was made on data with SHA-256 {header.data_sha256}, those here have "
        f"{data.sha256}: install act-bench {header.versions.get('act-bench', '?')}, which made it",
        line=1,
    )


def _check_answers(trace: Trace, data: SearchData) -> Check:
    bench = Benchmark(data, searcher=trace.header.optimizer)
    for number, event in enumerate(trace.events, start=2):
        try:
            if isinstance(event, Query):
                bench.query(event.expression, event.result.epochs)
            elif isinstance(event, Charge):
                bench.charge(event.cost_s, event.reason)
            else:
                bench.reveal()
        except (ValueError, LookupError) as error:
            return Check("answers", passed=False, detail=str(error), line=number)
        difference = _difference(event, bench.events[-1])
        if difference:
            return Check("answers", passed=False, detail=difference, line=number)
    return Check("answers", passed=True, detail="every line is what the data say")


def _check_rerun(trace: Trace, data: SearchData, rerun: Rerun) -> Check:
    optimizer = trace.header.optimizer
    if optimizer is None:
        return Check("rerun", passed=None, detail="the trace names no optimiser")
    try:
        again = rerun(trace, data)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        detail = f"{optimizer.name} cannot be run again with the settings of the header: {error}"
        return Check("rerun", passed=False, detail=detail, line=1)
    except ImportError as error:  # an extra that is not installed
        return Check("rerun", passed=None, detail=str(error))
    if again is None:
        detail = f"no optimiser {optimizer.name!r} is registered here"
        return Check("rerun", passed=None, detail=detail)
    for number, (recorded, found) in enumerate(
        zip(trace.events, again.events, strict=False), start=2
    ):
        difference = _difference(recorded, found)
        if difference:
            return Check("rerun", passed=False, detail=difference + _changed(trace), line=number)
    if len(trace.events) != len(again.events):
        detail = f"recorded {len(trace.events)} events, now {len(again.events)}" + _changed(trace)
        return Check("rerun", passed=False, detail=detail, line=len(trace.events) + 1)
    detail = f"{optimizer.name} with seed {optimizer.seed} asks the same, bit by bit"
    return Check("rerun", passed=True, detail=detail)


def _changed(trace: Trace) -> str:
    """Say which versions differ from those of the trace: the first suspects of a difference."""
    here = _versions()
    changed = [
        f"{name} {made} then, {here.get(name, 'none')} now"
        for name, made in trace.header.versions.items()
        if here.get(name) != made
    ]
    return f" ({'; '.join(changed)})" if changed else ""


def _difference(recorded: Event, found: Event) -> str:
    """Say in what two events differ, or return an empty string; floats differ by any bit."""
    if type(recorded) is not type(found):
        return f"recorded a {_TYPES[type(recorded)]}, now a {_TYPES[type(found)]}"
    before, now = _event_to_json(recorded), _event_to_json(found)
    differences = [
        f"{k}: recorded {before[k]!r}, now {now[k]!r}" for k in before if before[k] != now[k]
    ]
    return "; ".join(differences)


@cache
def _versions() -> dict[str, str]:
    return {
        "act-bench": version("act-bench"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }


_TYPES = {Query: "query", Charge: "charge", Revealed: "reveal"}

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
        "data_sha256": (str,),
        "optimizer": (dict, type(None)),
        "versions": (dict,),
    },
    "optimizer": {"name": (str,), "settings": (dict,), "seed": (int,), "workers": (int,)},
    "query": {
        "expression": (str,),
        "outcome": (str,),
        "validation_accuracy": _MAYBE,
        "cost_s": _NUMBER,
        "entry": (int,),
        "how_resolved": (str,),
        "score": _MAYBE,
        "repeated": (bool,),
        "epochs": (int, type(None)),
        "clock_s": _NUMBER,
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


def _event_to_json(event: Event) -> Json:
    kind = _TYPES[type(event)]
    if isinstance(event, Query):
        result = event.result._asdict()
        return {"type": kind, "expression": event.expression, **result, "clock_s": event.clock_s}
    return {"type": kind, **event._asdict()}


def _event_from_json(fields: Json, number: int) -> Event:
    kind = fields.pop("type", None)
    if kind not in ("query", "charge", "reveal"):
        raise TraceError(number, f"expected type query, charge or reveal, got {kind!r}")
    _check_fields(fields, str(kind), number)
    # The types of the fields were checked against the table above.
    if kind == "query":
        expression, clock_s = fields.pop("expression"), fields.pop("clock_s")
        result = Result(**fields)  # type: ignore[arg-type]
        return Query(cast("str", expression), result, cast("float", clock_s))
    return Charge(**fields) if kind == "charge" else Revealed(**fields)  # type: ignore[arg-type]


def _header_from_json(fields: Json, number: int) -> Header:
    if fields.pop("type", None) != "header":
        raise TraceError(number, "expected a header, a line of type 'header'")
    if fields.get("format") != FORMAT:
        raise TraceError(
            number,
            f"format {fields.get('format')!r} is not known, expected {FORMAT}: "
            "the trace was made by another version of act-bench",
        )
    _check_fields(fields, "header", number)
    del fields["format"]
    optimizer = fields.pop("optimizer")
    searcher = None
    if isinstance(optimizer, dict):
        _check_fields(optimizer, "optimizer", number)
        searcher = Searcher(**optimizer)
    return Header(**fields, optimizer=searcher)  # type: ignore[arg-type]


def _check_fields(fields: Json, kind: str, number: int) -> None:
    expected = _FIELDS[kind]
    if fields.keys() != expected.keys():
        missing = ", ".join(sorted(expected.keys() - fields.keys())) or "none"
        unknown = ", ".join(sorted(fields.keys() - expected.keys())) or "none"
        raise TraceError(number, f"{kind}: fields missing: {missing}; fields unknown: {unknown}")
    for name, types in expected.items():
        value = fields[name]
        # In Python a bool is an int; in JSON it is not a number.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise TraceError(number, f"{kind}: {name} is {value!r}, of the wrong type")


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
