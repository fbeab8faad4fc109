"""``act-bench verify``: replay a trace, or check the embedded data."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TypedDict

import click

from act_bench.cli._command import Command
from act_bench.cli._options import json_option
from act_bench.cli._progress import working


class Verdict(TypedDict):
    """One check: its name, whether it passed (None: it was not made), words, and the line."""

    check: str
    passed: bool | None
    detail: str
    line: int | None


@click.command(cls=Command)
@click.argument(
    "trace", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--no-rerun", is_flag=True, help="Check the answers; do not run the optimizer again.")
@click.option("--strict", is_flag=True, help="Fail where the optimizer could not be run again.")
@json_option
def command(trace: Path | None, no_rerun: bool, strict: bool, as_json: bool) -> None:
    r"""Replay TRACE, or check the embedded data if there is none.

    \b
      act-bench verify                                  every embedded file: SHA-256, and decoded
      act-bench simulate mlp --trials 5 --traces traces
      act-bench verify traces/knn-0.jsonl               data, answers and optimizer
      act-bench verify search.jsonl --no-rerun && echo genuine
      act-bench verify searches/mlp-full-gp-ei-0/trace.jsonl    against its own trainings

    A trace is checked for its format; for the data, by their SHA-256; for each answer, against the
    data; and, where its optimizer is known here, by running that again with its seed, bit by bit.
    A Parquet file of traces, as of `act-bench simulate --protocol`, is checked trace by trace: the
    verdict is the worst, and the line is the number of the trace.
    "verified" says that all of this was done; "consistent; not rerun" that the optimizer is not
    known here, so that nothing says who asked these questions.
    Exit code 0: all of it holds. 1: something does not, or with --strict was not rerun; the check
    and the line are printed.
    """
    if strict and no_rerun:
        raise click.UsageError("--strict wants the optimizer run again, and --no-rerun does not")
    if trace is None and (strict or no_rerun):
        raise click.UsageError("--strict and --no-rerun are about a TRACE, and none is given")
    if trace is None:
        with working("embedded data"):
            verdicts = _embedded()
        subject = "embedded data"
        failed = any(verdict["passed"] is False for verdict in verdicts)
        words = "FAILED" if failed else "verified"
    else:
        with working("replay"):
            verdicts, words = _replayed(trace, not no_rerun)
        subject = str(trace)
        failed = words == "FAILED" or (strict and words != "verified")
    if no_rerun and not failed:
        words = "consistent; the optimizer was not run again, as told"
    if as_json:
        document = {"subject": subject, "passed": not failed, "verdict": words, "checks": verdicts}
        click.echo(json.dumps(document))
    else:
        states = {True: "ok", False: "FAILED", None: "not made"}
        for verdict in verdicts:
            where = "" if verdict["line"] is None else f" (line {verdict['line']})"
            state = states[verdict["passed"]]
            click.echo(f"{verdict['check']:<24} {state:<9} {verdict['detail']}{where}")
        strictly = " (--strict)" if failed and words != "FAILED" else ""
        click.echo(f"{subject}: {words}{strictly}")
    if failed:
        sys.exit(1)


def _embedded() -> list[Verdict]:
    from act_bench.files.manifest import DataError, decoded, read_manifest
    from act_bench.tables.files import table_files
    from act_bench.tables.registry import TABLES

    verdicts: list[Verdict] = []
    own = {info.folder: table_files(info.name) for info in TABLES.values() if info.folder}
    for folder, records in [(None, read_manifest()), *own.items()]:
        for name, record in records.items():
            try:
                decoded(name, folder)
                passed, detail = True, f"{record.rows:,} rows, SHA-256 {record.sha256[:12]}"
            except DataError as error:
                passed, detail = False, str(error)
            verdicts.append({"check": name, "passed": passed, "detail": detail, "line": None})
    return verdicts


def _replayed(path: Path, with_rerun: bool) -> tuple[list[Verdict], str]:
    from act_bench.search.verify import Rerun, verdict, verify

    if path.suffix == ".parquet":
        return _many_replayed(path, with_rerun)
    if (path.parent / "search.json").exists():  # the folder of `act-bench search`
        from surrogates.live.replay import verify_search

        checks = verify_search(path, again=with_rerun)
    else:
        rerun: Rerun | None = None
        if with_rerun:
            from surrogates.searches.single import rerun
        checks = verify(path, rerun=rerun)
    verdicts: list[Verdict] = [
        {"check": check.name, "passed": check.passed, "detail": check.detail, "line": check.line}
        for check in checks
    ]
    return verdicts, verdict(checks)


def _many_replayed(path: Path, with_rerun: bool) -> tuple[list[Verdict], str]:
    """Check every trace of a Parquet file; of the checks, one row each: the first that failed."""
    from act_bench.search.trace import TraceError
    from act_bench.search.trace_table import read_traces
    from act_bench.search.verify import verdict
    from surrogates.reporting import checked

    try:
        traces = read_traces(path)
    except TraceError as error:
        failed: Verdict = {
            "check": "format",
            "passed": False,
            "detail": error.reason,
            "line": error.line,
        }
        return [failed], "FAILED"
    found: dict[str, Verdict] = {}
    words = []
    for number, checks in enumerate(checked(traces, again=with_rerun), start=1):
        words.append(verdict(checks))
        for check in checks:
            before = found.get(check.name)
            if before is None or (before["passed"] is True and not check.passed):
                line = None if check.passed else number
                found[check.name] = {
                    "check": check.name,
                    "passed": check.passed,
                    "detail": check.detail if line else f"of {len(traces)} traces",
                    "line": line,
                }
    worst = next(
        (word for word in ("FAILED", "consistent; not rerun") if word in words), "verified"
    )
    return list(found.values()), worst
