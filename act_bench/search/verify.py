"""Checking a trace: against the data, and against its optimizer run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from act_bench.errors import excerpt
from act_bench.search.benchmark import Benchmark
from act_bench.search.benchmark_data import SearchData
from act_bench.search.events import Charge, Event, Query, Setting
from act_bench.search.loading import load_data
from act_bench.search.refusals import SearchOverError
from act_bench.search.trace import (
    KINDS,
    PROTOCOL,
    Header,
    Trace,
    TraceError,
    event_to_json,
    read_trace,
    versions,
)

Verdict = Literal["verified", "consistent; not rerun", "FAILED"]

LARGEST_SETTING: Final = 10_000
"""The largest whole number that a setting of an optimizer in a trace may be, to be run again."""

_LONGEST_DETAIL: Final = 1000


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


def verdict(checks: Sequence[Check]) -> Verdict:
    """Return what the checks of a trace amount to.

    ``verified`` says that its optimizer, run again, asks the same. Without that a trace is
    consistent with the data, which any list of questions with true answers is.

    Examples
    --------
    >>> held = Check("answers", passed=True, detail="every line is what the data say")
    >>> again = Check("rerun", passed=True, detail="knn with seed 0 asks the same, bit by bit")
    >>> verdict([held, again]), verdict([held, again._replace(passed=None)]), verdict([held])
    ('verified', 'consistent; not rerun', 'consistent; not rerun')
    """
    if any(check.passed is False for check in checks):
        return "FAILED"
    rerun = any(check.name == "rerun" and check.passed for check in checks)
    return "verified" if rerun else "consistent; not rerun"


Rerun = Callable[[Trace, SearchData], Trace | None]
"""Runs the optimizer of a trace again; None when the name of the optimizer is not known."""


def verify(
    path: str | Path, *, data: SearchData | None = None, rerun: Rerun | None = None
) -> list[Check]:
    """Check a trace against the data, and against its optimizer run again.

    Parameters
    ----------
    path : str or Path
        The trace.
    data : SearchData, optional
        What to check against; default: what the header names.
    rerun : callable, optional
        Runs the optimizer again: ``surrogates.searches.single.rerun``. Default: no such check.

    Returns
    -------
    list of Check
        ``format``: the file is a trace. ``data``: its SHA-256 is that of the data here.
        ``answers``: every line is what the data say. ``rerun``: the optimizer asks the same again.
        After a failed ``format`` the others are left out.

    Raises
    ------
    OSError
        The file cannot be read.
    act_bench.files.manifest.DataError
        The data it names are absent or damaged.
    """
    try:
        trace = read_trace(path)
    except TraceError as error:
        return [Check("format", passed=False, detail=error.reason, line=error.line)]
    return check_trace(trace, data=data, rerun=rerun)


def check_trace(
    trace: Trace, *, data: SearchData | None = None, rerun: Rerun | None = None
) -> list[Check]:
    """Check a trace that was read; see :func:`verify`."""
    # A detail repeats what the trace says, which may be of any length.
    return [each._replace(detail=_cut(each.detail)) for each in _checks(trace, data, rerun)]


def _checks(trace: Trace, data: SearchData | None, rerun: Rerun | None) -> list[Check]:
    header = trace.header
    checks = [Check("format", passed=True, detail=f"a trace of {len(trace.events)} events")]
    if data is None:
        try:
            data = load_data(
                header.table, header.fidelity, header.edition, header.run_seed, header.rate
            )
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
                bench.query(event.expression, event.result.epochs, event.rate)
            elif isinstance(event, Charge):
                bench.charge(event.cost_s, event.reason)
            else:
                bench.reveal()
        except (ValueError, LookupError, SearchOverError) as error:
            return Check("answers", passed=False, detail=str(error), line=number)
        difference = _difference(event, bench.latest, trace.format)
        if difference:
            return Check("answers", passed=False, detail=difference, line=number)
    return Check("answers", passed=True, detail="every line is what the data say")


def _check_rerun(trace: Trace, data: SearchData, rerun: Rerun) -> Check:
    optimizer = trace.header.optimizer
    if optimizer is None:
        return Check("rerun", passed=None, detail="the trace names no optimizer")
    if absurd := [name for name, value in optimizer.settings.items() if _is_absurd(value)]:
        detail = f"no optimizer has a setting like {', '.join(absurd)}: beyond {LARGEST_SETTING:,}"
        return Check("rerun", passed=False, detail=detail, line=1)
    try:
        again = rerun(trace, data)
    except (TypeError, ValueError, ArithmeticError, LookupError, MemoryError) as error:
        detail = f"{optimizer.name} cannot be run again with the settings of the header: {error}"
        return Check("rerun", passed=False, detail=detail, line=1)
    except ImportError as error:  # an extra that is not installed
        return Check("rerun", passed=None, detail=str(error))
    if again is None:
        detail = f"no optimizer {optimizer.name!r} is registered here"
        return Check("rerun", passed=None, detail=detail)
    for number, (recorded, found) in enumerate(
        zip(trace.events, again.events, strict=False), start=2
    ):
        difference = _difference(recorded, found, trace.format)
        if difference:
            return Check("rerun", passed=False, detail=difference + _changed(trace), line=number)
    if len(trace.events) != len(again.events):
        detail = f"recorded {len(trace.events)} events, now {len(again.events)}" + _changed(trace)
        return Check("rerun", passed=False, detail=detail, line=len(trace.events) + 1)
    detail = f"{optimizer.name} with seed {optimizer.seed} asks the same, bit by bit"
    return Check("rerun", passed=True, detail=detail)


def _changed(trace: Trace) -> str:
    """Say which versions differ from those of the trace: the first suspects of a difference."""
    here = versions()
    changed = [
        f"{name} {made} then, {here.get(name, 'none')} now"
        for name, made in trace.header.versions.items()
        if here.get(name) != made and name != PROTOCOL
    ]
    return f" ({'; '.join(changed)})" if changed else ""


def _difference(recorded: Event, found: Event, trace_format: int) -> str:
    """Say in what two events differ, or return an empty string; floats differ by any bit."""
    if type(recorded) is not type(found):
        return f"recorded a {KINDS[type(recorded)]}, now a {KINDS[type(found)]}"
    before, now = event_to_json(recorded, trace_format), event_to_json(found, trace_format)
    differences = [
        f"{k}: recorded {excerpt(before[k], 200)}, now {excerpt(now[k], 200)}"
        for k in before
        if before[k] != now[k]
    ]
    return "; ".join(differences)


def _is_absurd(value: Setting) -> bool:
    """Say whether a setting would only make the optimizer allocate or loop without end."""
    return isinstance(value, int) and abs(value) > LARGEST_SETTING


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_DETAIL else f"{text[:_LONGEST_DETAIL]}..."
