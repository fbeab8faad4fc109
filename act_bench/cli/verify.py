"""``act-bench verify``: replay a trace, or check the embedded data."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TypedDict

import click

from act_bench.cli._command import Command
from act_bench.cli._options import json_option


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
@json_option
def command(trace: Path | None, no_rerun: bool, as_json: bool) -> None:
    r"""Replay TRACE, or check the embedded data if there is none.

    \b
      act-bench verify                                  every embedded file against its SHA-256
      act-bench simulate mlp --trials 5 --traces traces
      act-bench verify traces/knn-0.jsonl               data, answers and optimizer
      act-bench verify search.jsonl --no-rerun && echo genuine
      act-bench verify searches/mlp-full-gp-ei-0/trace.jsonl    against its own trainings

    A trace is checked for its format; for the data, by their SHA-256; for each answer, against the
    data; and, where its optimizer is known here, by running that again with its seed, bit by bit.
    Exit code 0: all of it holds. 1: something does not; the check and the line are printed.
    """
    verdicts = _embedded() if trace is None else _replayed(trace, not no_rerun)
    subject = "embedded data" if trace is None else str(trace)
    failed = any(verdict["passed"] is False for verdict in verdicts)
    if as_json:
        click.echo(json.dumps({"subject": subject, "passed": not failed, "checks": verdicts}))
    else:
        words = {True: "ok", False: "FAILED", None: "not made"}
        for verdict in verdicts:
            where = "" if verdict["line"] is None else f" (line {verdict['line']})"
            state = words[verdict["passed"]]
            click.echo(f"{verdict['check']:<24} {state:<9} {verdict['detail']}{where}")
        click.echo(f"{subject}: {'FAILED' if failed else 'verified'}")
    if failed:
        sys.exit(1)


def _embedded() -> list[Verdict]:
    from act_bench.files.manifest import DataError, read_manifest, verified
    from act_bench.tables.files import table_files
    from act_bench.tables.registry import TABLES

    verdicts: list[Verdict] = []
    own = {info.folder: table_files(info.name) for info in TABLES.values() if info.folder}
    for folder, records in [(None, read_manifest()), *own.items()]:
        for name, record in records.items():
            try:
                verified(name, folder)
                passed, detail = True, f"{record.rows:,} rows, SHA-256 {record.sha256[:12]}"
            except DataError as error:
                passed, detail = False, str(error)
            verdicts.append({"check": name, "passed": passed, "detail": detail, "line": None})
    return verdicts


def _replayed(path: Path, with_rerun: bool) -> list[Verdict]:
    from act_bench.search.verify import Rerun, verify

    if (path.parent / "search.json").exists():  # the folder of `act-bench search`
        from surrogates.live.replay import verify_search

        checks = verify_search(path, again=with_rerun)
    else:
        rerun: Rerun | None = None
        if with_rerun:
            from surrogates.simulation import rerun
        checks = verify(path, rerun=rerun)
    return [
        {"check": check.name, "passed": check.passed, "detail": check.detail, "line": check.line}
        for check in checks
    ]
